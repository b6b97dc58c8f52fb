"""What stands behind outputs that say too little about a network: the scores it decides by.

A softmax of scores far apart is a one and else zeros, whatever half of the network computes.
Classes, masks and the boxes that a suppression left say no more. What such operators read can be
asked for and compared too.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ppghost.deploy.conversion.repairs.operators import new_operator
from ppghost.formats.program_desc import fetch_names, framework

if TYPE_CHECKING:
    import numpy as np

    Outputs = Sequence[np.ndarray]

#: operators that give few values for many, beside those of suppressions
_DECIDE = frozenset((
    "softmax", "sigmoid", "hard_sigmoid", "tanh", "arg_max", "arg_min", "top_k", "top_k_v2",
    "argsort", "greater_than", "greater_equal", "less_than", "less_equal", "equal", "not_equal",
    "logical_and", "logical_or", "logical_not", "logical_xor", "where_index", "where",
    "masked_select", "cast", "clip", "relu", "relu6", "brelu", "floor", "ceil", "round", "sign",
    "one_hot", "one_hot_v2",
))  # fmt: skip
#: operators that only hand on what they read
_MOVE = frozenset((
    "reshape", "reshape2", "transpose", "transpose2", "squeeze", "squeeze2", "unsqueeze",
    "unsqueeze2", "flatten", "flatten2", "flatten_contiguous_range", "concat", "split", "slice",
    "strided_slice", "stack", "unstack", "unbind", "assign", "scale", "gather", "gather_nd",
    "expand_v2", "tile", "dropout",
))  # fmt: skip
#: operators that put values into an order, which rounding changes
_RANK = frozenset(("top_k", "top_k_v2", "argsort"))
_WITH_BLOCKS = ("while", "conditional_block")
#: so near to 0 or 1 a score of a softmax or a sigmoid says nothing
_SATURATED = 1e-3


def detection_outputs(program: Any) -> list[int]:
    """The outputs that a suppression of boxes left, or that follow from one, in fetch order."""
    hidden = any("nms" in op.type for block in program.blocks[1:] for op in block.ops)
    kinds = [
        op.type
        for op in program.blocks[0].ops
        if "nms" in op.type or (hidden and op.type in _WITH_BLOCKS)
    ]
    return [
        index
        for index, name in enumerate(fetch_names(program))
        if any(op.type in kinds for op in _ancestors(program, name))
    ]


def hidden_scores(program: Any, outputs: "Mapping[str, Outputs]") -> list[str]:
    """The variables that stand behind outputs that say too little.

    Args:
        program: of the model.
        outputs: by kind of input, in fetch order.

    Returns:
        Their names, to be fetched too; [] where all outputs can be compared as they are.
    """
    names = fetch_names(program)
    suppressed = detection_outputs(program)
    found: dict[str, None] = {}
    for index, name in enumerate(names):
        arrays = [each[index] for each in outputs.values()]
        if index in suppressed or says_little(arrays):
            found |= dict.fromkeys(_scores_behind(program, name))
    return [name for name in found if name not in names]


def says_little(arrays: "Outputs") -> bool:
    """Whether an output, for several inputs, is no number or the same few numbers throughout."""
    import numpy as np

    if any(array.dtype.kind != "f" for array in arrays):
        return True
    values = np.concatenate([array.ravel() for array in arrays])
    if not values.size or np.ptp(values) == 0:
        return True
    ends = np.minimum(np.abs(values), np.abs(values - 1))
    return bool(ends.max() < _SATURATED and values.max() > 1 - _SATURATED)


def fetch_too(program: Any, names: Sequence[str]) -> Any:
    """A copy of a program that fetches some of its variables after its outputs."""
    copy = framework().ProgramDesc()
    copy.CopyFrom(program)
    block = copy.blocks[0]
    first = sum(op.type == "fetch" for op in block.ops)
    for number, name in enumerate(names, first):
        block.ops.append(new_operator("fetch", {"X": name}, {"Out": "fetch"}, {"col": number}))
    return copy


def _ancestors(program: Any, name: str) -> list[Any]:
    """Every operator of the main block that an output depends on."""
    producers = _producers(program)
    found, todo = {}, [name]
    while todo:
        for op in producers.get(todo.pop(), ()):
            if id(op) not in found:
                found[id(op)] = op
                todo += _read(op)
    return list(found.values())


def _scores_behind(program: Any, output: str) -> list[str]:
    """Back through operators that decide or move values: the numbers that they began with.

    And through whatever comes after a ranking, where equal values may stand in any order.
    """
    floats = {
        var.name
        for var in program.blocks[0].vars
        if not var.persistable
        and var.type.type == framework().VarType.LOD_TENSOR
        and var.type.lod_tensor.tensor.data_type == framework().VarType.FP32
    }
    producers, ranked = _producers(program), _ranked(program)
    found, seen, todo = [], {output}, [output]
    while todo:
        name = todo.pop()
        ops = producers.get(name, [])
        passed = (op.type in _DECIDE or op.type in _MOVE or "nms" in op.type for op in ops)
        if name in ranked or all(passed):
            read = [other for op in ops for other in _read(op) if other not in seen]
            seen.update(read)
            todo += read
        # no input of the network, and nothing that several operators write
        elif name in floats and len(ops) == 1 and ops[0].type != "feed" and _read(ops[0]):
            found.append(name)
    return found


def _ranked(program: Any) -> set[str]:
    """The variables of the main block that depend on a ranking, its inputs' order being lost."""
    ranked: set[str] = set()
    for op in program.blocks[0].ops:
        if op.type in _RANK or not ranked.isdisjoint(_read(op)):
            ranked |= {name for slot in op.outputs for name in slot.arguments}
    return ranked


def _producers(program: Any) -> dict[str, list[Any]]:
    producers: dict[str, list[Any]] = {}
    for op in program.blocks[0].ops:
        for name in (name for slot in op.outputs for name in slot.arguments):
            producers.setdefault(name, []).append(op)
    return producers


def _read(op: Any) -> list[str]:
    return [name for slot in op.inputs for name in slot.arguments]
