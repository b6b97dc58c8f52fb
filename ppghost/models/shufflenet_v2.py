"""ShuffleNetV2 (Ma et al., ECCV 2018, https://arxiv.org/abs/1807.11164), as PaddleClas defines it.

A unit leaves one half of the channels alone and convolves the other; the first of a stage convolves
all of them twice, with stride 2. Then the halves are shuffled. The stem halves the image twice, the
stages three times: 224x224 ends in 7x7 maps. With `stem_stride` 1 the stem halves nothing, which
is for 32x32: maps of 16, 8 and 4.
"""

from collections.abc import Sequence
from functools import partial

import paddle
from paddle.nn import functional
from paddle.nn.initializer import XavierUniform

from ppghost.models.ghostnet import scale_suffix
from ppghost.models.layers import conv_bn_layer, fc_layer, global_pool
from ppghost.models.network import Architecture, Network

#: scale -> channels of stem, three stages and last convolution: the paper's table 5, and two more
#: of PaddleClas's
WIDTHS = {
    0.25: (24, 24, 48, 96, 512),
    0.33: (24, 32, 64, 128, 512),
    0.5: (24, 48, 96, 192, 1024),
    1.0: (24, 116, 232, 464, 1024),
    1.5: (24, 176, 352, 704, 1024),
    2.0: (24, 244, 488, 976, 2048),
}
#: units of the stages
UNITS = (4, 8, 4)


def shufflenet_v2(x, widths: Sequence[int], act: str, class_num: int, stem_stride: int):
    """Images [N, C, H, W] -> logits [N, class_num].

    Args:
        x: the images.
        widths: a row of WIDTHS.
        act: the activation, "relu" or "swish".
        class_num: the number of classes.
        stem_stride: 2, or 1 for a stem without pooling.
    """
    conv = partial(conv_bn_layer, decay=True)
    stem, *stages, last = widths
    x = conv(x, stem, 3, stride=stem_stride, act=act, name="stage1_conv")
    if stem_stride == 2:
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
    for stage, (channels, units) in enumerate(zip(stages, UNITS, strict=True), start=2):
        x = _halving_unit(x, channels // 2, conv, act, f"stage_{stage}_1")
        for i in range(2, units + 1):
            x = _unit(x, channels // 2, conv, act, f"stage_{stage}_{i}")
    x = conv(x, last, 1, act=act, name="conv5")
    x = paddle.flatten(global_pool(x), 1)
    return fc_layer(x, class_num, name="fc6", init=XavierUniform())


def _unit(input, channels: int, conv, act: str, name: str):
    """[N, 2 channels, H, W] -> the same shape (paper, figure 3c)."""
    kept, x = paddle.split(input, 2, axis=1)
    return _shuffled(kept, _branch(x, channels, 1, conv, act, name))


def _halving_unit(input, channels: int, conv, act: str, name: str):
    """[N, C, H, W] -> [N, 2 channels, H / 2, W / 2] (paper, figure 3d)."""
    groups = input.shape[1]
    x = conv(input, groups, 3, stride=2, groups=groups, name=f"{name}.conv4")
    x = conv(x, channels, 1, act=act, name=f"{name}.conv5")
    return _shuffled(x, _branch(input, channels, 2, conv, act, name))


def _branch(x, channels: int, stride: int, conv, act: str, name: str):
    """1x1, depthwise with the stride, 1x1."""
    x = conv(x, channels, 1, act=act, name=f"{name}.conv1")
    x = conv(x, channels, 3, stride=stride, groups=channels, name=f"{name}.conv2")
    return conv(x, channels, 1, act=act, name=f"{name}.conv3")


def _shuffled(first, second):
    """Both, channel by channel in turn: the two halves of what follows see both."""
    return functional.channel_shuffle(paddle.concat([first, second], axis=1), 2)


#: first part of a builder's name -> PaddleClas's attribute
_LAYERS = {"stage1_conv": "_conv1", "conv5": "_last_conv", "fc6": "_fc"}
#: last part of a builder's name -> PaddleClas's attribute in a unit
_IN_UNIT = {"conv1": "_conv_pw", "conv2": "_conv_dw", "conv3": "_conv_linear"}
_IN_HALVING_UNIT = {
    "conv1": "_conv_pw_2",
    "conv2": "_conv_dw_2",
    "conv3": "_conv_linear_2",
    "conv4": "_conv_dw_1",
    "conv5": "_conv_linear_1",
}


def _structured_name(path: str) -> str:
    """A sub-layer's path as PaddleClas has it: `stage_2_1.conv4._conv`, `2_1._conv_dw_1._conv`."""
    first, *rest = path.split(".")
    if first in _LAYERS:
        return ".".join([_LAYERS[first], *rest])
    conv, kind = rest
    attribute = (_IN_HALVING_UNIT if first.endswith("_1") else _IN_UNIT)[conv]
    return f"{first.removeprefix('stage_')}.{attribute}.{kind}"


def _network(
    widths: Sequence[int],
    class_num: int = 1000,
    in_channels: int = 3,
    *,
    act: str = "relu",
    stem_stride: int = 2,
) -> Network:
    body = partial(
        shufflenet_v2, widths=widths, act=act, class_num=class_num, stem_stride=stem_stride
    )
    return Network(body, in_channels, _structured_name)


#: constructors of (class_num=1000, in_channels=3, act="relu", stem_stride=2)
NETWORKS = {
    name: Architecture("ShuffleNetV2", partial(_network, WIDTHS[scale], act=act))
    for name, scale, act in (
        *((f"ShuffleNetV2_{scale_suffix(scale)}", scale, "relu") for scale in WIDTHS),
        ("ShuffleNetV2_swish", 1.0, "swish"),
    )
}
