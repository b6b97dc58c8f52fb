"""Arithmetic of shapes: what is known of it is computed here, and the rest stays as small as 2.6's.

Paddle 3 reads sizes with `shape64` and takes them apart and together again (slice, stack, concat)
on the way into reshape, expand or full. Paddle-Lite wants int32, and constants instead of
arithmetic, wherever there can be one.
"""

from collections.abc import Callable
from operator import add, floordiv, mul, sub
from typing import TypeAlias

from ppghost.formats.pir.context import Call, Context, expanded, is_integer
from ppghost.formats.pir.errors import Malformed, Unsupported
from ppghost.formats.pir.legacy import Operator, TypedValue, typed
from ppghost.formats.pir.types import TensorType
from ppghost.formats.pir.values import Constant, OpenSize, Operand, Size, TensorList, Variable
from ppghost.formats.program_desc import framework

#: a shape has up to 9 sizes; what is longer is data
_MAX_SIZES = 32


def known_sizes(context: Context, operand: Operand) -> tuple[Size, ...] | None:
    """An operand number by number; None if it is no small tensor (or tensors) of whole numbers."""
    if isinstance(operand, TensorList):
        parts = [known_sizes(context, item) for item in operand.items[: _MAX_SIZES + 1]]
        if any(part is None or len(part) != 1 for part in parts):
            return None
        return tuple(size for part in parts for size in part or ())
    if isinstance(operand, Constant):
        # eye has its sizes in float32
        whole = all(float(number).is_integer() for number in operand.numbers)
        small = (operand.type.numel() or 0) <= _MAX_SIZES
        return tuple(int(number) for number in expanded(operand)) if whole and small else None
    if operand is None or not is_integer(operand.type):
        return None
    if operand.name in context.sizes:
        return context.sizes[operand.name]
    return (operand,) if operand.type.numel() == 1 else None


def fold(context: Context, call: Call) -> tuple[Size, ...] | None:
    """What a call computes, if that is a shape or a part of one."""
    compute = _FOLDED.get(call.name)
    if compute is None or not call.results:
        return None
    type_ = call.results[0][1]
    if not isinstance(type_, TensorType) or not is_integer(type_) or len(type_.dims) > 1:
        return None
    found = compute(context, call)
    count = type_.numel()
    return found if found and len(found) == count and count <= _MAX_SIZES else None


def int32_list(context: Context, sizes: tuple[Size, ...]) -> list[str]:
    """Sizes as variables, int32 [1] each, as both Paddle 2.6 and Paddle-Lite take them."""
    return [_int32(context, size).name for size in sizes]


def _int32(context: Context, size: Size) -> Variable:
    int32 = framework().VarType.INT32
    single = TensorType(int32, (1,))
    if isinstance(size, int):
        return context.tensor(Constant((size,), single), "a size")
    if isinstance(size, OpenSize):
        return context.once(
            size, "slice", {"Input": [shape_of(context, size.of).name]}, single,
            axes=("INTS", [0]), starts=("INTS", [size.axis]), ends=("INTS", [size.axis + 1]),
            infer_flags=("INTS", [1]), decrease_axis=("INTS", []),
        )  # fmt: skip
    size = context.cast(size, int32)
    return size if size.type.dims == (1,) else flat(context, size)


def flat(context: Context, variable: Variable) -> Variable:
    """A tensor of one number, which may have no sizes at all, as one of size [1]."""
    type_ = TensorType(variable.type.dtype, (1,))
    key = ("flat", variable)
    return context.once(key, "reshape2", {"X": [variable.name]}, type_, shape=("INTS", [1]))


def shape_of(context: Context, variable: Variable) -> Variable:
    """The sizes of a tensor as Paddle 2.6 gives them, in int32."""
    type_ = TensorType(framework().VarType.INT32, (len(variable.type.dims),))
    return context.once(("shape", variable), "shape", {"Input": [variable.name]}, type_)


def add_sizes(context: Context, target: Operator, spec: str, kind: str, operand: Operand) -> None:
    """Give an operator whole numbers as its attribute, or as tensors where they are not known.

    Args:
        context: where tensors are written.
        target: the operator.
        spec: "ATTRIBUTE|SLOT|LIST": of one tensor and of a list; each slot may be missing.
        kind: of the attribute.
        operand: constants, a tensor or a list of tensors.
    """
    name, tensor_slot, list_slot = (*spec.split("|"), "", "")[:3]
    sizes, known = known_sizes(context, operand), _numbers(context, operand)
    if known is not None:
        if not kind.endswith("S") and len(known) != 1:
            raise Malformed(
                "{type} with {count} numbers for {name!r}",
                type=target.type,
                count=len(known),
                name=name,
            )
        target.attributes[name] = _typed(kind, known)
    elif sizes is not None and list_slot:
        # -1 is a size of its own for expand
        unknown = -2 if target.type == "expand_v2" else -1
        numbers = [size if isinstance(size, int) else unknown for size in sizes]
        target.attributes[name] = _typed(kind, numbers)
        target.inputs[list_slot] = int32_list(context, sizes)
    elif tensor_slot and isinstance(operand, Variable):
        target.inputs[tensor_slot] = [context.cast(operand, framework().VarType.INT32).name]
    else:
        raise Unsupported(
            "{type} whose {name!r} is computed by the program", type=target.type, name=name
        )


def _typed(kind: str, numbers: list[int]) -> TypedValue:
    """Whole numbers as an attribute: one of them, or all."""
    return typed(kind, numbers if kind.endswith("S") else numbers[0], "sizes")


def _shape(context: Context, call: Call) -> tuple[Size, ...] | None:
    if len(call.operands) != 1:
        return None
    variable = context.tensor(call.operands[0], "a shape")
    return tuple(
        size if size >= 0 else OpenSize(variable, axis)
        for axis, size in enumerate(variable.type.dims)
    )


def _slice(context: Context, call: Call) -> tuple[Size, ...] | None:
    x, starts, ends = (known_sizes(context, operand) for operand in call.operands)
    if x is None or call.attributes.get("axes") != [0] or starts is None or ends is None:
        return None
    match starts, ends:
        case (int(start),), (int(end),):
            return x[start:end]
    return None


def _joined(context: Context, call: Call) -> tuple[Size, ...] | None:
    items = call.operands[0]
    if not isinstance(items, TensorList) or len(items.items) > _MAX_SIZES:
        return None
    parts = [known_sizes(context, item) for item in items.items]
    if any(part is None for part in parts):
        return None
    return tuple(size for part in parts for size in part or ())


def _same(context: Context, call: Call) -> tuple[Size, ...] | None:
    return known_sizes(context, call.operands[0])


def _arithmetic(compute: Callable[[int, int], int]) -> "Fold":
    def fold_numbers(context: Context, call: Call) -> tuple[Size, ...] | None:
        left, right = (_numbers(context, operand) for operand in call.operands)
        if not left or not right or (compute is floordiv and 0 in right):
            return None
        count = max(len(left), len(right))
        left, right = (side * count if len(side) == 1 else side for side in (left, right))
        return tuple(map(compute, left, right)) if len(left) == len(right) else None

    return fold_numbers


def _numbers(context: Context, operand: Operand) -> list[int] | None:
    """What is known number by number."""
    sizes = known_sizes(context, operand)
    numbers = [size for size in sizes or () if isinstance(size, int)]
    return numbers if sizes is not None and len(numbers) == len(sizes) else None


Fold: TypeAlias = Callable[[Context, Call], tuple[Size, ...] | None]
_FOLDED: dict[str, Fold] = {
    "shape64": _shape,
    "slice": _slice,
    "stack": _joined,
    "concat": _joined,
    "cast": _same,
    "assign": _same,
    "squeeze": _same,
    "unsqueeze": _same,
    "reshape": _same,
    "add": _arithmetic(add),
    "subtract": _arithmetic(sub),
    "multiply": _arithmetic(mul),
    "floor_divide": _arithmetic(floordiv),
}
