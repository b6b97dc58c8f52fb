"""GhostNet (Han et al., CVPR 2020, https://arxiv.org/abs/1911.11907), as PaddleClas defines it.

Five stages halve the image: 224x224 ends in 7x7 maps before the global pooling, 32x32 in 1x1.
Any H and W work; below 32 the last stages see a single pixel, and their depthwise convolutions
only their middle tap. For small images upscale the input (configs/demo), or use a net that was
made for them (Ghost-ResNet).
"""

from functools import partial

import paddle

from ppghost.models.ghost import ghost_bottleneck
from ppghost.models.layers import conv_bn_layer, dropout, fc_layer, global_pool
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

#: where PaddleClas's dygraph attribute is not called what its parameters are called
STRUCTURED_NAMES = {
    ".depthwise_depthwise": ".depthwise_conv",
    ".shortcut_depthwise_depthwise": ".shortcut_depthwise",
    ".se_1": ".se_block.squeeze",
    ".se_2": ".se_block.excitation",
}


def make_divisible(value: float, divisor: int = 4) -> int:
    """`value` rounded to a multiple of `divisor`, at least one, never below 0.9 of the value."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def ghostnet(x, scale: float, class_num: int):
    """Images [N, C, H, W] -> logits [N, class_num]."""

    def width(channels: int) -> int:
        return make_divisible(channels * scale)

    x = conv_bn_layer(x, width(STEM), 3, stride=2, act="relu", name="conv1")
    for i, (k, expansion, channels, se, stride) in enumerate(BLOCKS):
        name = f"_ghostbottleneck_{i}"
        x = ghost_bottleneck(x, width(expansion), width(channels), k, stride, bool(se), name)
    x = conv_bn_layer(x, width(LAST), 1, act="relu", name="conv_last")
    x = conv_bn_layer(global_pool(x), HEAD, 1, act="relu", name="fc_0")
    x = dropout(x, 0.2, name="dropout")
    x = paddle.reshape(x, [-1, HEAD])
    return fc_layer(x, class_num, name="fc_1")


def _network(class_num: int = 1000, in_channels: int = 3, *, scale: float) -> Network:
    body = partial(ghostnet, scale=scale, class_num=class_num)
    return Network(body, in_channels, STRUCTURED_NAMES)


#: constructors of (class_num=1000, in_channels=3)
NETWORKS = {
    f"GhostNet_x{str(scale).replace('.', '_')}": Architecture(
        "GhostNet", partial(_network, scale=scale)
    )
    for scale in (0.5, 1.0, 1.3)
}
