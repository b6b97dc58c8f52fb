"""Programs of Paddle 3, written by hand: what its exports do not show."""

import json

HEAD = {"magic": "pir", "trainable": True, "version": 4}


def tensor_type(shape=(2, 3), dtype="f32"):
    return {"#": "0.t_dtensor", "D": [{"#": f"0.t_{dtype}"}, list(shape), "NCHW", [], 0]}


def attribute(name, kind, value):
    return {"N": name, "AT": {"#": kind, "D": value}}


def operation(kind, inputs=(), outputs=(), attributes=(), **type_):
    """`outputs` are ids, all of one type (`shape`, `dtype`)."""
    return {
        "#": kind,
        "A": list(attributes),
        "I": [{"%": id_} for id_ in inputs],
        "O": [{"%": id_, "TT": tensor_type(**type_)} for id_ in outputs],
        "OA": [],
    }


def data(id_=1, name="x", **type_):
    return operation("1.data", (), (id_,), [attribute("name", "0.a_str", name)], **type_)


def fetch(id_):
    return operation("1.fetch", (id_,), (), [attribute("col", "0.a_i32", 0)])


def parameter(id_, name, shape=(2, 3), stored=1):
    return {
        "#": "p", "A": [0, 1, 1, name], "O": {"%": id_, "TT": tensor_type(shape)},
        "OA": [stored, 0, 1],
    }  # fmt: skip


def full(id_, value, shape=(1,), dtype="f32"):
    return operation(
        "1.full", (), (id_,), [attribute("value", "0.a_f64", value)], shape=shape, dtype=dtype
    )


def combine(inputs, id_):
    types = {"#": "0.t_vec", "D": [tensor_type() for _ in inputs]}
    return {"#": "0.combine", "I": [{"%": i} for i in inputs], "O": [{"%": id_, "TT": types}]}


def relu(source=1, target=2):
    return operation("1.relu", (source,), (target,))


def text_of(*operations):
    blocks = [{"#": "block_0", "args": [], "ops": list(operations)}]
    program = {"regions": [{"#": "region_0", "blocks": blocks}]}
    return json.dumps({"base_code": HEAD, "program": program})


def write(folder, *operations, name="inference.json"):
    """Write a program; returns its path."""
    path = folder / name
    path.write_text(text_of(*operations))
    return path
