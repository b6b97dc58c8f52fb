"""Padding, slices and assignments whose constants or directions Paddle-Lite drops."""

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import argument, attribute, set_attribute
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite


def pad3d_to_pad2d(graph: Graph) -> list[str]:
    """Make unsqueeze2, `pad3d` with a value other than 0 and squeeze2 one `pad2d`.

    Paddle pads images so. Paddle-Lite's pad3d pads with 0 whatever the value.
    """
    producers, uses, repaired = graph.producers(), graph.uses(), []
    for block, op in graph.operators("pad3d"):
        x, out = str(argument(op, "X")), str(argument(op, "Out"))
        first = producers.get(x)
        last = found[0] if len(found := uses[out]) == 1 else None
        paddings = attribute(op, "paddings", [])
        if (
            attribute(op, "mode", "constant") != "constant"
            or not attribute(op, "value", 0.0)
            or attribute(op, "data_format", "NCDHW") != "NCDHW"
            or argument(op, "Paddings")
            or first is None
            or last is None
            or (first.type, last.type) != ("unsqueeze2", "squeeze2")
            or attribute(first, "axes") != [2]
            or attribute(last, "axes") != [2]
            or len(uses[x]) != 1
            or any(paddings[4:])
        ):
            continue
        left, right, top, bottom = paddings[:4]
        replacement = Replacement(graph, block, last)
        result = replacement.add(
            "pad2d", {"X": str(argument(first, "X"))}, paddings=[top, bottom, left, right],
            mode="constant", pad_value=attribute(op, "value"), data_format="NCHW",
        )  # fmt: skip
        replacement.apply(result)
        block.ops.remove(op)
        block.ops.remove(first)
        repaired.append(replacement.out)
    return repaired


def shift_padding(graph: Graph) -> list[str]:
    """Subtract the value from what every other `pad3d` pads, and add it to the result."""

    def build(r: Replacement) -> str | None:
        value = r.attribute("value", 0.0)
        if r.attribute("mode", "constant") != "constant" or not value or argument(r.op, "Paddings"):
            return None
        padded = r.add(
            "pad3d", {"X": r.scale(r.x, 1, -value)}, paddings=r.attribute("paddings"),
            mode="constant", value=0.0, data_format=r.attribute("data_format", "NCDHW"),
        )  # fmt: skip
        return r.scale(padded, 1, value)

    return rewrite(graph, "pad3d", build)


def flip_negative_strides(graph: Graph) -> list[str]:
    """Make every `strided_slice` that goes backwards one that goes forwards, and a `flip`."""

    def build(r: Replacement) -> str | None:
        x = r.input("Input")
        sizes, axes = r.shape(x), r.attribute("axes", [])
        bounds = [list(r.attribute(name, [])) for name in ("starts", "ends", "strides")]
        starts, ends, strides = bounds
        names = [slot.parameter for slot in r.op.inputs if slot.arguments]
        if names != ["Input"] or r.attribute("decrease_axis", []) or min(strides) > 0:
            return None
        backwards = []
        for number, axis in enumerate(axes):
            if strides[number] > 0:
                continue
            if sizes[axis] < 1:
                return None
            taken = range(sizes[axis])[slice(starts[number], _end(ends[number], sizes[axis]),
                                             strides[number])]  # fmt: skip
            if not taken:
                return None
            starts[number], ends[number], strides[number] = taken[-1], taken[0] + 1, -taken.step
            backwards.append(axis)
        result = x
        whole = all(
            (start, end, stride) == (0, sizes[axis], 1)
            for axis, start, end, stride in zip(axes, starts, ends, strides, strict=True)
        )
        if not whole:
            result = r.add(
                "strided_slice", {"Input": x}, axes=axes, starts=starts, ends=ends,
                strides=strides, infer_flags=[1] * len(axes), decrease_axis=[],
            )  # fmt: skip
        return r.add("flip", {"X": result}, axis=backwards)

    return rewrite(graph, "strided_slice", build)


def set_value_numbers(graph: Graph) -> list[str]:
    """Give every `set_value` its numbers in the attributes that Paddle-Lite reads.

    Paddle 2.6 writes one list for all types, `values`; older ones a list for each type.
    """
    repaired = []
    for _, op in graph.operators("set_value"):
        for attr in [attr for attr in op.attrs if attr.name == "values"]:
            if attribute(op, "fp32_values") or argument(op, "ValueTensor"):
                continue
            set_attribute(op, "fp32_values", [scalar.r for scalar in attr.scalars], "FLOATS")
            repaired.append(str(argument(op, "Out")))
    return repaired


def _end(end: int, size: int) -> int | None:
    """A backward slice's end, None where it takes the first element; Paddle says -1 for that."""
    return None if end == -1 or end < -size else end
