"""One operator of a ProgramDesc: the variables in its slots, and its attributes."""

from typing import Any

from ppghost.formats.program_desc import framework

#: AttrType -> the field of OpDesc.Attr that holds the value
ATTRIBUTE_FIELDS = {
    "INT": "i", "FLOAT": "f", "STRING": "s", "INTS": "ints", "FLOATS": "floats",
    "STRINGS": "strings", "BOOLEAN": "b", "BOOLEANS": "bools", "BLOCK": "block_idx", "LONG": "l",
    "LONGS": "longs", "FLOAT64": "float64",
}  # fmt: skip

#: attributes for people who look for a fault
_NOTES = ("op_callstack", "op_namescope", "op_role", "op_role_var", "op_device")


def arguments(slots: Any, name: str) -> list[str]:
    """The variables in the slot `name` of `op.inputs` or `op.outputs`, none where there is none."""
    return [argument for slot in slots if slot.parameter == name for argument in slot.arguments]


def all_arguments(slots: Any) -> list[str]:
    """The variables in all slots of `op.inputs` or `op.outputs`."""
    return [argument for slot in slots for argument in slot.arguments]


def attribute(op: Any, name: str, default: Any = None) -> Any:
    """An operator's attribute; `default` where the program does not say."""
    return next((_value(attr) for attr in op.attrs if attr.name == name), default)


def attribute_values(op: Any) -> dict[str, Any]:
    """All attributes of an operator that say what it computes: not where it was written."""
    return {attr.name: _value(attr) for attr in op.attrs if attr.name not in _NOTES}


def set_attribute(op: Any, name: str, value: Any, kind: str | None = None) -> None:
    """Give an operator an attribute, of the `AttrType` that follows from the value."""
    for attr in [attr for attr in op.attrs if attr.name == name]:
        op.attrs.remove(attr)
    if kind is None:
        first = (value or [0])[0] if isinstance(value, list) else value
        names = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}
        kind = names[type(first)] + "S" * isinstance(value, list)
    attr = op.attrs.add(name=name, type=framework().AttrType.Value(kind))
    if isinstance(value, list):
        getattr(attr, ATTRIBUTE_FIELDS[kind]).extend(value)
    else:
        setattr(attr, ATTRIBUTE_FIELDS[kind], value)


def _value(attr: Any) -> Any:
    kind = framework().AttrType.Name(attr.type)
    value = getattr(attr, ATTRIBUTE_FIELDS[kind], None) if kind in ATTRIBUTE_FIELDS else None
    return list(value) if value is not None and kind.endswith("S") else value
