"""Padding, slices and assignments whose constants or directions Paddle-Lite drops."""

from typing import Any

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import argument, attribute, set_attribute
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite
from ppghost.formats.program_desc import framework


def add_padding_value(graph: Graph) -> list[str]:
    """Make every `pad3d` with a value one with 0, and an addition of the value at the borders.

    Paddle pads images so too. Paddle-Lite pads with 0 whatever the value.
    """
    import numpy as np

    def build(r: Replacement) -> str | None:
        value, paddings = r.attribute("value", 0.0), r.attribute("paddings")
        layout = r.attribute("data_format", "NCDHW")
        if r.attribute("mode", "constant") != "constant" or not value:
            return None
        sizes = r.shape(r.x)[2:] if layout == "NCDHW" else r.shape(r.x)[1:4]
        if min(*sizes, *paddings) < 0:
            return None
        width, height, depth = paddings[:2], paddings[2:4], paddings[4:]
        borders = np.pad(np.zeros(sizes, np.float32), [depth, height, width], constant_values=value)
        # the same for all images and channels
        borders = borders[None, None] if layout == "NCDHW" else borders[None, ..., None]
        padded = r.add(
            "pad3d", {"X": r.x}, paddings=paddings, mode="constant", value=0.0, data_format=layout
        )
        return r.binary("add", padded, r.constant(borders))

    return rewrite(graph, "pad3d", build)


def flip_negative_strides(graph: Graph) -> list[str]:
    """Make every `strided_slice` that goes backwards one that goes forwards, and a `flip`.

    So too for one that starts before the first element, where Paddle-Lite reads what lies there.
    """

    def build(r: Replacement) -> str | None:
        x = r.input("Input")
        sizes, axes = r.shape(x), r.attribute("axes", [])
        bounds = [list(r.attribute(name, [])) for name in ("starts", "ends", "strides")]
        starts, ends, strides = bounds
        if r.attribute("decrease_axis", []) or min(sizes[axis] for axis in axes) < 1:
            return None
        before = any(start < -sizes[axis] for start, axis in zip(starts, axes, strict=True))
        if min(strides) > 0 and not before:
            return None
        backwards = []
        for number, axis in enumerate(axes):
            stride, size = strides[number], sizes[axis]
            taken = range(size)[starts[number] : _end(ends[number], size, stride) : stride]
            if not taken:
                return None
            starts[number], ends[number] = min(taken), max(taken) + 1
            strides[number] = abs(stride)
            if stride < 0:
                backwards.append(axis)
        result = x
        whole = bool(backwards) and all(
            (start, end, stride) == (0, sizes[axis], 1)
            for axis, start, end, stride in zip(axes, starts, ends, strides, strict=True)
        )
        if not whole:
            result = r.add(
                "strided_slice", {"Input": x}, axes=axes, starts=starts, ends=ends,
                strides=strides, infer_flags=[1] * len(axes), decrease_axis=[],
            )  # fmt: skip
        return r.add("flip", {"X": result}, axis=backwards) if backwards else result

    return rewrite(graph, "strided_slice", build, reads=("Input",), any_type=True)


def set_value_numbers(graph: Graph) -> list[str]:
    """Give every `set_value` its numbers in the attributes that Paddle-Lite reads.

    Paddle 2.6 writes one list for all types, `values`; older ones a list for each type.
    """
    repaired = []
    for _, op in graph.operators("set_value"):
        if attribute(op, "dtype") != framework().VarType.FP32:
            continue
        for attr in [attr for attr in op.attrs if attr.name == "values"]:
            if attribute(op, "fp32_values") or argument(op, "ValueTensor"):
                continue
            set_attribute(op, "fp32_values", [*map(_number, attr.scalars)], "FLOATS")
            repaired.append(str(argument(op, "Out")))
    return repaired


def _number(scalar: Any) -> float:
    """The value of a scalar, which stands in a field for its type."""
    kinds = scalar.Type
    fields = {kinds.BOOLEAN: scalar.b, kinds.LONG: scalar.i, kinds.FLOAT64: scalar.r}
    return float(fields[scalar.type])


def _end(end: int, size: int, stride: int) -> int | None:
    """A slice's end as Python has it; backwards, Paddle's -1 is behind the first element."""
    if end == -1 and stride < 0:
        return None
    return max(end + size, 0) if end < 0 else end
