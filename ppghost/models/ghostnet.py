"""GhostNet (Han et al., CVPR 2020, https://arxiv.org/abs/1911.11907), as PaddleClas defines it.

Five stages halve the image: 224x224 ends in 7x7 maps before the global pooling, 32x32 in 1x1.
Any H and W work; below 32 the last stages see a single pixel, and their depthwise convolutions
only their middle tap. For small images upscale the input (configs/demo), or use a net that was
made for them (Ghost-ResNet).

The later members of the family are made of `ghostnet` too, with other bottlenecks.
"""

from collections.abc import Callable, Sequence
from functools import partial

import paddle
from paddle.nn import functional

from ppghost.models.ghost import ghost_bottleneck, ghost_module
from ppghost.models.ghost_layouts import LAYOUTS, Layout, make_divisible
from ppghost.models.layers import conv_bn_layer, conv_layer, dropout, fc_layer, global_pool
from ppghost.models.network import Architecture, Network

#: kernel, expansion, channels, squeeze-and-excitation, stride (paper, table 1), at scale 1
BLOCKS = (
    (3, 16, 16, 0, 1),
    (3, 48, 24, 0, 2),
    (3, 72, 24, 0, 1),
    (5, 72, 40, 1, 2),
    (5, 120, 40, 1, 1),
    (3, 240, 80, 0, 2),
    (3, 200, 80, 0, 1),
    (3, 184, 80, 0, 1),
    (3, 184, 80, 0, 1),
    (3, 480, 112, 1, 1),
    (3, 672, 112, 1, 1),
    (5, 672, 160, 1, 2),
    (5, 960, 160, 0, 1),
    (5, 960, 160, 1, 1),
    (5, 960, 160, 0, 1),
    (5, 960, 160, 1, 1),
)
STEM, LAST, HEAD = 16, 960, 1280


def ghostnet_maps(
    x,
    scale: float,
    *,
    layout: Layout,
    bottlenecks: Callable[[int], Callable],
    blocks: Sequence[tuple[int, int, int, int, int]],
) -> dict:
    """Images [N, C, H, W] -> feature maps [N, C', H / 2^l, W / 2^l] by level l, the last of each.

    Args:
        x: the images.
        scale: factor of all widths.
        layout: the implementation.
        bottlenecks: what builds a bottleneck, called as `ghost_bottleneck` is, by its number.
        blocks: as BLOCKS.
    """

    def width(channels: int) -> int:
        return make_divisible(channels * scale)

    x = conv_bn_layer(x, width(STEM), 3, stride=2, act="relu", name="conv1")
    level, maps = 1, {1: x}
    for i, (k, expansion, channels, se, stride) in enumerate(blocks):
        build, name = bottlenecks(i), layout.block_names[i]
        x = build(x, width(expansion), width(channels), k, stride, bool(se), name)
        level += stride == 2
        maps[level] = x
    return maps


def ghostnet(x, scale: float, class_num: int, *, layout: Layout, **body):
    """Images [N, C, H, W] -> logits [N, class_num].

    Args:
        x: the images.
        scale: factor of all widths but the head's.
        class_num: the number of classes.
        layout: the implementation.
        body: the rest of `ghostnet_maps`'s.
    """
    maps = ghostnet_maps(x, scale, layout=layout, **body)
    x = maps[max(maps)]
    x = conv_bn_layer(x, make_divisible(LAST * scale), 1, act="relu", name="conv_last")
    if layout.head_bn:
        x = conv_bn_layer(global_pool(x), HEAD, 1, act="relu", name="fc_0")
    else:
        x = functional.relu(conv_layer(global_pool(x), HEAD, 1, name="fc_0", bias=True))
    x = dropout(x, 0.2, name="dropout")
    x = paddle.reshape(x, [-1, HEAD])
    return fc_layer(x, class_num, name="fc_1")


def scale_suffix(scale: float) -> str:
    """How PaddleClas writes a scale in a network's name: 0.5 -> "x0_5"."""
    return f"x{scale}".replace(".", "_")


def _network(
    class_num: int = 1000,
    in_channels: int = 3,
    *,
    scale: float,
    ratio: float = 2,
    dw_size: int = 3,
    layout: str = "paddleclas",
    se_gate: str | None = None,
) -> Network:
    """`ratio` and `dw_size` are the ghost modules'; `se_gate` None is the layout's own."""
    module = partial(ghost_module, ratio=ratio, dw_size=dw_size)
    se = LAYOUTS[layout].se_block(se_gate)
    bottleneck = partial(ghost_bottleneck, expand=module, project=module, se=se)
    body = partial(
        ghostnet,
        scale=scale,
        class_num=class_num,
        layout=LAYOUTS[layout],
        bottlenecks=lambda i: bottleneck,
        blocks=BLOCKS,
    )
    return Network(body, in_channels, LAYOUTS[layout].structured_names)


#: constructors of (class_num=1000, in_channels=3, and the arguments of `_network`)
NETWORKS = {
    f"GhostNet_{scale_suffix(scale)}": Architecture("GhostNet", partial(_network, scale=scale))
    for scale in (0.5, 1.0, 1.3)
}
