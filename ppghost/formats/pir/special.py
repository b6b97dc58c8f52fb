"""Operators whose translation is more than a row of the table.

`REPLACED` are translated here as a whole; `FINISHED` change what the table has made of one.
"""

from collections.abc import Callable

from ppghost.formats.pir.context import Call, Context, expanded, single_result
from ppghost.formats.pir.errors import Malformed, Unsupported
from ppghost.formats.pir.legacy import Operator, typed
from ppghost.formats.pir.sizes import int32_list, known_sizes, shape_of
from ppghost.formats.pir.types import TensorType
from ppghost.formats.pir.values import Constant, Variable
from ppghost.formats.program_desc import framework

#: what slices give as the end of everything
_INT32_MAX, _INT32_MIN = 2**31 - 1, -(2**31)


def _shape(context: Context, call: Call) -> None:
    """Sizes: of int64 in Paddle 3, of int32 in Paddle 2.6."""
    id_, type_ = single_result(call)
    [operand] = call.operands if len(call.operands) == 1 else [None]
    shape = shape_of(context, context.tensor(operand, "a shape"))
    context.define(id_, context.cast(shape, type_.dtype))


def _strided_slice(context: Context, call: Call) -> None:
    """Backwards to the very end is a flip: Paddle 2.6.2's own kernel loses an element there."""
    id_, type_ = single_result(call)
    if len(call.operands) != 4:
        raise Malformed("a strided_slice without starts, ends and strides")
    x = context.tensor(call.operands[0], "a slice")
    bounds = [known_sizes(context, operand) for operand in call.operands[1:]]
    axes = call.attributes.get("axes")
    if not isinstance(axes, list) or not all(
        type(axis) is int and -len(x.type.dims) <= axis < len(x.type.dims) for axis in axes
    ):
        raise Malformed("a strided_slice without axes of its tensor")
    numbers = [[size for size in bound or () if isinstance(size, int)] for bound in bounds]
    if any(len(each) != len(axes) for each in numbers):
        raise Unsupported("a strided_slice whose bounds are computed by the program")
    starts, ends, strides = numbers
    backwards = []
    for place, axis in enumerate(axes):
        if strides[place] < 0 and ends[place] <= _INT32_MIN:
            starts[place] = _start_backwards(starts[place], x.type.dims[axis])
            ends[place], strides[place] = _INT32_MAX, -strides[place]
            backwards.append(axis)
    if backwards:
        axis_ = typed("INTS", backwards, "axis")
        x = context.add("flip", {"X": [x.name]}, x.type, {"axis": axis_})
    if any(starts) or any(end < _INT32_MAX for end in ends) or set(strides) != {1}:
        attributes = {
            "axes": axes, "starts": starts, "ends": ends, "strides": strides,
            "infer_flags": [1] * len(axes), "decrease_axis": [],
        }  # fmt: skip
        typed_ = {name: typed("INTS", value, name) for name, value in attributes.items()}
        x = context.add("strided_slice", {"Input": [x.name]}, type_, typed_)
    context.define(id_, x)


def _start_backwards(start: int, size: int) -> int:
    """Where a slice starts that goes backwards from `start`, counted from the end."""
    if start < 0:
        return -1 - start
    if start >= _INT32_MAX:
        return 0
    if size < 0:
        raise Unsupported("a slice that goes backwards along an open size")
    return max(0, size - 1 - start)


def _finish_interpolation(context: Context, call: Call, operator: Operator) -> None:
    """The size asked for as attributes, or as int32: Paddle 2.6 reads nothing else."""
    _, out_size, size_tensor, scale = call.operands
    wanted = size_tensor if size_tensor is not None else out_size
    for slot in ("OutSize", "SizeTensor"):
        operator.inputs.pop(slot, None)
    if isinstance(scale, Constant):
        operator.inputs.pop("Scale")
        operator.attributes["scale"] = typed("FLOATS", list(expanded(scale)), "scale")
    if wanted is None:
        return
    sizes = known_sizes(context, wanted)
    if sizes is None:
        if not isinstance(wanted, Variable):
            raise Malformed("{name} to something else than sizes", name=call.name)
        int32 = framework().VarType.INT32
        operator.inputs["OutSize"] = [context.cast(wanted, int32).name]
    elif all(isinstance(size, int) for size in sizes):
        names = ("out_d", "out_h", "out_w")[-len(sizes) :]
        if not 0 < len(sizes) <= 3:
            raise Malformed("{name} to {count} sizes", name=call.name, count=len(sizes))
        operator.attributes |= {
            name: typed("INT", size, name) for name, size in zip(names, sizes, strict=True)
        }
    else:
        operator.inputs["SizeTensor"] = int32_list(context, sizes)
    # would be read first
    operator.attributes["scale"] = ("FLOATS", [])


def _finish_reduction(context: Context, call: Call, operator: Operator) -> None:
    """`reduce_all` where the axes are none, or all."""
    rank = len(_rank_of(context, call))
    axes = operator.attributes.get("dim", ("INTS", []))[1]
    covered = {axis % rank for axis in axes} if rank else set()
    operator.attributes["reduce_all"] = ("BOOLEAN", len(covered) in (0, rank))
    if operator.attributes.get("out_dtype", ("INT", -1))[1] != -1:
        operator.attributes["in_dtype"] = ("INT", context.tensor(call.operands[0], "").type.dtype)


def _rank_of(context: Context, call: Call) -> tuple[int, ...]:
    return context.tensor(call.operands[0], call.name).type.dims


def _finish_cast(context: Context, call: Call, operator: Operator) -> None:
    source = context.tensor(call.operands[0], "a cast")
    operator.attributes["in_dtype"] = ("INT", source.type.dtype)


def _finish_set_value(context: Context, call: Call, operator: Operator) -> None:
    source = context.tensor(call.operands[0], "a set_value")
    operator.attributes["dtype"] = ("INT", source.type.dtype)


def _finish_batch_norm(context: Context, call: Call, operator: Operator) -> None:
    """Statistics are updated in place, which in evaluation changes nothing."""
    for slot, source in (("MeanOut", "Mean"), ("VarianceOut", "Variance")):
        operator.outputs[slot] = operator.inputs.get(source, [])


def _finish_reshape(context: Context, call: Call, operator: Operator) -> None:
    """The sizes that the result has anyway, where they say it all; and the XShape of 2.6."""
    source = context.tensor(call.operands[0], "a reshape")
    _, (_, dims) = single_result(call)
    if dims.count(-1) <= 1 and 0 not in dims:
        operator.attributes["shape"] = typed("INTS", list(dims), "shape")
        operator.inputs = {"X": operator.inputs["X"]}
    xshape = TensorType(source.type.dtype, (0, *source.type.dims))
    operator.outputs["XShape"] = [
        context.program.declare(f"reshape_{call.results[0][0]}.tmp_1", xshape)
    ]


def _finish_slice(context: Context, call: Call, operator: Operator) -> None:
    """Bounds that the program computes give no size that could be inferred."""
    if len(operator.inputs) > 1:
        axes = operator.attributes.get("axes", ("INTS", []))[1]
        operator.attributes["infer_flags"] = ("INTS", [-1] * len(axes))


def _finish_batch_size_like(context: Context, call: Call, operator: Operator) -> None:
    number = operator.attributes.get("value", ("FLOAT", 0.0))[1]
    operator.attributes["str_value"] = ("STRING", str(number))


#: by name in Paddle 3
REPLACED: dict[str, Callable[[Context, Call], None]] = {
    "shape64": _shape,
    "strided_slice": _strided_slice,
}
#: by name in Paddle 2.6
FINISHED: dict[str, Callable[[Context, Call, Operator], None]] = {
    "batch_norm": _finish_batch_norm,
    "cast": _finish_cast,
    "fill_constant_batch_size_like": _finish_batch_size_like,
    "reshape2": _finish_reshape,
    "set_value": _finish_set_value,
    "slice": _finish_slice,
    **dict.fromkeys(
        ("reduce_all", "reduce_amax", "reduce_amin", "reduce_any", "reduce_max", "reduce_mean",
         "reduce_min", "reduce_prod", "reduce_sum", "frobenius_norm"),
        _finish_reduction,
    ),
    **dict.fromkeys(
        ("bicubic_interp_v2", "bilinear_interp_v2", "linear_interp_v2", "nearest_interp_v2",
         "trilinear_interp_v2"),
        _finish_interpolation,
    ),
}  # fmt: skip
