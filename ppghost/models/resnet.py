"""ResNet's stages (He et al. 2015, https://arxiv.org/abs/1512.03385), as PaddleClas names them.

ResNet18 and ResNet50 as classifiers are left to PaddleClas's zoo; these functions are what
detectors stand on, and Ghost-ResNet-50.
"""

from collections.abc import Callable, Sequence

import paddle
from paddle.nn import functional

from ppghost.models.layers import conv_bn_layer

#: blocks, channels inside a block, stride of the first, by depth
STAGES = {
    18: ((2, 64, 1), (2, 128, 2), (2, 256, 2), (2, 512, 2)),
    50: ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)),
}
STEM = 64
#: channels behind a bottleneck, of those inside
EXPANSION = 4


def resnet_maps(x, stages: Sequence[tuple[int, int, int]], block: Callable) -> dict:
    """Images [N, C, H, W] -> feature maps [N, C', H / 2^l, W / 2^l] by level l, the last of each.

    Args:
        x: the images.
        stages: blocks, channels inside a block and stride of the first, of each stage.
        block: builds a block, called with (input, channels, stride, name).
    """
    x = conv_bn_layer(x, STEM, 7, stride=2, act="relu", name="stem.0")
    x = functional.max_pool2d(x, 3, stride=2, padding=1)
    number, level, maps = 0, 2, {}
    for blocks, channels, stride in stages:
        level += stride == 2
        for i in range(blocks):
            x = block(x, channels, stride if i == 0 else 1, f"blocks.{number}")
            number += 1
        maps[level] = x
    return maps


def basic_block(input, channels: int, stride: int, name: str):
    """3x3 with the stride, 3x3, around an identity where shapes allow."""
    x = conv_bn_layer(input, channels, 3, stride=stride, act="relu", name=f"{name}.conv0")
    x = conv_bn_layer(x, channels, 3, name=f"{name}.conv1")
    return _joined(input, x, stride, conv_bn_layer, name)


def bottleneck(input, channels: int, stride: int, name: str, conv: Callable = conv_bn_layer):
    """1x1, 3x3 with the stride, 1x1, around an identity where shapes allow.

    `conv` is called as `conv_bn_layer` is.
    """
    x = conv(input, channels, 1, act="relu", name=f"{name}.conv0")
    x = conv(x, channels, 3, stride=stride, act="relu", name=f"{name}.conv1")
    x = conv(x, EXPANSION * channels, 1, name=f"{name}.conv2")
    return _joined(input, x, stride, conv, name)


def _joined(input, x, stride: int, conv: Callable, name: str):
    shortcut = input
    if input.shape[1] != x.shape[1] or stride == 2:
        shortcut = conv(input, x.shape[1], 1, stride=stride, name=f"{name}.short")
    return functional.relu(paddle.add(x, shortcut))


def structured_name(path: str) -> str:
    """A sub-layer's path, with the names that PaddleClas's ResNet has for its layers."""
    return path.replace("._conv", ".conv").replace("._batch_norm", ".bn")
