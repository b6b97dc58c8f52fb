"""The program that is being translated: what its ids mean, and what has been written so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ppghost.formats.pir.errors import Malformed, Unsupported
from ppghost.formats.pir.legacy import Operator, Program, Slots, TypedValue, typed
from ppghost.formats.pir.types import ResultType, TensorType
from ppghost.formats.pir.values import Constant, Operand, Size, TensorList, Variable
from ppghost.formats.program_desc import framework


class Call(NamedTuple):
    """An operator with its operands looked up.

    Attributes:
        name: in Paddle 3, without dialect, and without the "_" of one that works in place.
        operands: in order.
        attributes: by their names in Paddle 3.
        results: id and type of each, in order; id 0 is of none.
    """

    name: str
    operands: list[Operand]
    attributes: dict[str, Any]
    results: list[tuple[int, ResultType]]


@dataclass
class Context:
    """Ids, and the program of Paddle 2.6.

    Attributes:
        program: what has been written.
        values: by id.
        overwritten: ids whose tensors Paddle 3 has changed in place.
        sizes: what is known of small integer tensors, by the name of the variable.
    """

    program: Program
    values: dict[int, Operand] = field(default_factory=dict)
    overwritten: set[int] = field(default_factory=set)
    sizes: dict[str, tuple[Size, ...]] = field(default_factory=dict)
    _made: dict[Any, Variable] = field(default_factory=dict)

    def operand(self, id_: int) -> Operand:
        """What an operand means. Raises Malformed for an id that no operator before has made."""
        if id_ == 0:
            return None
        if id_ not in self.values:
            raise Malformed("an operand {id} that nothing before it computes", id=id_)
        if id_ in self.overwritten:
            raise Unsupported("an operand {id} that was changed in place before", id=id_)
        return self.values[id_]

    def define(self, id_: int, value: Operand) -> None:
        """Say what a result is. Raises Malformed if there is one of that id."""
        if id_ <= 0 or id_ in self.values:
            raise Malformed("a result {id}, which is none or is there twice", id=id_)
        self.values[id_] = value

    def add(
        self,
        kind: str,
        inputs: Slots,
        type_: TensorType,
        attributes: Mapping[str, TypedValue] | None = None,
        output: str = "Out",
    ) -> Variable:
        """Write an operator with one result, which is returned."""
        name = self.program.declare(f"{kind}_{len(self.program.types)}", type_)
        self.program.add(Operator(kind, inputs, {output: [name]}, dict(attributes or {})))
        return Variable(name, type_)

    def tensor(self, operand: Operand, where: str) -> Variable:
        """An operand as a variable: constants are written where they are first needed."""
        if isinstance(operand, Constant):
            key = str(operand)  # in which 0.0 and -0.0 are two
            if key not in self._made:
                self._made[key] = self._write(operand)
            return self._made[key]
        if not isinstance(operand, Variable):
            raise Malformed("{where} of something else than one tensor", where=where)
        return operand

    def tensors(self, operand: Operand, where: str) -> list[str]:
        """The names of one variable or of several."""
        items = operand.items if isinstance(operand, TensorList) else (operand,)
        return [self.tensor(item, where).name for item in items]

    def once(
        self, key: Any, kind: str, inputs: Slots, type_: TensorType, **attributes: TypedValue
    ) -> Variable:
        """As `add`, but what has been written for the same key is taken again."""
        if key not in self._made:
            self._made[key] = self.add(kind, inputs, type_, attributes)
        return self._made[key]

    def cast(self, variable: Variable, dtype: int) -> Variable:
        """A variable as numbers of another `VarType.Type`; itself if it is of that one."""
        if variable.type.dtype == dtype:
            return variable
        return self.once(
            ("cast", variable, dtype), "cast", {"X": [variable.name]},
            TensorType(dtype, variable.type.dims),
            in_dtype=("INT", variable.type.dtype), out_dtype=("INT", dtype),
        )  # fmt: skip

    def _write(self, constant: Constant) -> Variable:
        numbers, type_ = constant
        shape = list(type_.dims)
        if len(numbers) == 1:
            return self.add("fill_constant", {}, type_, filling(numbers[0], type_))
        kinds = framework().VarType
        slots = {
            kinds.BOOL: ("bool_values", "INTS"), kinds.FP32: ("fp32_values", "FLOATS"),
            kinds.FP64: ("fp64_values", "FLOAT64S"), kinds.INT32: ("int32_values", "INTS"),
            kinds.INT64: ("int64_values", "LONGS"),
        }  # fmt: skip
        if type_.dtype not in slots:
            name = kinds.Type.Name(type_.dtype)
            raise Unsupported("constants of type {name}", name=name)
        name, kind = slots[type_.dtype]
        return self.add(
            "assign_value", {}, type_,
            {
                "shape": typed("INTS", shape, "shape"), "dtype": ("INT", type_.dtype),
                name: typed(kind, list(numbers), name),
            },
        )  # fmt: skip


def single_result(call: Call) -> tuple[int, TensorType]:
    """Id and type of the one tensor that a call gives. Raises Malformed if it gives another."""
    if len(call.results) == 1:
        id_, type_ = call.results[0]
        if isinstance(type_, TensorType):
            return id_, type_
    raise Malformed("{name} without one tensor as result", name=call.name)


def filling(number: float, type_: TensorType) -> dict[str, TypedValue]:
    """The attributes of a `fill_constant`."""
    return {
        "shape": typed("LONGS", list(type_.dims), "shape"),
        "dtype": ("INT", type_.dtype),
        "value": typed("FLOAT", number, "value"),
        # is read first: whole numbers and float64 do not fit into the other
        "str_value": ("STRING", str(int(number) if isinstance(number, bool) else number)),
        "force_cpu": ("BOOLEAN", False),
        "place_type": ("INT", -1),
    }


def is_integer(type_: ResultType) -> bool:
    """Whether a tensor is of int32 or int64, as sizes are."""
    kinds = framework().VarType
    return isinstance(type_, TensorType) and type_.dtype in (kinds.INT32, kinds.INT64)


def expanded(constant: Constant) -> tuple[float, ...]:
    """All numbers of a constant. Raises Malformed if they are too many to be attributes."""
    count = constant.type.numel()
    if len(constant.numbers) == count:
        return constant.numbers
    if count is None or count > 2**16:
        raise Malformed("a constant of {count} numbers as an attribute", count=count)
    return constant.numbers * count
