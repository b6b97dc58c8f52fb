"""A piece of a program as a program of its own, the same for layers that are equal."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ppghost.deploy.conversion.repairs.operators import new_operator
from ppghost.deploy.profiling.cut import Piece
from ppghost.formats.program_desc import InputSpec, framework, parameter_names, program_inputs

#: attributes with these beginnings say nothing of what is computed
_NO_MEANING = ("op_",)


@dataclass(frozen=True)
class Standalone:
    """A piece of a program as a program.

    Attributes:
        program: a ProgramDesc, whose variables are numbered.
        params: its parameters, as Paddle puts them into one file.
        outputs: shapes of what it fetches.
    """

    program: Any
    params: bytes
    outputs: list[list[int]]

    @property
    def inputs(self) -> list[InputSpec]:
        """What it is fed with."""
        return program_inputs(self.program, None)

    @property
    def signature(self) -> str:
        """A hash that is the same for layers that compute the same from other values."""
        return hashlib.sha256(self.program.SerializeToString(deterministic=True)).hexdigest()

    @property
    def bytes(self) -> int:
        """Of what it is fed with, of its parameters and of what it fetches: read or written once.

        As the ShuffleNetV2 paper counts memory access (arXiv 1807.11164, section 2).
        """
        sizes = _itemsizes()
        block = self.program.blocks[0]
        ends = {
            name
            for op in block.ops
            if op.type in ("feed", "fetch")
            for slot in (*op.inputs, *op.outputs)
            for name in slot.arguments
        }
        return sum(
            math.prod(tensor.dims) * sizes[tensor.data_type]
            for var in block.vars
            if var.type.type == framework().VarType.LOD_TENSOR
            and (var.persistable or var.name in ends)
            and (tensor := var.type.lod_tensor.tensor)
        )


def standalone(piece: Piece, program: Any, records: Mapping[str, bytes]) -> Standalone:
    """Make a program of a piece.

    Args:
        piece: of the program.
        program: with known shapes.
        records: the program's parameters by name, as they stand in a file.
    """
    variables = {var.name: var for var in program.blocks[0].vars}
    numbers: dict[str, str] = {}
    ops = [_renumbered(op, numbers) for op in _with_borders(piece)]
    made = framework().ProgramDesc()
    made.version.CopyFrom(program.version)
    block = made.blocks.add(idx=0, parent_idx=-1)
    block.ops.extend(ops)
    _add_borders(block)
    for name, number in numbers.items():
        if name in variables:
            _add_variable(block, variables[name], number)
    parameters = {numbers[name]: records[name] for name in piece.parameters}
    params = b"".join(parameters[name] for name in parameter_names(made) if name in parameters)
    shapes = [list(variables[name].type.lod_tensor.tensor.dims) for name in piece.outputs]
    return Standalone(made, params, shapes)


def _with_borders(piece: Piece) -> list[Any]:
    """A piece's operators between those that feed and fetch."""
    feeds = [
        new_operator("feed", {"X": "feed"}, {"Out": name}, {"col": column})
        for column, name in enumerate(piece.inputs)
    ]
    fetches = [
        new_operator("fetch", {"X": name}, {"Out": "fetch"}, {"col": column})
        for column, name in enumerate(piece.outputs)
    ]
    return [*feeds, *piece.ops, *fetches]


def _renumbered(op: Any, numbers: dict[str, str]) -> Any:
    """A copy that names variables by the order in which they are met, attributes in order."""
    copy = framework().OpDesc(type=op.type)
    for slots, copies in ((op.inputs, copy.inputs), (op.outputs, copy.outputs)):
        for slot in sorted(slots, key=lambda slot: slot.parameter):
            names = [_number(name, numbers) for name in slot.arguments]
            copies.add(parameter=slot.parameter, arguments=names)
    attrs = (attr for attr in op.attrs if not attr.name.startswith(_NO_MEANING))
    copy.attrs.extend(sorted(attrs, key=lambda attr: attr.name))
    return copy


def _number(name: str, numbers: dict[str, str]) -> str:
    if name in ("feed", "fetch"):
        return name
    return numbers.setdefault(name, f"v{len(numbers)}")


def _add_borders(block: Any) -> None:
    kinds = framework().VarType
    for name, kind in (("feed", kinds.FEED_MINIBATCH), ("fetch", kinds.FETCH_LIST)):
        block.vars.add(name=name, persistable=True).type.type = kind


def _add_variable(block: Any, source: Any, name: str) -> None:
    var = block.vars.add()
    var.name, var.persistable = name, source.persistable
    var.type.CopyFrom(source.type)


def _itemsizes() -> dict[int, int]:
    kinds = framework().VarType
    return {
        kinds.BOOL: 1, kinds.UINT8: 1, kinds.INT8: 1, kinds.INT16: 2, kinds.FP16: 2, kinds.BF16: 2,
        kinds.FP32: 4, kinds.INT32: 4, kinds.FP64: 8, kinds.INT64: 8,
    }  # fmt: skip
