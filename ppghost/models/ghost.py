"""Ghost modules and bottlenecks (GhostNet paper, https://arxiv.org/abs/1911.11907)."""

import math
from collections.abc import Callable

import paddle

from ppghost.i18n import tr
from ppghost.models.layers import conv_bn_layer, depthwise_conv, se_block


def ghost_module(
    input,
    output: int,
    kernel_size: int = 1,
    ratio: float = 2,
    dw_size: int = 3,
    stride: int = 1,
    relu: bool = True,
    name: str | None = None,
    fan_out: bool = False,
):
    """Ghost module (GhostNet paper, section 3.1): [N, C, H, W] -> [N, output, H', W'].

    A primary convolution makes ceil(output / ratio) intrinsic maps; a depthwise convolution of
    size dw_size makes ceil(ratio) - 1 ghosts of each; what exceeds `output` is cut off. Ratio 1
    is a plain convolution. `fan_out`: see `conv_layer`.

    Raises:
        ValueError: ratio below 1.
    """
    if ratio < 1:
        raise ValueError(
            tr("ghost module {name}: ratio {ratio} is below 1").format(name=name, ratio=ratio)
        )
    act = "relu" if relu else None
    intrinsic = math.ceil(output / ratio)
    ghosts = intrinsic * (math.ceil(ratio) - 1)
    x = conv_bn_layer(
        input,
        intrinsic,
        kernel_size,
        stride,
        act=act,
        name=name and f"{name}.primary_conv",
        fan_out=fan_out,
    )
    if ghosts == 0:
        return x
    y = conv_bn_layer(
        x,
        ghosts,
        dw_size,
        groups=intrinsic,
        act=act,
        name=name and f"{name}.cheap_operation",
        fan_out=fan_out,
    )
    out = paddle.concat([x, y], axis=1)
    return out if intrinsic + ghosts == output else out[:, :output]


def ghost_bottleneck(
    input,
    hidden_dim: int,
    output: int,
    kernel_size: int,
    stride: int,
    use_se: bool,
    name: str | None = None,
    *,
    expand: Callable = ghost_module,
    project: Callable = ghost_module,
    downsample: Callable = depthwise_conv,
    se: Callable = se_block,
):
    """Ghost bottleneck (paper, figure 3): [N, C, H, W] -> [N, output, H / stride, W / stride].

    Two ghost modules, with a depthwise convolution between them where the stride is 2; the
    shortcut is the identity where shapes allow.

    Args:
        input: [N, C, H, W].
        hidden_dim: channels between the modules.
        output: channels of the output.
        kernel_size: of the depthwise convolutions.
        stride: 1 or 2.
        use_se: whether squeeze and excitation stands before the second module.
        name: the builder's dotted name.
        expand: what makes the hidden channels; called as `ghost_module` is.
        project: what makes the output's channels, without an activation; called so too.
        downsample: what stands between them; called as `depthwise_conv` is.
        se: squeeze and excitation; called as `se_block` is.
    """
    x = expand(input, hidden_dim, name=name and f"{name}.ghost_module_1")
    if stride == 2:
        x = downsample(x, hidden_dim, kernel_size, stride, name=name and f"{name}.depthwise")
    if use_se:
        x = se(x, hidden_dim, name=name and f"{name}.se")
    x = project(x, output, relu=False, name=name and f"{name}.ghost_module_2")
    if stride == 1 and input.shape[1] == output:
        shortcut = input
    else:
        shortcut = depthwise_conv(
            input, input.shape[1], kernel_size, stride, name=name and f"{name}.shortcut_depthwise"
        )
        shortcut = conv_bn_layer(shortcut, output, 1, name=name and f"{name}.shortcut_conv")
    return paddle.add(x, shortcut)
