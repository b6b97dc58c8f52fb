"""Programs of Paddle 3 that nobody's Paddle wrote: one line, soon, and in little memory."""

import json
import tracemalloc

import pytest
from support import pir_programs as pp

from ppghost.errors import InputError
from ppghost.formats import pir
from ppghost.formats.pir import legacy
from ppghost.formats.program_desc import feed_names, fetch_names, operator_types

DEEP = 200_000
VALUES = [0, -1, 2**63, 1e300, True, None, "x", "\ud800", [], {}, [[1]], {"#": "0.a_i32"}, [0]]
NUMBERS = pp.attribute("value", "0.a_array", [])
DECIMALS = pp.attribute("decimals", "0.a_i32", 2)
WHOLE = pp.relu()


def with_(operation, **changes):
    return operation | changes


def axis(value):
    return pp.attribute("axis", "0.a_i32", value)


def refused(path, message):
    with pytest.raises(InputError, match=message) as caught:
        pir.read_program(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert len(text) < len(str(path)) + 400


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([pp.data(), pp.relu(9), pp.fetch(2)], "pd_op.relu: an operand 9 that nothing before"),
        ([pp.data(), pp.relu(2, 2), pp.fetch(2)], "pd_op.relu: an operand 2 that nothing before"),
        ([pp.data(), pp.relu(), pp.relu(), pp.fetch(2)], "a result 2, .* is there twice"),
        ([pp.data(), pp.relu(1, 0)], "pd_op.relu: a result 0"),
        ([pp.data(), pp.relu(1, -3)], "pd_op.relu: a result -3"),
        ([pp.data(), pp.data(2), pp.fetch(2)], "two inputs or parameters are called 'x'"),
        ([pp.parameter(1, "w"), pp.parameter(2, "w")], "two inputs or parameters are called 'w'"),
        ([pp.data(name="feed"), pp.fetch(1)], "called 'feed'"),
        ([pp.data(), pp.relu()], "a program that has no output"),
        ([], "a program that has no output"),
        ([pp.data(shape=[10**6, 10**6]), pp.fetch(1)], "which is too large"),
        ([pp.data(shape=[1] * 10), pp.fetch(1)], "which is too large"),
        ([pp.data(shape=["3"]), pp.fetch(1)], "a tensor without type and sizes"),
        ([pp.data(dtype="string"), pp.fetch(1)], "a tensor of type '0.t_string'"),
        ([pp.data(), pp.full(2, 1.0, [2**30, 2]), pp.fetch(2)], "which is too large"),
        ([pp.data(), pp.full(2, "1"), pp.fetch(2)], "attribute 'value' holds no f64"),
        ([pp.data(), pp.operation("1.softmax", (1,), (2,), [axis(1.5)])], "'axis' holds no i32"),
        ([pp.data(), pp.operation("1.relu", (1, 1), (2,))], "2 operands, where Paddle 2.6 has 1"),
        ([pp.data(), pp.operation("1.relu", (1,), (2, 3))], "2 results, where Paddle 2.6 has 1"),
        ([pp.data(), pp.combine([1, 0], 2)], "builtin.combine: a list of something else"),
        ([pp.data(), pp.combine([1], 2), pp.fetch(2)], "pd_op.fetch: a fetch of something else"),
        ([pp.data(), with_(WHOLE, O=[{"%": 2}])], "a first result without a type"),
        ([with_(pp.parameter(1, "w"), A=["w"])], "a parameter without its name and type"),
        ([with_(pp.parameter(1, "w"), A=[0, 0, 0, 7])], "a parameter without a name"),
        ([with_(pp.data(), I=7)], r"operator 0: Expected `array`, got `int` - at `\$.I`"),
        ([{"#": 7}], "operator 0: Expected `str`, got `int`"),
        ([pp.data(), {"#": "1.relu_"}], "0 operands, where Paddle 2.6 has 1"),
        ([pp.data(), {"#": "2.yield"}], "cf.yield: an operator that Paddle 2.6 does not have"),
    ],
)
def test_a_program_that_is_none_is_one_line(tmp_path, operations, message):
    refused(pp.write(tmp_path, *operations), message)


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([{"#": "1.print"}], "pd_op.print: an operator that has no translation"),
        ([{"#": "1.save_combine"}], "pd_op.save_combine: an operator that has no"),
        ([{"#": "1.if"}], "pd_op.if: control flow"),
        ([{"#": "1.while", "regions": [{}]}], "pd_op.while: control flow"),
        ([with_(WHOLE, regions=[{}])], "pd_op.relu: control flow"),
        ([{"#": "3.mine"}], "custom_op.mine: an operator that Paddle 2.6 does not have"),
        ([{"#": "mine"}], "mine: an operator that Paddle 2.6 does not have"),
        ([{"#": "mine.op"}], "mine.op: an operator that Paddle 2.6 does not have"),
        (
            [pp.data(), with_(WHOLE, A=[pp.attribute("new", "0.a_bool", True)])],
            "pd_op.relu: an attribute 'new', which Paddle 2.6 does not have",
        ),
        (
            [
                pp.data(),
                pp.operation("1.round", (1,), (2,), [pp.attribute("decimals", "0.a_i32", 2)]),
            ],
            "'decimals' is 2; Paddle 2.6 knows 0 alone",
        ),
        (
            [pp.data(), pp.relu(), with_(pp.relu(2, 3), **{"#": "1.relu_"}), pp.relu(2, 4)],
            "an operand 2 that was changed in place before",
        ),
    ],
)
def test_what_paddle_2_cannot_say_is_refused_by_name(tmp_path, operations, message):
    refused(pp.write(tmp_path, *operations), message)


def test_a_new_attribute_that_is_off_changes_nothing(tmp_path):
    off = with_(WHOLE, A=[pp.attribute("new", "0.a_bool", False)])
    program = pir.read_program(pp.write(tmp_path, pp.data(), off, pp.fetch(2)))
    assert operator_types(program) == {"feed", "relu", "fetch"}


def test_one_tensor_of_a_list(tmp_path):
    element = pp.operation("0.slice", (3,), (4,), [pp.attribute("index", "0.a_i32", 1)])
    operations = [pp.data(), pp.relu(), pp.combine([1, 2], 3), element, pp.fetch(4)]
    program = pir.read_program(pp.write(tmp_path, *operations))
    assert fetch_names(program) == ["relu_2.tmp_0"]
    element["A"][0]["AT"]["D"] = 2
    refused(pp.write(tmp_path, *operations), "element 2 of a list of 2")


def test_outputs_that_nothing_computes_are_handed_over(tmp_path):
    operations = [pp.data(), pp.parameter(2, "w"), pp.full(3, 2.5), *map(pp.fetch, (1, 2, 3))]
    program = pir.read_program(pp.write(tmp_path, *operations))
    kinds = [op.type for op in program.blocks[0].ops]
    assert kinds == ["feed", "assign", "assign", "fill_constant", *["fetch"] * 3]
    assert feed_names(program) == ["x"]


def test_names_of_parameters_are_kept_from_what_is_computed(tmp_path):
    operations = [pp.data(), pp.relu(), pp.parameter(3, "relu_2.tmp_0"), pp.fetch(2), pp.fetch(3)]
    program = pir.read_program(pp.write(tmp_path, *operations))
    assert fetch_names(program)[0] == "relu_2.tmp_0_"


@pytest.mark.parametrize("where", ["D", "foo", "regions"])
def test_depth_is_bounded(tmp_path, where):
    deep = "[" * DEEP + "]" * DEEP
    text = pp.text_of(pp.data(), with_(WHOLE, A=[NUMBERS], foo=[], regions=[]))
    path = tmp_path / "inference.json"
    path.write_text(text.replace(f'"{where}": []', f'"{where}": {deep}'))
    assert path.stat().st_size > DEEP
    refused(path, "nested too deeply")


def test_memory_is_bounded(tmp_path):
    path = tmp_path / "inference.json"
    tracemalloc.start()
    try:
        path.write_text(pp.text_of(*[{}] * 150_000))
        refused(path, "150000 operators, more than any network has")
        with path.open("r+b") as file:
            file.truncate(2**35)
        refused(path, "a program of more than 32 MB")
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()


def test_a_list_that_is_used_often_counts_often(tmp_path, monkeypatch):
    monkeypatch.setattr(legacy, "_MAX_ITEMS", 10_000)
    adds = [pp.operation("1.add_n", (2,), (i,)) for i in range(3, 100)]
    program = [pp.data(), pp.combine([1] * 1000, 2), *adds, pp.fetch(3)]
    refused(pp.write(tmp_path, *program), "more operands and numbers than any network has")


def test_other_json_is_told_from_a_program(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"magic": "pir", "base_code": 1}')
    assert not pir.is_pir(config)
    assert not pir.is_pir(tmp_path / "missing.json")
    refused(config, "not a program of Paddle 3")
    config.write_bytes(b'{"base_code": {"magic": "pir", "version": 1}, "program": \xff')
    assert pir.is_pir(config)
    refused(config, "not a program of Paddle 3")


def test_whatever_is_changed_in_a_program_it_is_read_or_refused(tmp_path):
    """Every place of a small program in turn, by every kind of value."""
    axes = pp.attribute("axis", "0.a_array", [{"#": "0.a_i64", "D": 1}])
    text = pp.text_of(
        pp.data(),
        pp.parameter(2, "w"),
        pp.full(3, 1, (1,), "i32"),
        pp.operation("1.shape64", (1,), (4,), shape=[2], dtype="i64"),
        pp.operation("1.reshape", (1, 4), (5,), shape=[-1, 3]),
        pp.combine([5, 2], 6),
        pp.operation("1.concat", (6, 3), (7,), shape=[-1, 6]),
        pp.operation("1.all", (7,), (8,), [axes], shape=[-1], dtype="bool"),
        pp.fetch(8),
    )
    program = json.loads(text)
    assert _read_or_refused(tmp_path, program) is None
    for number, (holder, key) in enumerate([*_places(program)]):
        kept = holder[key]
        for value in (VALUES[number % len(VALUES)], VALUES[(number // 2) % len(VALUES)]):
            holder[key] = value
            assert "\n" not in (_read_or_refused(tmp_path, program) or "")
        holder[key] = kept


def _read_or_refused(folder, content):
    """What the reader says of a program that it refuses."""
    path = folder / "inference.json"
    path.write_text(json.dumps(content))
    try:
        pir.read_program(path).SerializeToString()
    except InputError as error:
        return str(error)
    return None


def _places(value):
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])
