"""Builders: the functions that every network is written with.

A builder takes a tensor and returns a tensor. What happens in between depends on who calls:

* inside a `Network` (below) the `paddle.nn` sub-layers are created once, kept under their name,
  and used again on later calls: the same function is a `paddle.nn.Layer`, in static graph,
  dygraph and `paddle.jit.to_static`;
* with no `Network` around, each call creates its parameters anew; in static mode it appends its
  ops to the current Program, as the fluid builders of PaddleClas 1.x did.

Names. A builder's `name` is the prefix of its parameter names, with "." written as "_": the
dots are the structure that PaddleClas's dygraph Layers have, so that one name gives both the
parameter name (`_ghostbottleneck_0_ghost_module_1_primary_conv_weights`) and the structured
name (`_ghostbottleneck_0.ghost_module_1.primary_conv._conv.weight`).
"""

import math
from collections.abc import Callable

import paddle
from paddle import ParamAttr, nn
from paddle.nn import functional
from paddle.nn.initializer import KaimingNormal, Uniform
from paddle.regularizer import L2Decay

#: the Networks whose bodies are running, innermost last
_owners: list["Network"] = []


class Network(nn.Layer):
    """A network function as a Layer, in every mode that Paddle has.

    Args:
        body: maps an image tensor [N, C, H, W] to the network's output, by builders.
        in_channels: C.
        structured_names: where PaddleClas's structured name differs from the builder's dotted
            name: ending of the latter -> ending of the former.
    """

    def __init__(
        self,
        body: Callable,
        in_channels: int = 3,
        structured_names: dict[str, str] | None = None,
    ):
        super().__init__()
        self.body = body
        self.structured_names = structured_names or {}
        if paddle.in_dynamic_mode():
            # An optimizer asks for the parameters before the first real batch, so that one pass
            # over a small blank image creates them; in eval mode, which leaves statistics alone.
            self.eval()
            with paddle.no_grad():
                self(paddle.zeros([1, in_channels, 32, 32]))
            self.train()

    def forward(self, x):
        _owners.append(self)
        try:
            return self.body(x)
        finally:
            _owners.pop()

    def sublayer(self, name: str, create: Callable[[], nn.Layer]) -> nn.Layer:
        """The sub-layer `name` ("a.b.c"), created on the first call and registered at its path."""
        *parents, leaf = self._structured(name).split(".")
        parent = self
        for part in parents:
            if part not in parent._sub_layers:
                parent.add_sublayer(part, nn.Layer())
            parent = parent._sub_layers[part]
        if leaf not in parent._sub_layers:
            layer = create()
            layer.training = self.training
            parent.add_sublayer(leaf, layer)
        return parent._sub_layers[leaf]

    def _structured(self, name: str) -> str:
        for ours, theirs in self.structured_names.items():
            if ours in name:
                return name.replace(ours, theirs)
        return name


def _apply(name: str | None, kind: str, create: Callable[[], nn.Layer], x):
    """Run x through the sub-layer `name.kind` of the Network that is running, or a new one."""
    if not _owners:
        return create()(x)
    if name is None:
        raise ValueError("inside a Network every builder needs a name, to be found again")
    return _owners[-1].sublayer(f"{name}.{kind}" if kind else name, create)(x)


def parameter_name(name: str | None, suffix: str) -> str | None:
    """The parameter's name for a builder's dotted name, None (Paddle chooses) without one."""
    return None if name is None else f"{name.replace('.', '_')}_{suffix}"


def conv_layer(
    input,
    num_filters: int,
    filter_size: int,
    stride: int = 1,
    groups: int = 1,
    name: str | None = None,
    bias: bool = False,
    fan_out: bool = False,
):
    """Convolution: [N, C, H, W] -> [N, num_filters, ceil(H / stride), ceil(W / stride)].

    That size holds for odd filter sizes: padding is (filter_size - 1) // 2. Where every input
    channel is a group of its own, Paddle emits `depthwise_conv2d`. Kaiming initialisation, by the
    fan-in or, with `fan_out`, the fan-out.
    """
    channels = input.shape[1]
    fan = num_filters // groups * filter_size**2 if fan_out else None

    def conv():
        return nn.Conv2D(
            channels,
            num_filters,
            filter_size,
            stride=stride,
            padding=(filter_size - 1) // 2,
            groups=groups,
            weight_attr=ParamAttr(
                name=parameter_name(name, "weights"), initializer=KaimingNormal(fan_in=fan)
            ),
            bias_attr=ParamAttr(name=parameter_name(name, "offset")) if bias else False,
        )

    return _apply(name, "_conv", conv, input)


def batch_norm(input, act: str | None = None, name: str | None = None):
    """Batch normalisation of [N, C, H, W] and activation; parameters `<name>_bn_...`.

    Scale and offset are not decayed (PaddleClas: L2Decay(0)).
    """
    channels = input.shape[1]
    bn = f"{name}_bn" if name else None

    def normalise():
        return nn.BatchNorm(
            channels,
            act=act,
            param_attr=ParamAttr(name=parameter_name(bn, "scale"), regularizer=L2Decay(0.0)),
            bias_attr=ParamAttr(name=parameter_name(bn, "offset"), regularizer=L2Decay(0.0)),
            moving_mean_name=parameter_name(bn, "mean"),
            moving_variance_name=parameter_name(bn, "variance"),
        )

    return _apply(name, "_batch_norm", normalise, input)


def conv_bn_layer(
    input,
    num_filters: int,
    filter_size: int,
    stride: int = 1,
    groups: int = 1,
    act: str | None = None,
    name: str | None = None,
    fan_out: bool = False,
):
    """Convolution without bias (`conv_layer`), batch normalisation, activation."""
    x = conv_layer(input, num_filters, filter_size, stride, groups, name, fan_out=fan_out)
    return batch_norm(x, act, name)


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


def fc_layer(input, size: int, name: str | None = None):
    """Fully connected layer: [N, C] -> [N, size]; weights Uniform(+-1 / sqrt(C)), with bias."""
    channels = input.shape[1]
    bound = 1.0 / math.sqrt(channels)

    def linear():
        return nn.Linear(
            channels,
            size,
            weight_attr=ParamAttr(
                name=parameter_name(name, "weights"), initializer=Uniform(-bound, bound)
            ),
            bias_attr=ParamAttr(name=parameter_name(name, "offset")),
        )

    return _apply(name, "", linear, input)


def global_pool(input):
    """Global average pooling: [N, C, H, W] -> [N, C, 1, 1]."""
    return functional.adaptive_avg_pool2d(input, 1)


def dropout(input, p: float, name: str):
    """Dropout that scales while training (`upscale_in_train`), nothing in evaluation.

    A sub-layer, so that it follows the Network's train() and eval().
    """
    return _apply(name, "", lambda: nn.Dropout(p), input)


def se_block(input, num_channels: int, reduction_ratio: int = 4, name: str | None = None):
    """Squeeze and excitation: [N, C, H, W] scaled per channel by a gate in [0, 1].

    GhostNet's gate is a clip, not a hard sigmoid, in both PaddleClas generations.
    """
    x = paddle.squeeze(global_pool(input), axis=[2, 3])
    x = functional.relu(fc_layer(x, num_channels // reduction_ratio, name and f"{name}_1"))
    x = fc_layer(x, num_channels, name and f"{name}_2")
    gate = paddle.unsqueeze(paddle.clip(x, min=0, max=1), axis=[2, 3])
    return paddle.multiply(input, gate)


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
        raise ValueError(f"ghost module {name}: ratio {ratio} is below 1")
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
):
    """Ghost bottleneck (paper, figure 3): [N, C, H, W] -> [N, output, H / stride, W / stride].

    Two ghost modules, with a depthwise convolution between them where the stride is 2; the
    shortcut is the identity where shapes allow.
    """
    x = ghost_module(input, hidden_dim, name=name and f"{name}.ghost_module_1")
    if stride == 2:
        x = depthwise_conv(x, hidden_dim, kernel_size, stride, name=name and f"{name}.depthwise")
    if use_se:
        x = se_block(x, hidden_dim, name=name and f"{name}.se")
    x = ghost_module(x, output, relu=False, name=name and f"{name}.ghost_module_2")
    if stride == 1 and input.shape[1] == output:
        shortcut = input
    else:
        shortcut = depthwise_conv(
            input, input.shape[1], kernel_size, stride, name=name and f"{name}.shortcut_depthwise"
        )
        shortcut = conv_bn_layer(shortcut, output, 1, name=name and f"{name}.shortcut_conv")
    return paddle.add(x, shortcut)
