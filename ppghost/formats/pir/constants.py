"""Constants: attributes wherever Paddle 2.6 has one for them, and else tensors where needed."""

import math
from collections.abc import Callable

from ppghost.formats.pir.context import Call, Context, filling, single_result
from ppghost.formats.pir.errors import Malformed
from ppghost.formats.pir.legacy import Operator
from ppghost.formats.pir.sizes import add_sizes
from ppghost.formats.pir.types import TensorType
from ppghost.formats.pir.values import Constant, Operand, Variable
from ppghost.formats.program_desc import framework
from ppghost.i18n import tr

#: what `arange` may have to become constants
_MAX_FOLDED = 2**16
#: constants of up to so many equal numbers may be attributes
_MAX_FILLED = 32


def _number(operand: Operand) -> float | None:
    """The one number of a constant."""
    return operand.numbers[0] if isinstance(operand, Constant) and operand.numbers else None


def _full(context: Context, call: Call) -> None:
    """One number everywhere."""
    id_, type_ = single_result(call)
    number = call.attributes.get("value")
    if not isinstance(number, (int, float)) or type_.numel() is None:
        raise Malformed("a full without its number and sizes")
    constant = Constant((_of_type(number, type_),), type_)
    if (type_.numel() or 0) > _MAX_FILLED:
        context.define(
            id_, context.add("fill_constant", {}, type_, filling(constant.numbers[0], type_))
        )
    else:
        context.define(id_, constant)


def _of_type(number: float, type_: TensorType) -> float:
    """A number as a tensor of a type holds it."""
    kinds = framework().VarType
    if type_.dtype in (kinds.FP16, kinds.BF16, kinds.FP32, kinds.FP64):
        return float(number)
    if isinstance(number, float) and not math.isfinite(number):
        raise Malformed("a whole number that is {number}", number=number)
    return bool(number) if type_.dtype == kinds.BOOL else int(number)


def _full_int_array(context: Context, call: Call) -> None:
    """Whole numbers."""
    id_, type_ = single_result(call)
    numbers = call.attributes.get("value")
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise Malformed("a full_int_array without whole numbers")
    context.define(id_, _constant(numbers, TensorType(type_.dtype, (len(numbers),))))


def _assign_value(context: Context, call: Call) -> None:
    """Numbers that are written in the program."""
    id_, type_ = single_result(call)
    numbers = call.attributes.get("values")
    if not isinstance(numbers, list) or len(numbers) != type_.numel():
        raise Malformed("an assign_value without as many numbers as it has places")
    if not all(isinstance(number, (int, float)) for number in numbers):
        raise Malformed("an assign_value of something else than numbers")
    context.define(id_, _constant([_of_type(number, type_) for number in numbers], type_))


def _constant(numbers: list[float], type_: TensorType) -> Constant:
    same = len({*map(str, numbers)}) == 1
    return Constant(tuple(numbers[:1] if same else numbers), type_)


def _arange(context: Context, call: Call) -> None:
    """Constants wherever they can be: Paddle 3 counts in float64, which Paddle-Lite refuses."""
    id_, type_ = single_result(call)
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
        slots[slot] = [context.cast(context.tensor(operand, tr("an arange")), type_.dtype).name]
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
    id_, type_ = single_result(call)
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


#: by name in Paddle 3
CONSTANTS: dict[str, Callable[[Context, Call], None]] = {
    "full": _full,
    "full_int_array": _full_int_array,
    "assign_value": _assign_value,
    "arange": _arange,
    "full_with_tensor": _full_with_tensor,
}
