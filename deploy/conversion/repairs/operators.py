"""One operator of a ProgramDesc: what it reads, its attributes, and new ones."""

from typing import Any

from ppghost.formats.op_desc import attribute, set_attribute
from ppghost.formats.program_desc import framework

__all__ = [
    "argument", "attribute", "computed_attributes", "main_output", "new_operator",
    "replace_operator", "set_argument", "set_attribute",
]  # fmt: skip


def argument(op: Any, slot: str) -> str | None:
    """The only variable of an operator's input or output slot; None if it has none."""
    for candidate in (*op.inputs, *op.outputs):
        if candidate.parameter == slot and candidate.arguments:
            return candidate.arguments[0]
    return None


def main_output(op: Any) -> str:
    """The variable that an operator is there for."""
    found = next(name for slot in ("Out", "Output", "Y") if (name := argument(op, slot)))
    return str(found)


def set_argument(op: Any, slot: str, name: str) -> None:
    """Make an operator read from its input slot `slot` the variable `name`."""
    for candidate in op.inputs:
        if candidate.parameter == slot:
            candidate.arguments[:] = [name]
            return
    op.inputs.add(parameter=slot, arguments=[name])


def computed_attributes(op: Any) -> list[str]:
    """The variables that an operator takes the values of attributes from."""
    return [name for attr in op.attrs for name in (attr.var_name, *attr.vars_name) if name]


def new_operator(
    kind: str, inputs: dict[str, str], outputs: dict[str, str], attributes: dict[str, Any]
) -> Any:
    """An OpDesc that stands in no block yet."""
    op = framework().OpDesc(type=kind)
    for slots, values in ((op.inputs, inputs), (op.outputs, outputs)):
        for slot, name in values.items():
            slots.add(parameter=slot, arguments=[name])
    for name, value in attributes.items():
        set_attribute(op, name, value)
    return op


def replace_operator(block: Any, old: Any, new: list[Any]) -> None:
    """Put operators into the place of one."""
    index = next(number for number, op in enumerate(block.ops) if op is old)
    del block.ops[index]
    for offset, op in enumerate(new):
        block.ops.insert(index + offset, op)
