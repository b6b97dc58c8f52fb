"""Operators whose translation is more than a row of the table.

`REPLACED` are translated here as a whole; `FINISHED` change what the table has made of one.
"""

import math
from collections.abc import Callable

from ppghost.formats.pir.context import Call, Context, expanded, filling
from ppghost.formats.pir.errors import Malformed, Unsupported
from ppghost.formats.pir.legacy import Operator, typed
from ppghost.formats.pir.sizes import add_sizes, int32_list, known_sizes, shape_of
from ppghost.formats.pir.types import TensorType
from ppghost.formats.pir.values import Constant, TensorList, Variable
from ppghost.formats.program_desc import framework

#: what slices give as the end of everything
_INT32_MAX, _INT32_MIN = 2**31 - 1, -(2**31)
#: what `arange` may have to become constants
_MAX_FOLDED = 2**16
#: constants of up to so many equal numbers may be attributes
_MAX_FILLED = 32


def _result(call: Call) -> tuple[int, TensorType]:
    """Id and type of the one tensor that a call gives."""
    if len(call.results) != 1 or not isinstance(call.results[0][1], TensorType):
        raise Malformed(f"{call.name} without one tensor as result")
    id_, type_ = call.results[0]
    assert isinstance(type_, TensorType)
    return id_, type_


def _number(operand: object) -> float | None:
    """The one number of a constant."""
    return operand.numbers[0] if isinstance(operand, Constant) and operand.numbers else None


def _data(context: Context, call: Call) -> None:
    """An input."""
    id_, type_ = _result(call)
    name = call.attributes.get("name")
    if not isinstance(name, str) or not name:
        raise Malformed("an input without a name")
    context.program.declare_outside(name, type_)
    context.program.feeds.append(name)
    context.define(id_, Variable(name, type_))


def _fetch(context: Context, call: Call) -> None:
    """An output; parameters and inputs are handed over by an operator, as exports of 2.6 do."""
    if len(call.operands) != 1:
        raise Malformed("a fetch of something else than one tensor")
    fetched = context.tensor(call.operands[0], "a fetch")
    program = context.program
    if fetched.name in program.parameters or fetched.name in program.feeds:
        fetched = context.add("assign", {"X": [fetched.name]}, fetched.type)
    program.fetches.append(fetched.name)


def _full(context: Context, call: Call) -> None:
    """One number everywhere."""
    id_, type_ = _result(call)
    number = call.attributes.get("value")
    if not isinstance(number, (int, float)) or type_.count() is None:
        raise Malformed("a full without its number and sizes")
    constant = Constant((_of_type(number, type_),), type_)
    if (type_.count() or 0) > _MAX_FILLED:
        context.define(id_, context.add("fill_constant", {}, type_, filling(constant.numbers[0], type_)))
    else:
        context.define(id_, constant)


def _of_type(number: float, type_: TensorType) -> float:
    """A number as a tensor of a type holds it."""
    kinds = framework().VarType
    if type_.dtype in (kinds.FP16, kinds.BF16, kinds.FP32, kinds.FP64):
        return float(number)
    if isinstance(number, float) and not math.isfinite(number):
        raise Malformed(f"a whole number that is {number}")
    return bool(number) if type_.dtype == kinds.BOOL else int(number)


def _full_int_array(context: Context, call: Call) -> None:
    """Whole numbers."""
    id_, type_ = _result(call)
    numbers = call.attributes.get("value")
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise Malformed("a full_int_array without whole numbers")
    context.define(id_, _constant(numbers, TensorType(type_.dtype, (len(numbers),))))


def _assign_value(context: Context, call: Call) -> None:
    """Numbers that are written in the program."""
    id_, type_ = _result(call)
    numbers = call.attributes.get("values")
    if not isinstance(numbers, list) or len(numbers) != type_.count():
        raise Malformed("an assign_value without as many numbers as it has places")
    if not all(isinstance(number, (int, float)) for number in numbers):
        raise Malformed("an assign_value of something else than numbers")
    context.define(id_, _constant([_of_type(number, type_) for number in numbers], type_))


def _constant(numbers: list[float], type_: TensorType) -> Constant:
    same = len(numbers) > 0 and all(number == numbers[0] for number in numbers)
    return Constant(tuple(numbers[:1] if same else numbers), type_)


def _combine(context: Context, call: Call) -> None:
    """Several tensors as one operand."""
    items = []
    for operand in call.operands:
        if operand is None or isinstance(operand, TensorList):
            raise Malformed("a list of something else than tensors")
        items.append(operand)
    if len(call.results) != 1:
        raise Malformed("a combine without one result")
    context.define(call.results[0][0], TensorList(tuple(items)))


def _builtin_split(context: Context, call: Call) -> None:
    """The tensors of a list."""
    [tensors] = call.operands if len(call.operands) == 1 else [None]
    if not isinstance(tensors, TensorList) or len(tensors.items) != len(call.results):
        raise Malformed("a split of a list that has another length")
    for (id_, _), item in zip(call.results, tensors.items, strict=True):
        context.define(id_, item)


def _builtin_slice(context: Context, call: Call) -> None:
    """One tensor of a list."""
    [tensors] = call.operands if len(call.operands) == 1 else [None]
    index = call.attributes.get("index")
    if not isinstance(tensors, TensorList) or type(index) is not int:
        raise Malformed("a slice of something else than a list")
    if not 0 <= index < len(tensors.items) or len(call.results) != 1:
        raise Malformed(f"element {index} of a list of {len(tensors.items)}")
    context.define(call.results[0][0], tensors.items[index])


def _arange(context: Context, call: Call) -> None:
    """Constants wherever they can be: Paddle 3 counts in float64, which Paddle-Lite refuses."""
    id_, type_ = _result(call)
    if len(call.operands) != 3:
        raise Malformed("an arange without start, end and step")
    start, end, step = (_number(operand) for operand in call.operands)
    if start is not None and end is not None and step:
        numbers = _counted(start, end, step, type_)
        if numbers is not None:
            context.define(id_, _constant(numbers, TensorType(type_.dtype, (len(numbers),))))
            return
    slots = {}
    for slot, operand in zip(("Start", "End", "Step"), call.operands, strict=True):
        slots[slot] = [context.cast(context.tensor(operand, "an arange"), type_.dtype).name]
    context.define(id_, context.add("range", slots, type_))


def _counted(start: float, end: float, step: float, type_: TensorType) -> list[float] | None:
    """The numbers of a range, added up one by one as Paddle's kernel does; None if too many."""
    import numpy as np

    kinds = framework().VarType
    names = {
        kinds.INT32: "int32", kinds.INT64: "int64", kinds.FP32: "float32", kinds.FP64: "float64",
    }  # fmt: skip
    if type_.dtype not in names or not all(map(math.isfinite, (start, end, step))):
        return None
    if type_.dtype in (kinds.INT32, kinds.INT64):
        start, end, step = int(start), int(end), int(step)
    count = max(0, math.ceil((end - start) / step)) if step else 0
    if not 0 < count <= _MAX_FOLDED or max(map(abs, (start, end, step))) >= 2**31:
        return None
    terms = np.full(count, step, names[type_.dtype])
    terms[0] = start
    return np.add.accumulate(terms, dtype=terms.dtype).tolist()


def _full_with_tensor(context: Context, call: Call) -> None:
    """One number everywhere, in a shape that the program computes."""
    id_, type_ = _result(call)
    if len(call.operands) != 2:
        raise Malformed("a full_with_tensor without number and sizes")
    value, shape = call.operands
    operator = Operator("fill_constant", {}, {"Out": []}, filling(_number(value) or 0.0, type_))
    if _number(value) is None:
        operator.attributes["str_value"] = ("STRING", "")
        operator.inputs["ValueTensor"] = [context.tensor(value, "a number").name]
    add_sizes(context, operator, "shape|ShapeTensor|ShapeTensorList", "LONGS", shape)
    name = context.program.declare(f"full_{id_}", type_)
    operator.outputs["Out"] = [name]
    context.program.add(operator)
    context.define(id_, Variable(name, type_))


def _shape(context: Context, call: Call) -> None:
    """Sizes: of int64 in Paddle 3, of int32 in Paddle 2.6."""
    id_, type_ = _result(call)
    [operand] = call.operands if len(call.operands) == 1 else [None]
    shape = shape_of(context, context.tensor(operand, "a shape"))
    context.define(id_, context.cast(shape, type_.dtype))


def _strided_slice(context: Context, call: Call) -> None:
    """Backwards to the very end is a flip: Paddle 2.6.2's own kernel loses an element there."""
    id_, type_ = _result(call)
    if len(call.operands) != 4:
        raise Malformed("a strided_slice without starts, ends and strides")
    x = context.tensor(call.operands[0], "a slice")
    bounds = [known_sizes(context, operand) for operand in call.operands[1:]]
    axes = call.attributes.get("axes")
    if not isinstance(axes, list) or not all(
        type(axis) is int and -len(x.type.dims) <= axis < len(x.type.dims) for axis in axes
    ):
        raise Malformed("a strided_slice without axes of its tensor")
    numbers = [
        [size for size in bound or () if isinstance(size, int)]
        for bound in bounds
    ]
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
            raise Malformed(f"{call.name} to something else than sizes")
        int32 = framework().VarType.INT32
        operator.inputs["OutSize"] = [context.cast(wanted, int32).name]
    elif all(isinstance(size, int) for size in sizes):
        names = ("out_d", "out_h", "out_w")[-len(sizes) :]
        if not 0 < len(sizes) <= 3:
            raise Malformed(f"{call.name} to {len(sizes)} sizes")
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
        operator.outputs[slot] = operator.inputs[source]


def _finish_reshape(context: Context, call: Call, operator: Operator) -> None:
    """The sizes that the result has anyway, where they say it all; and the XShape of 2.6."""
    source = context.tensor(call.operands[0], "a reshape")
    [result] = operator.outputs["Out"]
    dims = context.program.types[result].dims
    if dims.count(-1) <= 1 and 0 not in dims:
        operator.attributes["shape"] = typed("INTS", list(dims), "shape")
        operator.inputs = {"X": operator.inputs["X"]}
    xshape = TensorType(source.type.dtype, (0, *source.type.dims))
    operator.outputs["XShape"] = [context.program.declare(f"{result}.xshape", xshape)]


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
    "builtin.combine": _combine,
    "builtin.split": _builtin_split,
    "builtin.slice": _builtin_slice,
    "data": _data,
    "fetch": _fetch,
    "full": _full,
    "full_int_array": _full_int_array,
    "assign_value": _assign_value,
    "arange": _arange,
    "full_with_tensor": _full_with_tensor,
    "shape": _shape,
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
