"""A program of Paddle 2.6 while it is made: operators with named slots, then a ProgramDesc."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ppghost.formats.op_desc import ATTRIBUTE_FIELDS
from ppghost.formats.pir.errors import Malformed
from ppghost.formats.pir.types import TensorType
from ppghost.formats.program_desc import framework
from ppghost.i18n import tr

#: the version of Paddle whose programs these are
_VERSION = 2_006_002
#: arguments and numbers of attributes in a whole program; a list that is used often counts often
_MAX_ITEMS = 4_000_000
#: what every operator of Paddle 2.6 has; without them `quantize` fails
_NOTES: tuple[tuple[str, str, Any], ...] = (
    ("op_role", "INT", 0), ("op_role_var", "STRINGS", []), ("op_namescope", "STRING", "/"),
    ("op_device", "STRING", ""),
)  # fmt: skip

#: type of an attribute (`AttrType`), and its value
TypedValue = tuple[str, Any]
#: variables by the slot that they are in
Slots = dict[str, list[str]]


@dataclass
class Operator:
    """An operator with its slots and attributes by name."""

    type: str
    inputs: Slots
    outputs: Slots
    attributes: dict[str, TypedValue] = field(default_factory=dict)


@dataclass
class Program:
    """What is there so far.

    Attributes:
        reserved: names that only `declare` with that name may take: of parameters and inputs.
    """

    reserved: set[str]
    feeds: list[str] = field(default_factory=list)
    fetches: list[str] = field(default_factory=list)
    parameters: set[str] = field(default_factory=set)
    operators: list[Operator] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    _items: int = 0

    def declare(self, name: str, type_: TensorType) -> str:
        """Declare a variable; returns its name, with what makes it unique."""
        while name in self.types or name in self.reserved:
            name += "_"
        self.types[name] = type_
        return name

    def declare_outside(self, name: str, type_: TensorType) -> str:
        """Declare a parameter or an input. Raises Malformed if there is one of that name."""
        if name in self.types or name in ("feed", "fetch"):
            raise Malformed("two inputs or parameters are called {name!r}", name=name[:100])
        self.types[name] = type_
        return name

    def add(self, operator: Operator) -> None:
        """Append an operator. Raises Malformed if the program gets too large to be one."""
        slots = (*operator.inputs.values(), *operator.outputs.values())
        values = (value for _, value in operator.attributes.values())
        self._items += sum(map(len, slots))
        self._items += sum(len(value) for value in values if isinstance(value, list))
        if self._items > _MAX_ITEMS:
            raise Malformed("more operands and numbers than any network has")
        self.operators.append(operator)

    def to_desc(self) -> Any:
        """The ProgramDesc, without operators that nothing fetched needs."""
        program = framework().ProgramDesc()
        program.version.version = _VERSION
        block = program.blocks.add(idx=0, parent_idx=-1)
        operators = _needed(self.operators, self.fetches)
        kinds = framework().VarType
        block.vars.add(name="feed", persistable=True).type.type = kinds.FEED_MINIBATCH
        block.vars.add(name="fetch", persistable=True).type.type = kinds.FETCH_LIST
        used = {
            name
            for operator in operators
            for slot in (*operator.inputs.values(), *operator.outputs.values())
            for name in slot
        }
        for name, type_ in self.types.items():
            if name in used or name in self.parameters or name in self.feeds:
                self._add_variable(block, name, type_)
        for column, name in enumerate(self.feeds):
            _add_operator(block, _column("feed", ["feed"], [name], column))
        for operator in operators:
            _add_operator(block, operator)
        for column, name in enumerate(self.fetches):
            _add_operator(block, _column("fetch", [name], ["fetch"], column))
        return program

    def _add_variable(self, block: Any, name: str, type_: TensorType) -> None:
        variable = block.vars.add(name=name)
        variable.type.type = framework().VarType.LOD_TENSOR
        variable.type.lod_tensor.tensor.data_type = type_.dtype
        variable.type.lod_tensor.tensor.dims[:] = type_.dims
        if name in self.parameters:
            variable.persistable = variable.is_parameter = True
        elif name in self.feeds:
            variable.need_check_feed = True


def _column(kind: str, source: list[str], target: list[str], column: int) -> Operator:
    return Operator(kind, {"X": source}, {"Out": target}, {"col": ("INT", column)})


def _needed(operators: Sequence[Operator], wanted: Sequence[str]) -> list[Operator]:
    """The operators that `wanted` variables are computed by, directly or not."""
    names, needed = set(wanted), []
    for operator in reversed(operators):
        if any(name in names for slot in operator.outputs.values() for name in slot):
            needed.append(operator)
            names.update(name for slot in operator.inputs.values() for name in slot)
    return needed[::-1]


def _add_operator(block: Any, operator: Operator) -> None:
    op = block.ops.add(type=operator.type)
    for ours, slots in ((op.inputs, operator.inputs), (op.outputs, operator.outputs)):
        for name, arguments in slots.items():
            ours.add(parameter=name).arguments[:] = arguments
    for name, (kind, value) in operator.attributes.items():
        _add_attribute(op, name, kind, value)
    for name, kind, value in _NOTES:
        _add_attribute(op, name, kind, value)


def _add_attribute(op: Any, name: str, kind: str, value: Any) -> None:
    attr = op.attrs.add(name=name, type=framework().AttrType.Value(kind))
    if kind == "SCALARS":
        for number in value:
            _set_scalar(attr.scalars.add(), number)
        return
    where = "float64s" if kind == "FLOAT64S" else ATTRIBUTE_FIELDS[kind]
    if isinstance(value, list):
        getattr(attr, where)[:] = value
    else:
        setattr(attr, where, value)


def _set_scalar(scalar: Any, number: float) -> None:
    kinds = scalar.Type
    if type(number) is bool:
        scalar.type, scalar.b = kinds.BOOLEAN, number
    elif type(number) is int:
        scalar.type, scalar.i = kinds.LONG, number
    else:
        scalar.type, scalar.r = kinds.FLOAT64, number


def typed(kind: str, value: Any, name: str) -> TypedValue:
    """A value as the attribute of Paddle 2.6 holds it, whatever type Paddle 3 gives it.

    Types change from version to version (`int` to `int64` in pool2d, `float` to `double` in
    leaky_relu), so that only the older one counts.

    Raises:
        Malformed: it cannot be of that type.
    """
    single = _CONVERTERS[kind.removesuffix("S")]
    try:
        if kind in ("STRINGS", "SCALARS") or not kind.endswith("S"):
            return kind, [*map(_same, value)] if kind.endswith("S") else single(value)
        return kind, [single(item) for item in (value if isinstance(value, list) else [value])]
    except (TypeError, ValueError, OverflowError) as error:
        raise Malformed(
            "attribute {name!r} is {value}, which is no {kind}",
            name=name,
            value=str(value)[:100],
            kind=kind,
        ) from error


def _same(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(tr("a number that no type of Paddle's holds"))
    return value


def _integer(value: Any, bits: int) -> int:
    """Clamped: the ends of slices may be the largest numbers of a wider type."""
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(tr("not a whole number"))
    return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, int(value)))


def _float32(value: Any) -> float:
    """Clamped to infinity, as C does."""
    number = float(value)
    return math.copysign(math.inf, number) if abs(number) > 3.4028235e38 else number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(tr("not a text"))
    value.encode()  # half a surrogate pair cannot be written
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, (bool, int)):
        raise TypeError(tr("neither true nor false"))
    return bool(value)


_CONVERTERS: dict[str, Any] = {
    "INT": lambda value: _integer(value, 32),
    "LONG": lambda value: _integer(value, 64),
    "FLOAT": _float32,
    "FLOAT64": float,
    "STRING": _text,
    "BOOLEAN": _boolean,
    "SCALAR": _same,
}
