"""What layers are called: by their parameters; those without, by what they work on.

Parameters have their builder's name in front (`ppghost.models.network`): the layer of
`conv1_weights` is `conv1`, its batch normalisation `conv1_bn`, the activation behind them
`conv1.relu`. What joins several layers has the name that they share: the `concat` of
`block.primary_conv` and `block.cheap_operation` is `block.concat`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ppghost.analysis.graph import Operation, Tensor

#: how Paddle calls parameters that nobody named: conv2d_0.w_0
_AUTOMATIC = re.compile(r"[a-z0-9_]+_\d+\.[a-z]+_\d+(_\w+)?(\.\w+)*")
_PARAMETER = re.compile(
    r"([._](weights?|biases|bias|offset|scale|mean|variance|alpha|w_\d+|b_\d+))+(\.\w+)?$"
)
_NORMALISATION = re.compile(r"[._](bn|batch_norm|_batch_norm|norm)$")
_BLOCK = re.compile(
    r"([._]?[a-z_]*?(stage|layer|block|bottleneck|unit|feature|fire|cell)s?[._]?\d+[a-z]?)+([._]\d+)?",
    re.IGNORECASE,
)
#: blocks that are called by numbers alone: res2a, conv3_2
_NUMBERED = re.compile(r"\w*?\d+[a-z]?(?=[._][a-z])")


def is_automatic(parameter: str) -> bool:
    """Whether Paddle itself chose a parameter's name."""
    return _AUTOMATIC.fullmatch(parameter) is not None


def layer_names(
    operations: Sequence[Operation], names: Mapping[str, str] | None = None
) -> dict[Operation, tuple[str, str]]:
    """Name and block of each operation; no two names are the same.

    Args:
        operations: those that get a name.
        names: of the layers of parameters, by parameter, in place of the parameter's own.
    """
    bases: dict[Operation, str] = {}
    taken: Counter[str] = Counter()
    called = {}
    for op in operations:
        name, bases[op] = _name(op, bases, names or {})
        if taken[name] and op.parameters:
            name = f"{name}.{op.type}"
        taken[name] += 1
        unique = name if taken[name] == 1 else f"{name}#{taken[name]}"
        called[op] = unique, block_of(bases[op])
    return called


def block_of(name: str) -> str:
    """The building block that a layer's name begins with; the whole name where it tells of none.

    "_ghostbottleneck_3_ghost_module_1_primary_conv" -> "_ghostbottleneck_3",
    "stage1_block0_conv1" -> "stage1_block0", "layers.0.blocks.1.attn" -> "layers.0.blocks.1".
    """
    found = _BLOCK.match(name) or _NUMBERED.match(name)
    return found[0] if found else name


def _name(
    op: Operation, bases: Mapping[Operation, str], names: Mapping[str, str]
) -> tuple[str, str]:
    """The operation's name, and what the names of those behind it are made of."""
    if op.parameters:
        parameter = op.parameters[0].name
        own = names.get(parameter) or _PARAMETER.sub("", parameter)
        return own, _NORMALISATION.sub("", own)
    before = _named_before(op.activations, bases)
    latest = bases[max(before, key=lambda other: other.index)] if before else ""
    base = latest
    if len(before) > 1:
        base = _shared(latest, [bases[other] for other in before])
    return f"{base}.{op.type}" if base else op.type, base or op.type


def _named_before(tensors: Sequence[Tensor], bases: Mapping[Operation, str]) -> list[Operation]:
    """The nearest operations with a name before each of `tensors`."""
    found = []
    for tensor in tensors:
        producer = tensor.producer
        while producer is not None and producer not in bases:
            main = producer.main_input
            producer = main.producer if main is not None else None
        if producer is not None and producer not in found:
            found.append(producer)
    return found


def _shared(latest: str, bases: Sequence[str]) -> str:
    """The parts that all names begin with, if they are more than the block of the latest."""
    common = ""
    for parts in zip(*(re.split(r"(?=[._])", base) for base in bases), strict=False):
        if len(set(parts)) > 1:
            break
        common += parts[0]
    return max(common, block_of(latest), key=len)
