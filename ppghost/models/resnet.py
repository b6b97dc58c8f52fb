"""ResNet's stages (He et al. 2015, https://arxiv.org/abs/1512.03385), as PaddleClas names them.

ResNets as classifiers are left to PaddleClas's zoo; these functions are what
detectors stand on, and Ghost-ResNet-50.
"""

from collections.abc import Callable, Sequence

import paddle
from paddle.nn import functional

from ppghost.models.layers import conv_bn_layer

#: blocks, channels inside a block, stride of the first, by depth
STAGES = {
    depth: tuple(zip(blocks, (64, 128, 256, 512), (1, 2, 2, 2), strict=True))
    for depth, blocks in {
        18: (2, 2, 2, 2),
        34: (3, 4, 6, 3),
        50: (3, 4, 6, 3),
        101: (3, 4, 23, 3),
        152: (3, 8, 36, 3),
    }.items()
}
STEM = 64
#: channels behind a bottleneck, of those inside
EXPANSION = 4


def resnet_maps(x, stages: Sequence[tuple[int, int, int]], block: Callable) -> dict:
    """Images [N, C, H, W] -> feature maps [N, C', H / 2^l, W / 2^l] by level l, the last of each.

    Args:
        x: the images.
        stages: blocks, channels inside a block and stride of the first, of each stage.
        block: builds a block, called with (input, channels, stride, first, name); `first` is
            whether it is its stage's first one.
    """
    x = conv_bn_layer(x, STEM, 7, stride=2, act="relu", name="stem.0")
    x = functional.max_pool2d(x, 3, stride=2, padding=1)
    number, level, maps = 0, 2, {}
    for blocks, channels, stride in stages:
        level += stride == 2
        for i in range(blocks):
            x = block(x, channels, stride if i == 0 else 1, i == 0, f"blocks.{number}")
            number += 1
        maps[level] = x
    return maps


def basic_block(input, channels: int, stride: int, first: bool, name: str):
    """3x3 with the stride, 3x3, around an identity, in a stage's first block around a 1x1.

    So in PaddleClas and PaddleDetection. In the paper, and in PyTorch, the first stage has no 1x1.
    """
    x = conv_bn_layer(input, channels, 3, stride=stride, act="relu", name=f"{name}.conv0")
    x = conv_bn_layer(x, channels, 3, name=f"{name}.conv1")
    return _joined(input, x, stride, first, conv_bn_layer, name)


def bottleneck(
    input, channels: int, stride: int, first: bool, name: str, conv: Callable = conv_bn_layer
):
    """1x1, 3x3 with the stride, 1x1, around an identity, in a stage's first block around a 1x1.

    `conv` is called as `conv_bn_layer` is.
    """
    x = conv(input, channels, 1, act="relu", name=f"{name}.conv0")
    x = conv(x, channels, 3, stride=stride, act="relu", name=f"{name}.conv1")
    x = conv(x, EXPANSION * channels, 1, name=f"{name}.conv2")
    return _joined(input, x, stride, first, conv, name)


def _joined(input, x, stride: int, first: bool, conv: Callable, name: str):
    shortcut = input
    if first:
        shortcut = conv(input, x.shape[1], 1, stride=stride, name=f"{name}.short")
    return functional.relu(paddle.add(x, shortcut))


def structured_name(path: str) -> str:
    """A sub-layer's path, with the names that PaddleClas's ResNet has for its layers."""
    return path.replace("._conv", ".conv").replace("._batch_norm", ".bn")
