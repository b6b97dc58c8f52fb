"""A backbone of few layers for detectors on phones, after the rules of the light-network article.

Each rule is an argument, so that it can be measured by itself: a dilated depthwise-separable first
convolution, group instead of batch normalisation, few shortcuts, few ReLUs. The article's own code
is not public; widths and depths here are ours.
"""

from collections.abc import Callable
from functools import partial

import paddle
from paddle.nn import functional

from ppghost.models.layers import batch_norm, conv_layer, group_norm

#: widths of the maps at levels 1 to 5
WIDTHS = (16, 24, 40, 64, 96)
#: blocks at levels 2 to 5, the first of which halves the image
DEPTHS = (1, 1, 2, 2)
#: hidden channels of a block, of those of its output
EXPANSION = 2

NORMS: dict[str, Callable] = {"bn": batch_norm, "gn": group_norm}


def slim_maps(
    x,
    *,
    norm: str = "bn",
    dilated_stem: bool = True,
    shortcuts: bool = False,
    relus: bool = False,
) -> dict:
    """Images [N, C, H, W] -> feature maps [N, C', H / 2^l, W / 2^l] by level l.

    Args:
        x: the images.
        norm: "bn" or "gn".
        dilated_stem: whether the first convolution is depthwise-separable with dilation 2; else a
            plain 3x3 one.
        shortcuts: whether blocks that keep their shape have one.
        relus: whether a ReLU stands behind each convolution, not only behind the first of a block.
    """
    conv = partial(_conv, norm=NORMS[norm])
    x = _stem(x, conv, dilated_stem)
    maps = {1: x}
    for level, (width, depth) in enumerate(zip(WIDTHS[1:], DEPTHS, strict=True), start=2):
        for i in range(depth):
            name, stride = f"level{level}.{i}", 2 if i == 0 else 1
            y = conv(x, EXPANSION * width, 1, act=True, name=f"{name}.expand")
            channels = y.shape[1]
            y = conv(y, channels, 3, stride, channels, act=relus, name=f"{name}.depthwise")
            y = conv(y, width, 1, act=False, name=f"{name}.project")
            x = paddle.add(x, y) if shortcuts and i > 0 else y
        maps[level] = x
    return maps


def _stem(x, conv: Callable, dilated: bool):
    if not dilated:
        return conv(x, WIDTHS[0], 3, 2, act=True, name="stem")
    channels = x.shape[1]
    x = conv(x, channels, 3, 2, channels, act=False, name="stem.depthwise", dilation=2)
    return conv(x, WIDTHS[0], 1, act=True, name="stem.pointwise")


def _conv(x, channels, size, stride=1, groups=1, *, act: bool, norm, name: str, dilation=1):
    x = norm(conv_layer(x, channels, size, stride, groups, name, dilation=dilation), name=name)
    return functional.relu(x) if act else x
