"""Where the implementations of GhostNet differ: PaddleClas's, and the authors' (timm has theirs).

Both have the same blocks. They differ in the widths of squeeze and excitation and in its gate, in
the head's batch normalisation, and in how tensors are named.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from paddle.nn import functional

from ppghost.models.layers import clip_gate, se_block, se_block_of_convs

#: what makes squeeze and excitation's scores numbers in [0, 1]
GATES: dict[str, Callable] = {"clip": clip_gate, "hard_sigmoid": functional.hardsigmoid}


class Layout(NamedTuple):
    """An implementation of GhostNet.

    Attributes:
        block_names: dotted names of the bottlenecks.
        se: squeeze and excitation; called as `se_block` is, with `gate`.
        gate: the key of GATES that it has by default.
        head_bn: whether the head's 1x1 convolution has batch normalisation, else a bias.
        structured_names: see `Network`.
    """

    block_names: Sequence[str]
    se: Callable
    gate: str
    head_bn: bool
    structured_names: Mapping[str, str] | Callable[[str], str]

    def se_block(self, gate: str | None) -> Callable:
        """Squeeze and excitation with the gate of that name, None for the layout's own."""
        return partial(self.se, gate=GATES[gate or self.gate])


def make_divisible(value: float, divisor: int = 4) -> int:
    """`value` rounded to a multiple of `divisor`, at least one, never below 0.9 of the value."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


#: where PaddleClas's dygraph attribute is not called what its parameters are called
STRUCTURED_NAMES = {
    ".depthwise_depthwise": ".depthwise_conv",
    ".shortcut_depthwise_depthwise": ".shortcut_depthwise",
    ".se_1": ".se_block.squeeze",
    ".se_2": ".se_block.excitation",
}

PADDLECLAS = Layout(
    block_names=[f"_ghostbottleneck_{i}" for i in range(16)],
    se=se_block,
    gate="clip",
    head_bn=True,
    structured_names=STRUCTURED_NAMES,
)

#: bottlenecks in each of timm's stages; its last stage is the convolution before the pooling
_TIMM_STAGES = (1, 1, 1, 1, 1, 1, 5, 1, 4)
#: ending of a sub-layer's path -> what timm calls it; the longest that fits counts
_TIMM_NAMES = {
    "._conv": ".0",
    "._batch_norm": ".1",
    ".conv1._conv": ".conv_stem",
    ".conv1._batch_norm": ".bn1",
    ".depthwise_depthwise._conv": ".conv_dw",
    ".depthwise_depthwise._batch_norm": ".bn_dw",
    ".shortcut_depthwise_depthwise._conv": ".shortcut.0",
    ".shortcut_depthwise_depthwise._batch_norm": ".shortcut.1",
    ".shortcut_conv._conv": ".shortcut.2",
    ".shortcut_conv._batch_norm": ".shortcut.3",
    ".se_1._conv": ".se.conv_reduce",
    ".se_2._conv": ".se.conv_expand",
    ".conv_last._conv": f".blocks.{len(_TIMM_STAGES)}.0.conv",
    ".conv_last._batch_norm": f".blocks.{len(_TIMM_STAGES)}.0.bn1",
    ".fc_0._conv": ".conv_head",
    ".fc_1": ".classifier",
}


def timm_names(more: Mapping[str, str] | None = None) -> Callable[[str], str]:
    """A sub-layer's path -> timm's; `more` are a family's own endings."""
    names = _TIMM_NAMES | dict(more or {})

    def rename(path: str) -> str:
        dotted = f".{path}".replace(".ghost_module_", ".ghost")
        ending = max(filter(dotted.endswith, names), key=len, default="")
        return (dotted.removesuffix(ending) + names.get(ending, ""))[1:]

    return rename


def _timm_se(input, num_channels: int, name: str | None = None, *, gate: Callable):
    """`se_block` through a quarter of the channels, a multiple of 4."""
    return se_block_of_convs(input, num_channels, make_divisible(num_channels / 4), name, gate=gate)


TIMM = Layout(
    block_names=[f"blocks.{i}.{j}" for i, count in enumerate(_TIMM_STAGES) for j in range(count)],
    se=_timm_se,
    gate="hard_sigmoid",
    head_bn=False,
    structured_names=timm_names(),
)

LAYOUTS = {"paddleclas": PADDLECLAS, "timm": TIMM}
