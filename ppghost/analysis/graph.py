"""The main block of a ProgramDesc as operations and the tensors between them.

A name that several operators write (Paddle 1.x reuses memory so, and some run in place) is a new
tensor each time: what a tensor is read by, and where it comes from, is then never in doubt.
"""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ppghost.formats.op_desc import arguments, attribute_values
from ppghost.formats.program_desc import feed_names, framework, parameter_names

#: bytes of one value by the name of its type
_ITEM_BYTES = {
    "BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "FP16": 2, "BF16": 2, "INT32": 4, "FP32": 4,
    "INT64": 8, "FP64": 8, "COMPLEX64": 8, "COMPLEX128": 16,
}  # fmt: skip
_WEIGHT_TYPES = ("FP16", "BF16", "FP32", "FP64", "INT8")
#: slots of parameters that no optimizer changes: BN's statistics, and all of int8's scales
_BN_TYPES = ("batch_norm", "sync_batch_norm", "inplace_abn")
_BN_STATISTICS = ("Mean", "Variance")
_QUANTIZER_SLOTS = ("InScale", "InAccum", "InState", "Scale", "Scales", "ZeroPoint")
#: the same values under another shape, or as they are: nothing is computed or moved
VIEWS = frozenset({
    "reshape", "reshape2", "flatten", "flatten2", "flatten_contiguous_range", "squeeze", "squeeze2",
    "unsqueeze", "unsqueeze2", "share_data", "shape", "size", "nop", "lod_reset",
})  # fmt: skip
#: the shapes of what each operator writes, by the operator's number and the name
Shapes = Mapping[tuple[int, str], Sequence[int]]


@dataclass(eq=False)
class Tensor:
    """A tensor of one image.

    Attributes:
        name: of the variable.
        shape: its sizes, None if one of them is unknown.
        dtype: the name of its type in Paddle's protobuf, "FP32".
        is_parameter: whether the model's file holds it.
        producer: the operation that writes it.
        readers: the operations that read it, once each.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    is_parameter: bool = False
    producer: "Operation | None" = None
    readers: list["Operation"] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of values; 0 where that is unknown."""
        return 0 if self.shape is None else math.prod(self.shape)

    @property
    def item_bytes(self) -> int:
        """Bytes of one value."""
        return _ITEM_BYTES.get(self.dtype, 0)

    @property
    def bytes(self) -> int:
        """Bytes of all values; 0 where that is unknown."""
        return self.size * self.item_bytes


@dataclass(eq=False)
class Operation:
    """One operator with the tensors in its slots.

    Attributes:
        index: its place in the block.
        type: Paddle's name of it.
        desc: the OpDesc.
        inputs, outputs: tensors by slot.
    """

    index: int
    type: str
    desc: Any
    inputs: dict[str, list[Tensor]]
    outputs: dict[str, list[Tensor]]

    def attribute(self, name: str, default: Any = None) -> Any:
        """One of its attributes; `default` where the program does not say."""
        return self._attributes.get(name, default)

    @functools.cached_property
    def _attributes(self) -> dict[str, Any]:
        return attribute_values(self.desc)

    def input(self, *slots: str) -> Tensor | None:
        """The first tensor of the first of these slots that has one."""
        return next((self.inputs[slot][0] for slot in slots if self.inputs.get(slot)), None)

    @property
    def activations(self) -> list[Tensor]:
        """What it reads that is no parameter, each once."""
        return [tensor for tensor in self.reads() if not tensor.is_parameter]

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters that it reads, each once."""
        return [tensor for tensor in self.reads() if tensor.is_parameter]

    @property
    def main_input(self) -> Tensor | None:
        """What it works on."""
        first = self.input("Input", "X", "Ids")
        rest = (first, *self.activations) if first and not first.is_parameter else self.activations
        return next(iter(rest), None)

    @property
    def main_output(self) -> Tensor | None:
        """What it is there for."""
        named = (self.outputs[slot][0] for slot in ("Output", "Out", "Y") if self.outputs.get(slot))
        return next(named, next(iter(self.writes()), None))

    def reads(self) -> list[Tensor]:
        """What it reads, each once."""
        return list({id(t): t for slot in self.inputs.values() for t in slot}.values())

    def writes(self) -> Iterator[Tensor]:
        """What it writes, without what only training needs."""
        for slot, tensors in self.outputs.items():
            for tensor in tensors:
                if slot in ("Output", "Out", "Y") or tensor.readers:
                    yield tensor


class Graph:
    """The operations of a program's main block, in order.

    Args:
        program: a ProgramDesc.
        shapes: of what the operators write, where the program itself leaves sizes open.
        inputs: shapes of what is fed, by name.

    Attributes:
        operations: all but those that feed and fetch.
        inputs: what is fed, in feed order.
        fetched: what is fetched.
        parameters: what the model's file holds, by name.
    """

    def __init__(
        self,
        program: Any,
        shapes: Shapes | None = None,
        inputs: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._variables = {variable.name: variable for variable in program.blocks[0].vars}
        self._shapes, self._fed = shapes or {}, inputs or {}
        # what each name stands for now; `_sources`: where nothing had written it yet
        self._current: dict[str, Tensor] = {}
        self._sources: dict[str, Tensor] = {}
        self._statistics: set[str] = set()
        self.operations: list[Operation] = []
        self.fetched: list[Tensor] = []
        for index, op in enumerate(program.blocks[0].ops):
            if op.type == "fetch":
                self.fetched += [self._read(name) for name in arguments(op.inputs, "X")]
            elif op.type != "feed":
                self.operations.append(self._operation(index, op))
        self.parameters = {name: self._read(name) for name in parameter_names(program)}
        names = feed_names(program) or [
            name for name, tensor in self._sources.items() if not tensor.is_parameter
        ]
        self.inputs = [self._sources[name] for name in names if name in self._sources]

    @property
    def weights(self) -> list[Tensor]:
        """The parameters that training changes."""
        return [
            tensor
            for name, tensor in self.parameters.items()
            if name not in self._statistics and tensor.dtype in _WEIGHT_TYPES
        ]

    def _operation(self, index: int, desc: Any) -> Operation:
        inputs = {
            slot.parameter: [self._read(name) for name in slot.arguments]
            for slot in desc.inputs
            if slot.arguments
        }
        operation = Operation(index, desc.type, desc, inputs, {})
        for tensor in operation.reads():
            tensor.readers.append(operation)
        data = operation.input("X")
        if desc.type in VIEWS and data is not None and data.is_parameter:
            # the bias of a convolution is added as [1, C, 1, 1]
            self._current |= dict.fromkeys(arguments(desc.outputs, "Out"), data)
            return operation
        for slot in desc.outputs:
            # parameters that it writes are statistics that training would update
            written = [name for name in slot.arguments if not self._is_parameter(name)]
            if written:
                operation.outputs[slot.parameter] = [
                    self._write(index, name, operation) for name in written
                ]
        for slot in _statistics_slots(desc.type):
            self._statistics |= {tensor.name for tensor in inputs.get(slot, ())}
        return operation

    def _read(self, name: str) -> Tensor:
        if name not in self._current:
            self._current[name] = self._sources[name] = self._tensor(name, self._fed.get(name))
        return self._current[name]

    def _write(self, index: int, name: str, producer: Operation) -> Tensor:
        tensor = self._tensor(name, self._shapes.get((index, name)))
        tensor.producer = producer
        self._current[name] = tensor
        return tensor

    def _is_parameter(self, name: str) -> bool:
        variable = self._variables.get(name)
        return variable is not None and variable.persistable

    def _tensor(self, name: str, shape: Sequence[int] | None) -> Tensor:
        variable = self._variables.get(name)
        if variable is None or variable.type.type != framework().VarType.LOD_TENSOR:
            return Tensor(name, None, "RAW")
        declared = variable.type.lod_tensor.tensor
        sizes = tuple(declared.dims if shape is None else shape)
        known = min(sizes, default=0) >= 0
        dtype = framework().VarType.Type.Name(declared.data_type)
        return Tensor(name, sizes if known else None, dtype, variable.persistable)


def _statistics_slots(operator: str) -> tuple[str, ...]:
    if operator in _BN_TYPES:
        return _BN_STATISTICS
    return _QUANTIZER_SLOTS if "quantize" in operator else ()
