"""MobileNetV2 (Sandler et al. 2018, https://arxiv.org/abs/1801.04381), as PaddleClas defines it.

Five convolutions halve the image: 224x224 ends in 7x7 maps. For 32x32 images `stem_stride` 1 leaves
the first of them out. Other than in the paper the first block has an expansion too, by a factor of
1, and widths are cut to whole numbers, where the authors' code rounds to multiples of 8.
"""

from functools import partial

import paddle
from paddle.nn import functional
from paddle.nn.initializer import XavierUniform

from ppghost.models.ghostnet import scale_suffix
from ppghost.models.layers import (
    batch_norm,
    conv_layer,
    fc_layer,
    global_pool,
    paddle_conv_init,
)
from ppghost.models.network import Architecture, Network

STEM, LAST = 32, 1280
#: expansion, channels, blocks, stride of the first (paper, table 2), at scale 1
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2_maps(x, scale: float, stem_stride: int = 2) -> dict:
    """Images [N, C, H, W] -> feature maps by how often the image was halved, the last of each.

    Args:
        x: the images.
        scale: factor of all widths.
        stem_stride: of the first convolution.
    """

    def width(channels: int) -> int:
        return max(1, int(channels * scale))

    x = functional.relu6(_conv_bn(x, width(STEM), 3, stem_stride, name="conv1_1"))
    level, maps = stem_stride - 1, {stem_stride - 1: x}
    for number, (expansion, channels, blocks, stride) in enumerate(STAGES, start=2):
        for i in range(blocks):
            name = f"conv{number}_{i + 1}"
            shortcut = x if i > 0 else None
            x = _bottleneck(x, width(channels), expansion, 1 if i > 0 else stride, name)
            x = x if shortcut is None else paddle.add(shortcut, x)
        level += stride == 2
        maps[level] = x
    return maps


def mobilenet_v2(x, scale: float, class_num: int, stem_stride: int):
    """Images [N, C, H, W] -> logits [N, class_num].

    Args:
        x: the images.
        scale: factor of all widths, of the last convolution's only above 1.
        class_num: the number of classes.
        stem_stride: of the first convolution.
    """
    x = mobilenet_v2_maps(x, scale, stem_stride)[stem_stride + 3]
    x = functional.relu6(_conv_bn(x, max(LAST, int(LAST * scale)), 1, name="conv9"))
    return fc_layer(paddle.flatten(global_pool(x), 1), class_num, "fc10", init=XavierUniform())


def _bottleneck(x, output: int, expansion: int, stride: int, name: str):
    """1x1, 3x3 depthwise, 1x1 without an activation (paper, figure 4)."""
    hidden = x.shape[1] * expansion
    x = functional.relu6(_conv_bn(x, hidden, 1, name=f"{name}.expand"))
    x = functional.relu6(_conv_bn(x, hidden, 3, stride, groups=hidden, name=f"{name}.dwise"))
    return _conv_bn(x, output, 1, name=f"{name}.linear")


def _conv_bn(x, channels: int, size: int, stride: int = 1, groups: int = 1, *, name: str):
    init = paddle_conv_init(x.shape[1], size)
    x = conv_layer(x, channels, size, stride, groups, name, init=init)
    return batch_norm(x, name=name, decay=True)


#: parts of a path -> what PaddleClas calls them
_ATTRIBUTES = {
    "conv1_1": "conv1",
    "fc10": "out",
    "expand": "_expand_conv",
    "dwise": "_bottleneck_conv",
    "linear": "_linear_conv",
}


def structured_name(path: str) -> str:
    """A sub-layer's path as PaddleClas has it: `conv3_1.expand` is `conv3._first_block...`."""
    first, *parts = path.split(".")
    if len(parts) == 2:  # in a bottleneck
        stage, _, number = first.partition("_")
        parts = ["_first_block" if number == "1" else first, *parts]
        first = stage
    return ".".join(_ATTRIBUTES.get(part, part) for part in [first, *parts])


def _network(
    class_num: int = 1000, in_channels: int = 3, *, scale: float, stem_stride: int = 2
) -> Network:
    body = partial(mobilenet_v2, scale=scale, class_num=class_num, stem_stride=stem_stride)
    return Network(body, in_channels, structured_name)


#: constructors of (class_num=1000, in_channels=3, scale, stem_stride=2)
NETWORKS = {
    name: Architecture("MobileNetV2", partial(_network, scale=scale))
    for name, scale in {
        "MobileNetV2": 1.0,
        **{f"MobileNetV2_{scale_suffix(scale)}": scale for scale in (0.25, 0.5, 0.75, 1.5, 2.0)},
    }.items()
}
