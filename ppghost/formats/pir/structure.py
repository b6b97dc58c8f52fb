"""What holds a program together: its inputs and outputs, and lists of tensors."""

from collections.abc import Callable

from ppghost.formats.pir.context import Call, Context, single_result
from ppghost.formats.pir.errors import Malformed
from ppghost.formats.pir.values import TensorList, Variable


def _data(context: Context, call: Call) -> None:
    """An input."""
    id_, type_ = single_result(call)
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
        raise Malformed(
            "element {index} of a list of {count}", index=index, count=len(tensors.items)
        )
    context.define(call.results[0][0], tensors.items[index])


#: by name in Paddle 3
STRUCTURE: dict[str, Callable[[Context, Call], None]] = {
    "builtin.combine": _combine,
    "builtin.split": _builtin_split,
    "builtin.slice": _builtin_slice,
    "data": _data,
    "fetch": _fetch,
}
