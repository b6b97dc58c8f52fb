"""Builders: the functions that every network is written with.

A builder takes a tensor and returns a tensor. What happens in between depends on who calls:

* inside a `Network` the `paddle.nn` sub-layers are created once, kept under their name,
  and used again on later calls: the same function is a `paddle.nn.Layer`, in static graph,
  dygraph and `paddle.jit.to_static`;
* with no `Network` around, each call creates its parameters anew; in static mode it appends its
  ops to the current Program, as the fluid builders of PaddleClas 1.x did.

What a builder's `name` means for its parameters stands in `ppghost.models.network`.
"""

import math
from collections.abc import Callable

import paddle
from paddle import ParamAttr, nn
from paddle.nn import functional
from paddle.nn.initializer import Constant, Initializer, KaimingNormal, Uniform
from paddle.regularizer import L2Decay

from ppghost.models.convolution import Conv2D
from ppghost.models.network import apply_layer, parameter_name

#: what batch normalisation adds to the variance
BN_EPSILON = 1e-5


def conv_layer(
    input,
    num_filters: int,
    filter_size: int | tuple[int, int],
    stride: int = 1,
    groups: int = 1,
    name: str | None = None,
    bias: bool = False,
    fan_out: bool = False,
    padding: int | None = None,
    init: Initializer | None = None,
    dilation: int = 1,
    bias_init: float = 0.0,
):
    """Convolution: [N, C, H, W] -> [N, num_filters, ceil(H / stride), ceil(W / stride)].

    `filter_size` is one number or (height, width). The output's size holds for odd ones without
    `padding`, which then is dilation * (filter_size - 1) // 2. A bias starts at `bias_init`. Where
    every input channel is a group of its own, Paddle emits `depthwise_conv2d`. Without `init`,
    Kaiming initialisation by the fan-in or, with `fan_out`, the fan-out.
    """
    channels = input.shape[1]
    sizes = (filter_size, filter_size) if isinstance(filter_size, int) else filter_size
    fan = num_filters // groups * math.prod(sizes) if fan_out else None

    def conv():
        return Conv2D(
            channels,
            num_filters,
            sizes,
            stride=stride,
            padding=(
                [dilation * (size - 1) // 2 for size in sizes] if padding is None else padding
            ),
            dilation=dilation,
            groups=groups,
            weight_attr=ParamAttr(
                name=parameter_name(name, "weights"), initializer=init or KaimingNormal(fan_in=fan)
            ),
            bias_attr=(
                ParamAttr(name=parameter_name(name, "offset"), initializer=Constant(bias_init))
                if bias
                else False
            ),
        )

    return apply_layer(name, "_conv", conv, input)


def paddle_conv_init(channels: int, size: int) -> Initializer:
    """What Paddle initialises a size x size convolution of so many channels with by default.

    Normal with deviation sqrt(2 / (size^2 channels)), in a depthwise convolution too.
    """
    return KaimingNormal(fan_in=size * size * channels)


def batch_norm(
    input,
    act: str | None = None,
    name: str | None = None,
    *,
    decay: bool = False,
    epsilon: float = BN_EPSILON,
):
    """Batch normalisation of [N, C, H, W] and activation; parameters `<name>_bn_...`.

    Scale and offset are not decayed (PaddleClas: L2Decay(0)) unless `decay` says so. `epsilon` is
    added to the variance.
    """
    channels = input.shape[1]
    bn = f"{name}_bn" if name else None
    regularizer = None if decay else L2Decay(0.0)

    def normalise():
        return nn.BatchNorm(
            channels,
            act=act,
            epsilon=epsilon,
            param_attr=ParamAttr(name=parameter_name(bn, "scale"), regularizer=regularizer),
            bias_attr=ParamAttr(name=parameter_name(bn, "offset"), regularizer=regularizer),
            moving_mean_name=parameter_name(bn, "mean"),
            moving_variance_name=parameter_name(bn, "variance"),
        )

    return apply_layer(name, "_batch_norm", normalise, input)


def group_norm(input, name: str | None = None, *, groups: int = 8):
    """Group normalisation of [N, C, H, W]; parameters `<name>_gn_...`, not decayed.

    Of at most `groups` groups: as many as divide C.
    """
    channels = input.shape[1]
    gn = f"{name}_gn" if name else None

    def normalise():
        return nn.GroupNorm(
            math.gcd(groups, channels),
            channels,
            weight_attr=ParamAttr(name=parameter_name(gn, "scale"), regularizer=L2Decay(0.0)),
            bias_attr=ParamAttr(name=parameter_name(gn, "offset"), regularizer=L2Decay(0.0)),
        )

    return apply_layer(name, "_group_norm", normalise, input)


def conv_bn_layer(
    input,
    num_filters: int,
    filter_size: int | tuple[int, int],
    stride: int = 1,
    groups: int = 1,
    act: str | None = None,
    name: str | None = None,
    fan_out: bool = False,
    decay: bool = False,
):
    """Convolution without bias (`conv_layer`), batch normalisation (`batch_norm`), activation."""
    x = conv_layer(input, num_filters, filter_size, stride, groups, name, fan_out=fan_out)
    return batch_norm(x, act, name, decay=decay)


def depthwise_conv(
    input,
    output: int,
    kernel_size: int,
    stride: int = 1,
    relu: bool = False,
    name: str | None = None,
):
    """Depthwise convolution and BN: [N, C, H, W] -> [N, output, H / stride, W / stride].

    `output` is a multiple of C. "_depthwise" goes behind the name, also where the name says so
    already: trained weights have been called `..._depthwise_depthwise` since PaddleClas 1.x.
    """
    return conv_bn_layer(
        input,
        num_filters=output,
        filter_size=kernel_size,
        stride=stride,
        groups=input.shape[1],
        act="relu" if relu else None,
        name=name and f"{name}_depthwise",
    )


def fc_layer(input, size: int, name: str | None = None, init: Initializer | None = None):
    """Fully connected layer with bias: [N, C] -> [N, size].

    Without `init` the weights start from Uniform(+-1 / sqrt(C)).
    """
    channels = input.shape[1]
    bound = 1.0 / math.sqrt(channels)

    def linear():
        return nn.Linear(
            channels,
            size,
            weight_attr=ParamAttr(
                name=parameter_name(name, "weights"),
                initializer=init or Uniform(-bound, bound),
            ),
            bias_attr=ParamAttr(name=parameter_name(name, "offset")),
        )

    return apply_layer(name, "", linear, input)


def global_pool(input):
    """Global average pooling: [N, C, H, W] -> [N, C, 1, 1]."""
    return functional.adaptive_avg_pool2d(input, 1)


def dropout(input, p: float, name: str, mode: str = "upscale_in_train"):
    """Dropout that scales while training, nothing in evaluation; `downscale_in_infer`: reversed.

    A sub-layer, so that it follows the Network's train() and eval().
    """
    return apply_layer(name, "", lambda: nn.Dropout(p, mode=mode), input)


def clip_gate(x):
    """GhostNet's gate in both PaddleClas generations: x, cut off below 0 and above 1."""
    return paddle.clip(x, min=0, max=1)


def se_block(
    input,
    num_channels: int,
    reduction_ratio: int = 4,
    name: str | None = None,
    *,
    gate: Callable = clip_gate,
):
    """Squeeze and excitation: [N, C, H, W] scaled per channel by `gate`, which is in [0, 1]."""
    x = paddle.squeeze(global_pool(input), axis=[2, 3])
    x = functional.relu(fc_layer(x, num_channels // reduction_ratio, name and f"{name}_1"))
    x = fc_layer(x, num_channels, name and f"{name}_2")
    return paddle.multiply(input, paddle.unsqueeze(gate(x), axis=[2, 3]))


def se_block_of_convs(
    input, num_channels: int, squeezed: int, name: str | None = None, *, gate: Callable
):
    """`se_block` through `squeezed` channels, of 1x1 convolutions with bias."""
    x = functional.relu(
        conv_layer(global_pool(input), squeezed, 1, name=name and f"{name}_1", bias=True)
    )
    x = conv_layer(x, num_channels, 1, name=name and f"{name}_2", bias=True)
    return paddle.multiply(input, gate(x))
