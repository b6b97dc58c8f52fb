"""MobileNetV3 large and small (Howard et al. 2019, https://arxiv.org/abs/1905.02244).

By default as PaddleClas defines them; with `layout: torchvision` as torchvision does, whose weights
then load. Five convolutions halve the image: 224x224 ends in 7x7 maps. For 32x32 images
`stem_stride` 1 leaves the first of them out.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import paddle
from paddle.nn import functional
from paddle.nn.initializer import XavierUniform

from ppghost.models.ghost_layouts import make_divisible
from ppghost.models.ghostnet import scale_suffix
from ppghost.models.layers import (
    BN_EPSILON,
    batch_norm,
    conv_layer,
    dropout,
    fc_layer,
    global_pool,
    paddle_conv_init,
    se_block_of_convs,
)
from ppghost.models.network import Architecture, Network

relu, hardswish = functional.relu, functional.hardswish
#: kernel, expansion, channels, squeeze-and-excitation, activation, stride (paper, tables 1 and 2)
LARGE = (
    (3, 16, 16, 0, relu, 1),
    (3, 64, 24, 0, relu, 2),
    (3, 72, 24, 0, relu, 1),
    (5, 72, 40, 1, relu, 2),
    (5, 120, 40, 1, relu, 1),
    (5, 120, 40, 1, relu, 1),
    (3, 240, 80, 0, hardswish, 2),
    (3, 200, 80, 0, hardswish, 1),
    (3, 184, 80, 0, hardswish, 1),
    (3, 184, 80, 0, hardswish, 1),
    (3, 480, 112, 1, hardswish, 1),
    (3, 672, 112, 1, hardswish, 1),
    (5, 672, 160, 1, hardswish, 2),
    (5, 960, 160, 1, hardswish, 1),
    (5, 960, 160, 1, hardswish, 1),
)
SMALL = (
    (3, 16, 16, 1, relu, 2),
    (3, 72, 24, 0, relu, 2),
    (3, 88, 24, 0, relu, 1),
    (5, 96, 40, 1, hardswish, 2),
    (5, 240, 40, 1, hardswish, 1),
    (5, 240, 40, 1, hardswish, 1),
    (5, 120, 48, 1, hardswish, 1),
    (5, 144, 48, 1, hardswish, 1),
    (5, 288, 96, 1, hardswish, 2),
    (5, 576, 96, 1, hardswish, 1),
    (5, 576, 96, 1, hardswish, 1),
)
STEM = 16
#: blocks, channels of the last convolution and of the hidden layer behind the pooling
VARIANTS = {"large": (LARGE, 960, 1280), "small": (SMALL, 576, 1024)}
#: PaddleClas's hidden layer, in both variants and at every scale
PADDLECLAS_HIDDEN = 1280


class Layout(NamedTuple):
    """An implementation of MobileNetV3.

    Attributes:
        gate: what makes squeeze and excitation's scores numbers in [0, 1].
        squeezed: channels -> those that they are squeezed to.
        epsilon: what batch normalisation adds to the variance.
        expands_all: whether a block that widens nothing has a 1x1 convolution in front too.
        dense_hidden: whether the hidden layer is a fully connected one, as wide as in the paper,
            times the scale; else it is PaddleClas's 1x1 convolution without a bias.
        dropout_mode: see `dropout`.
    """

    gate: Callable
    squeezed: Callable[[int], int]
    epsilon: float
    expands_all: bool
    dense_hidden: bool
    dropout_mode: str


LAYOUTS = {
    "paddleclas": Layout(
        gate=partial(functional.hardsigmoid, slope=0.2, offset=0.5),
        squeezed=lambda channels: channels // 4,
        epsilon=BN_EPSILON,
        expands_all=True,
        dense_hidden=False,
        dropout_mode="downscale_in_infer",
    ),
    "torchvision": Layout(
        gate=partial(functional.hardsigmoid, slope=1 / 6, offset=0.5),
        squeezed=lambda channels: make_divisible(channels // 4, 8),
        epsilon=1e-3,
        expands_all=False,
        dense_hidden=True,
        dropout_mode="upscale_in_train",
    ),
}


def mobilenet_v3(
    x,
    variant: str,
    scale: float,
    class_num: int,
    *,
    stem_stride: int,
    class_expand: int | None,
    dropout_prob: float | None,
    layout: Layout,
):
    """Images [N, C, H, W] -> logits [N, class_num].

    Args:
        x: the images.
        variant: the key of VARIANTS.
        scale: factor of all widths but the hidden layer's.
        class_num: the number of classes.
        stem_stride: of the first convolution.
        class_expand: channels of the hidden layer, None for the layout's own.
        dropout_prob: behind the hidden layer, None for no dropout.
        layout: the implementation.
    """
    blocks, last, hidden = VARIANTS[variant]

    def width(channels: int) -> int:
        return make_divisible(channels * scale, 8)

    conv_bn = partial(_conv_bn, epsilon=layout.epsilon)
    x = hardswish(conv_bn(x, width(STEM), 3, stem_stride, name="conv"))
    for i, (k, expansion, channels, se, act, stride) in enumerate(blocks):
        y = _bottleneck(
            x, width(expansion), width(channels), k, stride,
            name=f"blocks.{i}", act=act, layout=layout, se=bool(se), conv_bn=conv_bn,
        )  # fmt: skip
        x = paddle.add(x, y) if stride == 1 and x.shape[1] == y.shape[1] else y
    x = global_pool(hardswish(conv_bn(x, width(last), 1, name="last_second_conv")))
    if layout.dense_hidden:
        hidden = class_expand or width(hidden)
        x = fc_layer(paddle.flatten(x, 1), hidden, "last_conv", init=XavierUniform())
    else:
        x = conv_layer(x, class_expand or PADDLECLAS_HIDDEN, 1, name="last_conv")
    x = hardswish(x)
    if dropout_prob is not None:
        x = dropout(x, dropout_prob, "dropout", layout.dropout_mode)
    return fc_layer(paddle.flatten(x, 1), class_num, "fc", init=XavierUniform())


def _bottleneck(
    x, hidden: int, output: int, size: int, stride: int,
    *, name: str, act: Callable, layout: Layout, se: bool, conv_bn: Callable,
):  # fmt: skip
    """1x1, depthwise, squeeze and excitation, 1x1 without an activation (paper, figure 4)."""
    if layout.expands_all or hidden != x.shape[1]:
        x = act(conv_bn(x, hidden, 1, name=f"{name}.expand_conv"))
    x = act(conv_bn(x, hidden, size, stride, groups=hidden, name=f"{name}.bottleneck_conv"))
    if se:
        squeezed = layout.squeezed(hidden)
        x = se_block_of_convs(x, hidden, squeezed, f"{name}.mid_se", gate=layout.gate)
    return conv_bn(x, output, 1, name=f"{name}.linear_conv")


def _conv_bn(
    x, channels: int, size: int, stride: int = 1, groups: int = 1, *, name: str, epsilon: float
):
    init = paddle_conv_init(x.shape[1], size)
    x = conv_layer(x, channels, size, stride, groups, name, init=init)
    return batch_norm(x, name=name, epsilon=epsilon)


def structured_name(path: str) -> str:
    """A sub-layer's path as PaddleClas has it."""
    for part, replacement in (
        ("mid_se_1._conv", "mid_se.conv1"),
        ("mid_se_2._conv", "mid_se.conv2"),
        ("last_conv._conv", "last_conv"),
        ("._conv", ".conv"),
        ("._batch_norm", ".bn"),
    ):
        path = path.replace(part, replacement)
    return path


def _network(
    class_num: int = 1000,
    in_channels: int = 3,
    *,
    variant: str,
    scale: float,
    stem_stride: int = 2,
    class_expand: int | None = None,
    dropout_prob: float | None = 0.2,
    layout: str = "paddleclas",
) -> Network:
    body = partial(
        mobilenet_v3,
        variant=variant,
        scale=scale,
        class_num=class_num,
        stem_stride=stem_stride,
        class_expand=class_expand,
        dropout_prob=dropout_prob,
        layout=LAYOUTS[layout],
    )
    return Network(body, in_channels, structured_name, generated_names=True)


#: constructors of (class_num=1000, in_channels=3, and the arguments of `_network`)
NETWORKS = {
    f"MobileNetV3_{variant}_{scale_suffix(scale)}": Architecture(
        "MobileNetV3", partial(_network, variant=variant, scale=scale)
    )
    for variant in VARIANTS
    for scale in (0.35, 0.5, 0.75, 1.0, 1.25)
}
