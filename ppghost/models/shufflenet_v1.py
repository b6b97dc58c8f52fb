"""ShuffleNet (Zhang et al., CVPR 2018, https://arxiv.org/abs/1707.01083), version 1.

A unit squeezes to a quarter of its output's channels by a 1x1 convolution in groups, shuffles them,
convolves each by itself and expands in groups again. Where the image is halved, the unit's input,
average-pooled, is concatenated to that; elsewhere it is added. The stem halves the image twice, the
stages three times: 224x224 ends in 7x7 maps. With `stem_stride` 1 the stem halves nothing, which
is for 32x32: maps of 16, 8 and 4.
"""

import math
from functools import partial

import paddle
from paddle.nn import functional

from ppghost.models.ghostnet import scale_suffix
from ppghost.models.layers import conv_bn_layer, fc_layer, global_pool
from ppghost.models.network import Architecture, Network

SCALES = (0.5, 1.0, 1.5, 2.0)
#: groups -> channels of the first stage at scale 1; each stage doubles them (paper, table 1)
WIDTHS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
STEM = 24
#: units of the stages
UNITS = (4, 8, 4)


def shufflenet_v1(x, scale: float, groups: int, class_num: int, stem_stride: int):
    """Images [N, C, H, W] -> logits [N, class_num].

    Args:
        x: the images.
        scale: factor of all widths; of the stem's, the power of two below. (The authors' release
            does so, and the paper's 292 million MACs for 1.5 with 3 groups are of that.)
        groups: of 1x1 convolutions; a key of WIDTHS.
        class_num: the number of classes.
        stem_stride: 2, or 1 for a stem without pooling.
    """
    stem = _divisible(STEM * 2 ** math.floor(math.log2(scale)), groups)
    x = conv_bn_layer(x, stem, 3, stride=stem_stride, act="relu", name="conv1")
    if stem_stride == 2:
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
    for stage, units in enumerate(UNITS):
        channels = _divisible(WIDTHS[groups] * 2**stage * scale, groups)
        for i in range(units):
            first = stage == i == 0
            name = f"stage{stage + 2}_{i + 1}"
            x = _unit(x, channels, groups, 2 if i == 0 else 1, not first, name)
    return fc_layer(paddle.flatten(global_pool(x), 1), class_num, name="fc")


def _unit(input, channels: int, groups: int, stride: int, squeeze_in_groups: bool, name: str):
    """[N, C, H, W] -> [N, channels, H / stride, W / stride] (paper, figures 2b and 2c)."""
    squeezed = _divisible(channels / 4, groups)
    first_groups = groups if squeeze_in_groups else 1
    x = conv_bn_layer(input, squeezed, 1, groups=first_groups, act="relu", name=f"{name}.conv1")
    if groups > 1:
        x = functional.channel_shuffle(x, groups)
    x = conv_bn_layer(x, squeezed, 3, stride, groups=squeezed, name=f"{name}.conv2")
    output = channels if stride == 1 else channels - input.shape[1]
    x = conv_bn_layer(x, output, 1, groups=groups, name=f"{name}.conv3")
    if stride == 1:
        return functional.relu(paddle.add(input, x))
    # no ReLU on the shortcut, an average of what has passed one
    shortcut = functional.avg_pool2d(input, 3, stride=2, padding=1, exclusive=False)
    return paddle.concat([shortcut, functional.relu(x)], axis=1)


def _divisible(channels: float, groups: int) -> int:
    """The next whole number that the groups divide."""
    return math.ceil(channels / groups) * groups


def _network(
    class_num: int = 1000,
    in_channels: int = 3,
    *,
    scale: float,
    groups: int,
    stem_stride: int = 2,
) -> Network:
    body = partial(
        shufflenet_v1, scale=scale, groups=groups, class_num=class_num, stem_stride=stem_stride
    )
    return Network(body, in_channels)


#: constructors of (class_num=1000, in_channels=3, scale, groups, stem_stride=2)
NETWORKS = {
    f"ShuffleNetV1_{scale_suffix(scale)}_g{groups}": Architecture(
        "ShuffleNetV1", partial(_network, scale=scale, groups=groups)
    )
    for scale in SCALES
    for groups in WIDTHS
}
