"""A program with its parameters, as the repairs see and change it."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ppghost.deploy.conversion.repairs.operators import computed_attributes
from ppghost.formats.exported import ExportedModel
from ppghost.formats.paddle_tensors import array_to_record, record_to_array, split_records
from ppghost.formats.program_desc import framework, parameter_names

if TYPE_CHECKING:
    import numpy as np


class Graph:
    """A copy of an exported model's program, and its parameters, to be changed.

    Parameters are read when a repair asks for one. A program may have several blocks; parameters
    are all in the first one, where both Paddle and Paddle-Lite load them.

    Attributes:
        program: the ProgramDesc.
    """

    def __init__(self, model: ExportedModel) -> None:
        self.program = framework().ProgramDesc()
        self.program.CopyFrom(model.program)
        self._model = model
        self._records: dict[str, bytes] | None = None

    def operators(self, *kinds: str) -> Iterator[tuple[Any, Any]]:
        """Every operator of these types with its block; the blocks may be changed meanwhile.

        Not those with attributes that are computed in the program: no repair knows their values.
        """
        for block in self.program.blocks:
            for op in [op for op in block.ops if op.type in kinds]:
                if not computed_attributes(op):
                    yield block, op

    def uses(self) -> dict[str, list[Any]]:
        """By variable: the operators that read it, once for each time they do, as of now."""
        uses: dict[str, list[Any]] = defaultdict(list)
        for block in self.program.blocks:
            for op in block.ops:
                read = [name for slot in op.inputs for name in slot.arguments]
                for name in (*read, *computed_attributes(op)):
                    uses[name].append(op)
        return uses

    def producers(self) -> dict[str, Any]:
        """By variable: the last operator that writes it, as of now."""
        return {
            name: op
            for block in self.program.blocks
            for op in block.ops
            for slot in op.outputs
            for name in slot.arguments
        }

    def rewritten(self) -> set[str]:
        """The variables that several operators write, as of now.

        Programs of Paddle 1.x reuse memory so, and what a loop or a condition computes is written
        inside and by itself. What is read from such a variable depends on the place.
        """
        counts = Counter(
            name
            for block in self.program.blocks
            for op in block.ops
            for name in {name for slot in op.outputs for name in slot.arguments}
        )
        return {name for name, count in counts.items() if count > 1}

    def bypass(self, block: Any, op: Any) -> bool:
        """Let the readers of an operator's `Out` read its `X`, and take it away, if they can.

        What another block reads, and an output of the program, keeps its name.
        """
        [x], [out] = (
            [name for slot in slots if slot.parameter == kind for name in slot.arguments]
            for slots, kind in ((op.inputs, "X"), (op.outputs, "Out"))
        )
        here = [other for other in block.ops if other.type != "fetch"]
        readers = self.uses()[out]
        if {x, out} & self.rewritten() or not all(any(r is o for o in here) for r in readers):
            return False
        for slot in (slot for reader in readers for slot in reader.inputs):
            slot.arguments[:] = [x if name == out else name for name in slot.arguments]
        block.ops.remove(op)
        return True

    def variable(self, name: str) -> Any:
        """The VarDesc of a variable of any block."""
        return next(var for block in self.program.blocks for var in block.vars if var.name == name)

    def shape(self, name: str) -> list[int]:
        """Its sizes as the program declares them; -1 is open."""
        return list(self.variable(name).type.lod_tensor.tensor.dims)

    def dtype(self, name: str) -> int:
        """Its `VarType.Type`."""
        return self.variable(name).type.lod_tensor.tensor.data_type

    def is_parameter(self, name: str) -> bool:
        """Whether its values are stored beside the program."""
        return any(var.name == name and var.persistable for var in self.program.blocks[0].vars)

    def add_variable(self, block: Any, stem: str, shape: list[int], dtype: int) -> str:
        """Declare a variable in `block`; returns its name, `stem` with what makes it unique."""
        name = self._unused(stem)
        tensor = block.vars.add(name=name).type
        tensor.type = framework().VarType.LOD_TENSOR
        tensor.lod_tensor.tensor.data_type = dtype
        tensor.lod_tensor.tensor.dims[:] = shape
        return name

    def parameter(self, name: str) -> "np.ndarray":
        """The values of a parameter."""
        return record_to_array(self._loaded()[name])

    def add_parameter(self, stem: str, values: "np.ndarray") -> str:
        """Add a parameter; returns its name, `stem` with what makes it unique."""
        record = array_to_record(values)
        [dtype] = {code for code, kind in _numpy_dtypes().items() if kind == values.dtype.name}
        self._loaded()
        name = self.add_variable(self.program.blocks[0], stem, list(values.shape), dtype)
        self.variable(name).persistable = True
        self._loaded()[name] = record
        return name

    def params(self) -> bytes | None:
        """All parameters as Paddle puts them into one file; None while they are the model's."""
        if self._records is None:
            return None
        return b"".join(self._records[name] for name in parameter_names(self.program))

    def _unused(self, stem: str) -> str:
        names = {var.name for block in self.program.blocks for var in block.vars}
        return next(
            name for number in range(len(names) + 1) if (name := f"{stem}.{number}") not in names
        )

    def _loaded(self) -> dict[str, bytes]:
        if self._records is None:
            names = parameter_names(self.program)
            self._records = dict(
                zip(names, split_records(self._model.params(), len(names)), strict=True)
            )
        return self._records


def _numpy_dtypes() -> dict[int, str]:
    kinds = framework().VarType
    return {kinds.FP32: "float32", kinds.INT32: "int32", kinds.INT64: "int64"}
