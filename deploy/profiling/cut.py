"""Where a program is cut: pieces of one layer each, as Paddle-Lite fuses operators to kernels.

A piece begins with any operator, and takes along those behind it that Paddle-Lite computes in the
same kernel or at no cost worth a kernel of its own: batch norms, biases, activations, scales,
reshapes, as long as nobody else reads what is between them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ppghost.deploy.conversion.repairs.operators import computed_attributes, main_output
from ppghost.formats.program_desc import framework
from ppghost.i18n import tr

_FLATTENS = ("flatten", "flatten2", "flatten_contiguous_range")
_RESHAPES = (
    *_FLATTENS, "reshape", "reshape2", "squeeze", "squeeze2", "unsqueeze", "unsqueeze2",
)  # fmt: skip
#: what goes with the operator before it, if it reads nothing else that is computed
_FOLLOWERS = (
    *_RESHAPES, "batch_norm", "affine_channel", "scale", "dropout", "assign",
    "elementwise_add", "elementwise_sub", "elementwise_mul", "elementwise_div",
    "clip", "elu", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "mish", "prelu", "relu",
    "relu6", "sigmoid", "silu", "softplus", "swish", "tanh",
)  # fmt: skip
#: what begins the layer of the operator behind it: a shuffle of channels (reshape, transpose,
#: reshape) is one kernel, a fully connected layer flattens by itself
_BEGINNINGS = {"transpose": _RESHAPES, "transpose2": _RESHAPES, "mul": _FLATTENS}
#: of a parameter's or variable's name, what only says which of a layer's it is
_SUFFIX = re.compile(r"(_weights?|_w|\.w_\d+|\.b_\d+|\.tmp_\d+)(@\d+)?$")


@dataclass
class Piece:
    """A part of a program that can be run on its own.

    Attributes:
        name: of the layer.
        ops: its OpDescs, in order.
        inputs, outputs: the variables at its borders.
        parameters: that it reads.
    """

    name: str
    ops: list[Any]
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        """The types of its operators."""
        return [op.type for op in self.ops]


@dataclass(frozen=True)
class Uncut:
    """A layer that cannot be run on its own, and why."""

    name: str
    types: list[str]
    reason: str


@dataclass(frozen=True)
class Cut:
    """A program's layers: those that can be run on their own, in order, and the others."""

    pieces: list[Piece]
    uncut: list[Uncut]


def cut(program: Any) -> Cut:
    """Cut a program at its layers.

    Args:
        program: a ProgramDesc as `with_known_shapes` gives it. What is in the blocks of its loops
            and conditions belongs to these.
    """
    values = _Values(program)
    groups: list[list[Any]] = []
    ends: dict[str, list[Any]] = {}
    for op in values.computing:
        group = _group_to_follow(op, values, ends)
        if group is None:
            groups.append(group := [])
        group.append(op)
        ends |= dict.fromkeys(_names(op.outputs), group)
    names = _unique_names([_layer_name(group, values) for group in groups])
    pieces, uncut = [], []
    for name, group in zip(names, groups, strict=True):
        piece = _piece(name, group, values)
        if reason := _why_not(piece, values):
            uncut.append(Uncut(name, piece.types, reason))
        else:
            pieces.append(piece)
    return Cut(pieces, uncut)


class _Values:
    """The variables of a program: where they come from, and how often each is read.

    Attributes:
        variables: VarDescs by name.
        computing: the operators that depend on what the program is fed with.
        makers: by variable, the operator that makes it of nothing but constants.
        readers: the operators that read each, once for each time they do; those inside of loops
            and conditions and fetches too.
    """

    def __init__(self, program: Any) -> None:
        block = program.blocks[0]
        self.variables = {var.name: var for var in block.vars}
        self.makers: dict[str, Any] = {}
        self.computing: list[Any] = []
        self.readers: dict[str, list[Any]] = defaultdict(list)
        for op in block.ops:
            if op.type in ("feed", "fetch"):
                continue
            inputs = [*_names(op.inputs), *computed_attributes(op)]
            if all(self.is_constant(name) for name in inputs) and not has_block(op):
                self.makers |= dict.fromkeys(_names(op.outputs), op)
            else:
                self.computing.append(op)
        for op in (op for each in program.blocks for op in each.ops):
            for name in (*_names(op.inputs), *computed_attributes(op)):
                self.readers[name].append(op)

    def is_parameter(self, name: str) -> bool:
        var = self.variables.get(name)
        return var is not None and var.persistable

    def is_constant(self, name: str) -> bool:
        return self.is_parameter(name) or name in self.makers

    def computed_inputs(self, op: Any) -> list[str]:
        """What an operator reads that depends on what the program is fed with."""
        return [name for name in _names(op.inputs) if not self.is_constant(name)]

    def constants(self, ops: Iterable[Any]) -> list[Any]:
        """The operators that make what `ops` read of constants, in an order to run them in."""
        needed: list[Any] = []
        for op in ops:
            for maker in (self.makers[name] for name in _names(op.inputs) if name in self.makers):
                for each in [*self.constants([maker]), maker]:
                    if not any(each is other for other in needed):
                        needed.append(each)
        return needed


def has_block(op: Any) -> bool:
    """Whether an operator runs a block of the program: a loop, or a condition."""
    kinds = framework().AttrType
    return any(attr.type in (kinds.BLOCK, kinds.BLOCKS) for attr in op.attrs)


def _names(slots: Any) -> list[str]:
    return [name for slot in slots for name in slot.arguments]


def _group_to_follow(op: Any, values: _Values, ends: Mapping[str, list[Any]]) -> list[Any] | None:
    """The operators that one goes with; None if it begins a layer."""
    read = values.computed_inputs(op)
    if len(read) != 1 or len(values.readers[read[0]]) != 1 or has_block(op):
        return None
    group = ends.get(read[0])
    if group is None or has_block(group[0]):
        return None
    if op.type in _BEGINNINGS:
        return group if [each.type in _BEGINNINGS[op.type] for each in group] == [True] else None
    return group if op.type in _FOLLOWERS and not _begins(op, values) else None


def _begins(op: Any, values: _Values) -> bool:
    """Whether an operator goes with the only one that reads it."""
    readers = [reader.type for name in _names(op.outputs) for reader in values.readers[name]]
    return len(readers) == 1 and op.type in _BEGINNINGS.get(readers[0], ())


def _layer_name(group: list[Any], values: _Values) -> str:
    """What the network calls a layer: by its first parameter, else by what it computes."""
    first = next((op for op in group if op.type in _BEGINNINGS), group[0])
    parameters = [name for name in _names(first.inputs) if values.is_parameter(name)]
    if parameters:
        return _SUFFIX.sub("", parameters[0])
    outputs = _names(first.outputs)
    try:
        return _SUFFIX.sub("", main_output(first))
    except StopIteration:
        return _SUFFIX.sub("", outputs[0]) if outputs else str(first.type)


def _unique_names(names: list[str]) -> list[str]:
    """Each name once: the second of one name gets "#2", as a layer that is run twice."""
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique


def _piece(name: str, group: list[Any], values: _Values) -> Piece:
    ops = [*values.constants(group), *group]
    inside: dict[str, int] = defaultdict(int)
    for op in ops:
        for read in _names(op.inputs):
            inside[read] += 1
    written = {name for op in ops for name in _names(op.outputs)}
    made = dict.fromkeys(name for op in group for name in _names(op.outputs))
    needed = dict.fromkeys(name for op in ops for name in _names(op.inputs))
    return Piece(
        name,
        ops,
        inputs=[name for name in needed if name not in written and not values.is_parameter(name)],
        outputs=[
            name
            for name in made
            if len(values.readers[name]) > inside[name] and not values.is_parameter(name)
        ],
        parameters=[name for name in needed if values.is_parameter(name)],
    )


def _why_not(piece: Piece, values: _Values) -> str | None:
    """Why a piece cannot be run on its own; None if it can."""
    if any(map(has_block, piece.ops)):
        return tr("it is a loop or a condition")
    if any(computed_attributes(op) for op in piece.ops):
        return tr("it takes attributes from what is computed")
    if not piece.inputs or not piece.outputs:
        return tr("nothing goes through it")
    for name in (*piece.inputs, *piece.outputs):
        if reason := _why_no_border(values.variables.get(name)):
            return f"{_SUFFIX.sub('', name)}: {reason}"
    return None


def _why_no_border(var: Any) -> str | None:
    """Why a variable cannot be fed and fetched."""
    kinds = framework().VarType
    if var is None or var.type.type != kinds.LOD_TENSOR:
        return tr("it is no tensor")
    tensor = var.type.lod_tensor.tensor
    if min(tensor.dims, default=1) < 1:
        return tr("its size is not known before it runs")
    if tensor.data_type not in (kinds.FP32, kinds.INT32, kinds.INT64):
        return tr("it is {type}, which cannot be fed").format(
            type=kinds.Type.Name(tensor.data_type)
        )
    return None
