"""Programs of one operator, or of a few that converters join: what operator_sweep.py measures.

`sections()` gives, by section and name, a `Case`. A network is written with Paddle's static API;
its parameters are drawn by the sweep.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn
from paddle.base.layer_helper import LayerHelper

S = paddle.static.nn
IMAGE = (1, 4, 9, 11)
SMALL = (1, 4, 6, 6)
RGB = (1, 3, 8, 8)
TOKENS = (1, 6, 12)
ROWS = (2, 12)


@dataclass(frozen=True)
class Case:
    """A network, and the shapes of its inputs; `open` is what the program declares for the first,
    and `amplitude` what standard noise is multiplied by."""

    build: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    open: tuple[int, ...] | None = None
    amplitude: float = 1.0


Cases = dict[str, Case]


def case(build: Callable[..., Any], *shapes: tuple[int, ...], **options: Any) -> Case:
    return Case(build, shapes or (IMAGE,), **options)


def sections() -> dict[str, Cases]:
    """Every section with its cases."""
    return {
        "Activations and functions of one number": dict(activations()),
        "Scales": dict(scales()),
        "Powers": dict(powers()),
        "Pooling": dict(pooling()),
        "Convolutions": dict(convolutions()),
        "Convolutions that share parameters": dict(sharing()),
        "Two convolutions": dict(pairs()),
        "Transposed convolutions": dict(transposed()),
        "Normalisation": dict(normalisation()),
        "Resizing and rearranging": dict(resizing()),
        "Slicing, joining, shapes": dict(shapes()),
        "Padding": dict(padding()),
        "Elementwise": dict(elementwise()),
        "Products of matrices": dict(products()),
        "Reductions and searches": dict(reductions()),
        "Types and comparisons": dict(types()),
        "Blocks of networks": dict(blocks()),
        "Open sizes, several inputs and outputs": dict(programs()),
    }


def conv(x, channels=4, size=3, **options):
    options.setdefault("padding", size // 2)
    return S.conv2d(x, channels, size, **options)


def norm(x, **options):
    return S.batch_norm(x, is_test=True, **options)


def conv_norm(x, channels=8, size=3, **options):
    return norm(conv(x, channels, size, bias_attr=False, **options))


def depthwise(x, size=3, **options):
    return conv(x, x.shape[1], size, groups=x.shape[1], **options)


def deconv(x, channels=6, size=2, **options):
    options.setdefault("stride", 2)
    return S.conv2d_transpose(x, channels, filter_size=size, **options)


def parameter(*shape):
    return paddle.create_parameter(list(shape), "float32")


def named(name):
    return paddle.ParamAttr(name=name, initializer=nn.initializer.Normal(0, 0.3))


def prelu(x, mode):
    slopes = paddle.ParamAttr(initializer=nn.initializer.Uniform(0.1, 0.6))
    return S.prelu(x, mode, param_attr=slopes)


def operator(kind, x, y=None, **attributes):
    """An operator that no function makes, or not with these attributes."""
    helper = LayerHelper(kind)
    out = helper.create_variable_for_type_inference(x.dtype)
    inputs = {"X": x} if y is None else {"X": x, "Y": y}
    helper.append_op(type=kind, inputs=inputs, outputs={"Out": out}, attrs=attributes)
    return out


def constant(values):
    return paddle.assign(np.array(values))


def activations() -> Iterator[tuple[str, Case]]:
    functions = {
        "relu": F.relu,
        "relu6": F.relu6,
        "relu6, threshold 4": lambda x: operator("relu6", x, threshold=4.0),
        "leaky_relu 0.1": lambda x: F.leaky_relu(x, 0.1),
        "leaky_relu 0.02": lambda x: F.leaky_relu(x, 0.02),
        "leaky_relu 0.01": F.leaky_relu,
        "prelu, one slope": lambda x: prelu(x, "all"),
        "prelu, a slope for each channel": lambda x: prelu(x, "channel"),
        "prelu, a slope for each element": lambda x: prelu(x, "element"),
        "hard_swish": F.hardswish,
        "hard_swish, offset 2, scale 4, threshold 4": lambda x: operator(
            "hard_swish", x, offset=2.0, scale=4.0, threshold=4.0
        ),
        "hard_swish, threshold 5": lambda x: operator(
            "hard_swish", x, offset=3.0, scale=6.0, threshold=5.0
        ),
        "hard_sigmoid": F.hardsigmoid,
        "hard_sigmoid, slope 0.2": lambda x: F.hardsigmoid(x, 0.2, 0.5),
        "hard_sigmoid, slope 0.3, offset 0.4": lambda x: F.hardsigmoid(x, 0.3, 0.4),
        "swish": F.swish,
        "swish, beta 2": lambda x: operator("swish", x, beta=2.0),
        "silu": F.silu,
        "mish": F.mish,
        "gelu": F.gelu,
        "gelu, tanh form": lambda x: F.gelu(x, approximate=True),
        "elu, alpha 0.7": lambda x: F.elu(x, 0.7),
        "selu": F.selu,
        "celu, alpha 0.8": lambda x: F.celu(x, 0.8),
        "softplus": F.softplus,
        "softplus, beta 2, threshold 5": lambda x: F.softplus(x, 2, 5),
        "softsign": F.softsign,
        "tanh_shrink": F.tanhshrink,
        "brelu (hardtanh)": F.hardtanh,
        "thresholded_relu": lambda x: F.thresholded_relu(x, 0.7),
        "logsigmoid": F.log_sigmoid,
        "clip -0.5 to 1.5": lambda x: paddle.clip(x, -0.5, 1.5),
        "clip 0 to 6": lambda x: paddle.clip(x, 0, 6),
        "clip from 0.1": lambda x: paddle.clip(x, min=0.1),
        "sigmoid": F.sigmoid,
        "tanh": paddle.tanh,
        "exp": lambda x: paddle.exp(x * 0.2),
        "log": lambda x: paddle.log(x * x + 0.1),
        "log1p": lambda x: paddle.log1p(x * x),
        "log2": lambda x: paddle.log2(x * x + 0.2),
        "log10": lambda x: paddle.log10(x * x + 0.2),
        "sqrt": lambda x: paddle.sqrt(x * x + 0.1),
        "rsqrt": lambda x: paddle.rsqrt(x * x + 0.1),
        "reciprocal": lambda x: paddle.reciprocal(x * x + 0.2),
        "square": paddle.square,
        "abs": paddle.abs,
        "floor": paddle.floor,
        "ceil": paddle.ceil,
        "round": paddle.round,
        "sign": paddle.sign,
        "sin": paddle.sin,
        "cos": paddle.cos,
        "erf": paddle.erf,
        "x * relu6(x + 3) / 6": lambda x: x * F.relu6(x + 3) / 6,
        "relu6(x + 3) / 6": lambda x: F.relu6(x + 3) / 6,
        "x * sigmoid(x)": lambda x: x * F.sigmoid(x),
        "sigmoid(x) * x": lambda x: F.sigmoid(x) * x,
        "x * sigmoid(1.702 x)": lambda x: x * F.sigmoid(1.702 * x),
        "x * tanh(softplus(x))": lambda x: x * paddle.tanh(F.softplus(x)),
        "gelu from erf": lambda x: 0.5 * x * (1 + paddle.erf(x / 1.41421356)),
    }
    for name, function in functions.items():
        yield name, case(function, RGB)
        yield (
            f"convolution, norm, {name}, convolution",
            case(lambda x, f=function: conv(f(conv_norm(x)), 4, 1), RGB),
        )
    yield "maxout of 2", case(lambda x: F.maxout(x, 2))
    yield "convolution, norm, maxout of 2", case(lambda x: F.maxout(conv_norm(x), 2))
    yield "glu", case(lambda x: F.glu(x, 1))
    fused = {
        "relu": F.relu, "relu6": F.relu6, "leaky_relu": F.leaky_relu, "hard_swish": F.hardswish,
        "hard_sigmoid": F.hardsigmoid, "swish": F.swish, "sigmoid": F.sigmoid, "tanh": paddle.tanh,
        "prelu": lambda x: prelu(x, "channel"), "clip": lambda x: paddle.clip(x, 0.0, 6.0),
        "elu": F.elu,
    }  # fmt: skip
    for name, function in fused.items():
        yield (
            f"depthwise, norm, {name}",
            case(lambda x, f=function: f(norm(depthwise(x, bias_attr=False)))),
        )
        yield (
            f"linear, {name}",
            case(lambda x, f=function: f(nn.Linear(12, 5)(x[:, :, 0, 0])), (2, 12, 1, 1)),
        )
    yield "linear, prelu, one slope", case(lambda x: prelu(nn.Linear(12, 5)(x), "all"), ROWS)
    yield "norm, relu", case(lambda x: F.relu(norm(x)))
    yield "convolution, prelu for each element", case(lambda x: prelu(conv(x), "element"), SMALL)
    yield "x * sigmoid(y)", case(lambda x: conv(x) * F.sigmoid(conv(x)), SMALL)
    yield "1 - sigmoid(convolution)", case(lambda x: 1 - F.sigmoid(conv(x)), SMALL)


def scales() -> Iterator[tuple[str, Case]]:
    first = {"bias_after_scale": False}
    chains = {
        "2 x + 1": lambda x: paddle.scale(x, 2.0, 1.0),
        "2 (x + 1)": lambda x: paddle.scale(x, 2.0, 1.0, **first),
        "2 x + 0.5, relu": lambda x: paddle.scale(x, 2.0, 0.5, act="relu"),
        "2 (x + 1), then 3 x + 0.5": lambda x: paddle.scale(
            paddle.scale(x, 2.0, 1.0, **first), 3.0, 0.5
        ),
        "2 x + 1, then 3 (x + 0.5)": lambda x: paddle.scale(
            paddle.scale(x, 2.0, 1.0), 3.0, 0.5, **first
        ),
        "0.5 x": lambda x: x * 0.5,
        "-x": lambda x: -x,
        "((2 x + 1) 3 - 0.5) 0.1": lambda x: ((x * 2 + 1) * 3 - 0.5) * 0.1,
    }
    sources = {
        "": lambda x: x,
        "convolution, norm, ": conv_norm,
        "convolution, ": conv,
        "convolution without bias, ": lambda x: conv(x, bias_attr=False),
        "sum of two, ": lambda x: x + x * x,
    }
    for before, source in sources.items():
        for name, chain in chains.items():
            yield f"{before}{name}", case(lambda x, s=source, c=chain: c(s(x)), SMALL)
    joined = {
        "relu": F.relu, "relu6": F.relu6, "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
        "hard_swish": F.hardswish, "hard_sigmoid": F.hardsigmoid, "sigmoid": F.sigmoid,
        "swish": F.swish, "tanh": paddle.tanh, "elu": F.elu,
    }  # fmt: skip
    places = {
        "convolution": lambda x: conv(x, 6),
        "depthwise": depthwise,
        "convolution, norm": conv_norm,
        "norm": norm,
        "sum": lambda x: x + x * x,
        "scale": lambda x: x * 3 - 1,
        "convolution, scale": lambda x: conv(x, 6) * 3 - 1,
    }
    for place, source in places.items():
        for name, function in joined.items():
            yield (
                f"{place}, {name}, scale",
                case(lambda x, s=source, f=function: f(s(x)) * 2 + 0.5, SMALL),
            )
    for name, function in joined.items():
        yield (
            f"linear, {name}, scale",
            case(lambda x, f=function: f(nn.Linear(12, 6)(x)) * 2 + 0.5, ROWS),
        )
        yield f"scale, {name}", case(lambda x, f=function: f(x * 2 + 1), SMALL)
    yield "convolution, norm, relu6, / 6", case(lambda x: F.relu6(conv_norm(x)) / 6, SMALL)
    yield (
        "convolution, norm, relu, scale, convolution",
        case(lambda x: conv(F.relu(conv_norm(x)) * 0.5 + 0.1, 4, 1), SMALL),
    )
    yield (
        "convolution, relu, three scales",
        case(lambda x: ((F.relu(conv(x)) * 2 + 1) * 3 - 0.5) * 0.1, SMALL),
    )
    yield "convolution, norm, scale, relu", case(lambda x: F.relu(conv_norm(x) * 0.5 + 0.1), SMALL)
    yield (
        "convolution, scale, leaky_relu",
        case(lambda x: F.leaky_relu(conv(x) * 2 + 1, 0.1), SMALL),
    )
    yield "relu, scale, relu6", case(lambda x: F.relu6(F.relu(conv(x)) * 2 + 1), SMALL)
    yield "sum of two convolutions, scale", case(lambda x: (conv(x) + conv(x)) * 0.5, SMALL)
    yield (
        "convolution that is scaled and read",
        case(lambda x: (lambda y: y * 0.5 + F.relu(y))(conv(x)), SMALL),
    )
    yield "linear, scale", case(lambda x: nn.Linear(12, 5)(x) * 0.5 + 1, ROWS)
    yield (
        "linear without bias, scale",
        case(lambda x: nn.Linear(12, 5, bias_attr=False)(x) * 0.5, ROWS),
    )


def powers() -> Iterator[tuple[str, Case]]:
    for exponent in (1.0, 2.0, 3.0, 4.0):
        yield f"x ^ {exponent:g}", case(lambda x, p=exponent: paddle.pow(x, p), RGB)
        yield (
            f"x ^ {exponent:g} by a tensor",
            case(lambda x, p=exponent: x ** paddle.full([1], p), RGB),
        )
    yield "x ** 3 (elementwise_pow)", case(lambda x: x**3, RGB)
    yield "x ^ 2 by a whole number", case(lambda x: paddle.pow(x, 2), RGB)
    for exponent in (0.5, 1.5, 2.0):
        yield f"relu(x) ^ {exponent:g}", case(lambda x, p=exponent: paddle.pow(F.relu(x), p), RGB)
    for exponent in (-2.0, -1.0, -0.5, 0.5, 0.3, 2.0, 2.5):
        yield (
            f"(x^2 + 0.1) ^ {exponent:g}",
            case(lambda x, p=exponent: paddle.pow(x * x + 0.1, p), RGB),
        )
    yield "relu(x) ^ 0.3", case(lambda x: paddle.pow(F.relu(x), 0.3), RGB)
    yield (
        "convolution, norm, x ^ 2, convolution",
        case(lambda x: conv(paddle.pow(conv_norm(x), 2.0), 4, 1), RGB),
    )
    yield (
        "2 ^ x",
        case(lambda x: operator("elementwise_pow", paddle.full_like(x, 2.0), x * 0.3, axis=-1)),
    )
    yield (
        "RMS norm",
        case(lambda x: x * paddle.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6), TOKENS),
    )
    yield (
        "x - mean over the root of the mean square",
        case(
            lambda x: (lambda d: d / paddle.sqrt(d.pow(2).mean([2, 3], keepdim=True) + 1e-5))(
                x - x.mean([2, 3], keepdim=True)
            )
        ),
    )
    yield (
        "SimAM",
        case(
            lambda x: (
                lambda d: x * F.sigmoid(d / (4 * (d.sum([2, 3], keepdim=True) / 80 + 1e-4)) + 0.5)
            )((x - x.mean([2, 3], keepdim=True)).pow(2))
        ),
    )
    yield (
        "generalised mean, 3",
        case(lambda x: paddle.pow(F.adaptive_avg_pool2d(paddle.clip(x, 1e-6) ** 3.0, 1), 1 / 3)),
    )
    yield (
        "generalised mean, a parameter",
        case(lambda x: F.adaptive_avg_pool2d(paddle.clip(x, 1e-6) ** parameter(1), 1)),
    )


def pooling() -> Iterator[tuple[str, Case]]:
    most, mean = F.max_pool2d, F.avg_pool2d
    yield "max 3, stride 2, padding 1", case(lambda x: most(x, 3, 2, 1))
    yield "max 3, stride 2, padding 1, ceil", case(lambda x: most(x, 3, 2, 1, ceil_mode=True))
    yield "max 2, stride 2, ceil", case(lambda x: most(x, 2, 2, 0, ceil_mode=True))
    yield "max 3, stride 2, SAME", case(lambda x: most(x, 3, 2, "SAME"))
    yield "max 3, stride 2, VALID", case(lambda x: most(x, 3, 2, "VALID"))
    yield "max 2, padding below and right", case(lambda x: most(x, 2, 1, [0, 1, 0, 1]))
    yield "max 3x2, stride 2x1", case(lambda x: most(x, [3, 2], [2, 1], 0))
    yield "max 5, padding 2", case(lambda x: most(x, 5, 1, 2))
    yield "max 13, padding 6", case(lambda x: most(x, 13, 1, 6), (1, 4, 13, 13))
    yield "max 1, stride 2", case(lambda x: most(x, 1, 2), SMALL)
    yield "max with mask", case(lambda x: most(x, 2, 2, return_mask=True)[0])
    for exclusive in (True, False):
        word, options = ("exclusive", "inclusive")[not exclusive], {"exclusive": exclusive}
        yield (
            f"mean 3, stride 2, padding 1, {word}",
            case(lambda x, o=options: mean(x, 3, 2, 1, **o)),
        )
        yield (
            f"mean 3, stride 2, padding 1, ceil, {word}",
            case(lambda x, o=options: mean(x, 3, 2, 1, ceil_mode=True, **o)),
        )
        yield (
            f"mean 3, stride 2, SAME, {word}",
            case(lambda x, o=options: mean(x, 3, 2, "SAME", **o)),
        )
        yield (
            f"mean 2, stride 2, padding below and right, {word}",
            case(lambda x, o=options: mean(x, 2, 2, [0, 1, 0, 1], **o)),
        )
    yield "mean 2, stride 2, ceil", case(lambda x: mean(x, 2, 2, 0, ceil_mode=True))
    yield "mean 1, stride 2, ceil", case(lambda x: mean(x, 1, 2, ceil_mode=True), (1, 4, 6, 7))
    yield "mean, divisor 5", case(lambda x: mean(x, 3, 2, 1, divisor_override=5))
    yield "mean 7 on 7x7", case(lambda x: mean(x, 7, 7), (1, 4, 7, 7))
    for name, pool in (("mean", F.adaptive_avg_pool2d), ("max", F.adaptive_max_pool2d)):
        for size in (1, (3, 5), (4, 4)):
            yield f"adaptive {name} to {size}", case(lambda x, p=pool, s=size: p(x, s))
    yield "adaptive mean of rows", case(lambda x: F.adaptive_avg_pool2d(x, (None, 1)))
    yield "mean of a sequence", case(lambda x: F.avg_pool1d(x, 3, 2, 1), (1, 4, 16))
    yield "max of a sequence", case(lambda x: F.max_pool1d(x, 3, 2, 1), (1, 4, 16))
    yield "mean, NHWC", case(lambda x: mean(x, 3, 2, 1, data_format="NHWC"), (1, 9, 11, 4))
    yield "max, NHWC", case(lambda x: most(x, 3, 2, 1, data_format="NHWC"), (1, 9, 11, 4))
    yield "root of the mean square", case(lambda x: paddle.sqrt(mean(x * x, 2, 2) + 1e-6))


def convolutions() -> Iterator[tuple[str, Case]]:
    variants = {
        "3, SAME, stride 2": (3, {"padding": "SAME", "stride": 2}),
        "3, VALID, stride 2": (3, {"padding": "VALID", "stride": 2}),
        "3, SAME, stride 2, dilation 2": (3, {"padding": "SAME", "stride": 2, "dilation": 2}),
        "3, stride 2, padding below and right": (3, {"stride": 2, "padding": [0, 1, 0, 1]}),
        "3, padding 2, 0, 1, 1": (3, {"padding": [2, 0, 1, 1]}),
        "3, dilation 2": (3, {"padding": 2, "dilation": 2}),
        "3, dilation 1x2": (3, {"padding": [1, 2], "dilation": [1, 2]}),
        "1x7": ((1, 7), {"padding": (0, 3)}),
        "7x1": ((7, 1), {"padding": (3, 0)}),
        "1": (1, {}),
        "1, stride 2": (1, {"stride": 2}),
        "2, stride 2": (2, {"stride": 2, "padding": 0}),
        "4, stride 2, padding 1": (4, {"stride": 2, "padding": 1}),
        "4, stride 4": (4, {"stride": 4, "padding": 0}),
        "5, stride 2": (5, {"stride": 2}),
        "7, stride 2": (7, {"stride": 2}),
        "3, stride 2x1": (3, {"stride": (2, 1)}),
        "3, no bias": (3, {"bias_attr": False}),
        "3, 2 groups": (3, {"groups": 2}),
        "1, 2 groups": (1, {"groups": 2}),
    }
    for name, (size, options) in variants.items():
        yield (
            name,
            case(
                lambda x, k=size, o=options: (
                    S.conv2d(x, 6, k, **{"padding": k // 2, **o})
                    if isinstance(k, int)
                    else S.conv2d(x, 6, k, **o)
                )
            ),
        )
    yield "3, 3 groups", case(lambda x: conv(x, 9, groups=3), (1, 6, 9, 11))
    yield "3, 5 groups of 5", case(lambda x: conv(x, 15, groups=5), (1, 25, 7, 7))
    for size in (3, 5, 7):
        for stride in (1, 2):
            yield (
                f"depthwise {size}, stride {stride}",
                case(lambda x, k=size, s=stride: depthwise(x, k, stride=s), (1, 6, 9, 11)),
            )
    deep = {
        "3, dilation 2": (3, {"padding": 2, "dilation": 2}),
        "5, dilation 2": (5, {"padding": 4, "dilation": 2}),
        "3, SAME, stride 2": (3, {"padding": "SAME", "stride": 2}),
        "3, stride 2, padding below and right": (3, {"stride": 2, "padding": [0, 1, 0, 1]}),
        "2, stride 2": (2, {"stride": 2, "padding": 0}),
        "4, stride 2, padding 1": (4, {"stride": 2, "padding": 1}),
        "9": (9, {}),
        "3, stride 2x1": (3, {"stride": (2, 1)}),
        "3, stride 1x2": (3, {"stride": (1, 2)}),
        "3, stride 3": (3, {"stride": 3}),
        "3, padding 0": (3, {"padding": 0}),
        "3, padding 2": (3, {"padding": 2}),
    }
    for name, (size, options) in deep.items():
        yield (
            f"depthwise {name}",
            case(lambda x, k=size, o=options: depthwise(x, k, **o), (1, 6, 13, 12)),
        )
    for size, pad in (((1, 5), (0, 2)), ((5, 1), (2, 0))):
        yield (
            f"depthwise {size[0]}x{size[1]}",
            case(lambda x, k=size, p=pad: S.conv2d(x, 6, k, padding=p, groups=6), (1, 6, 9, 11)),
        )
    for stride in (1, 2):
        yield (
            f"depthwise, 2 outputs a channel, stride {stride}",
            case(lambda x, s=stride: conv(x, 12, groups=6, stride=s), (1, 6, 9, 11)),
        )
    yield "on one channel", case(lambda x: conv(x, 1), (1, 1, 9, 11))
    yield "NHWC", case(lambda x: S.conv2d(x, 6, 3, padding=1, data_format="NHWC"), (1, 9, 11, 4))
    yield "NHWC: convolution, norm, relu, pooling", case(
        lambda x: F.avg_pool2d(
            F.relu(norm(S.conv2d(x, 6, 3, data_format="NHWC"), data_layout="NHWC")), 2, 2,
            data_format="NHWC",
        ),
        (1, 9, 11, 4),
    )  # fmt: skip
    yield "of a sequence", case(lambda x: nn.Conv1D(4, 6, 3, padding=1)(x), (1, 4, 16))
    yield "3-D", case(lambda x: nn.Conv3D(2, 4, 3, padding=1)(x), (1, 2, 4, 6, 6))
    yield (
        "deformable",
        case(
            lambda x: paddle.vision.ops.DeformConv2D(4, 4, 3, padding=1)(
                x, conv(x, 18) * 0.1, F.sigmoid(conv(x, 9))
            ),
            SMALL,
        ),
    )
    yield (
        "by computed weights",
        case(
            lambda x: F.conv2d(
                x, S.fc(F.adaptive_avg_pool2d(x, 1), 144).reshape([4, 4, 3, 3]), padding=1
            ),
            (1, 4, 9, 9),
        ),
    )
    for name, shape in {"1x1": (1, 4, 1, 1), "56x56, 16 channels": (1, 16, 56, 56)}.items():
        yield f"3 on {name}", case(lambda x: conv(x, 16), shape)
    yield "1 on 1x1", case(lambda x: F.relu(conv(x, 8, 1)), (1, 16, 1, 1))
    sizes = [(3, 1, 2), (5, 1, 3), (5, 2, 3), (3, 2, 1), (3, 1, 112), (3, 2, 57), (5, 2, 28)]
    for size, stride, side in sizes:
        yield (
            f"depthwise {size}, stride {stride}, on {side}x{side}",
            case(lambda x, k=size, s=stride: depthwise(x, k, stride=s), (1, 8, side, side)),
        )
    yield "depthwise, batch of 3", case(depthwise, (3, 8, 14, 14))
    yield (
        "many channels, odd sizes",
        case(lambda x: F.relu(conv(conv(x, 33, 1), 65, 3, stride=2)), (1, 67, 13, 17)),
    )
    yield "with bias, norm", case(lambda x: norm(conv(x, 6)))
    yield "norm, epsilon 0.001", case(lambda x: norm(conv(x, 6), epsilon=1e-3))
    yield "norm, norm", case(lambda x: norm(conv_norm(x)), SMALL)
    yield "relu, norm", case(lambda x: norm(F.relu(conv(x))), SMALL)
    yield "norm, and read besides", case(lambda x: (lambda y: norm(y) + y)(conv(x, 6)))
    yield "norm, sum, relu", case(lambda x: F.relu(conv_norm(x, 4) + x))
    yield (
        "sum that is read twice",
        case(lambda x: (lambda y: F.relu(y) + F.sigmoid(y))(conv(x) + x)),
    )
    additions = {
        "[C], axis 1": lambda x: operator("elementwise_add", x, parameter(6), axis=1),
        "[1]": lambda x: x + parameter(1),
        "[C, 1, 1]": lambda x: x + parameter(6, 1, 1),
        "[1, 1, H, W]": lambda x: x + parameter(1, 1, 9, 6),
        "[W], as many as channels": lambda x: x + parameter(6),
    }
    for name, add in additions.items():
        for bias in (None, False):
            word = "with bias" if bias is None else "without bias"
            yield (
                f"{word}, + {name}",
                case(lambda x, a=add, b=bias: a(conv(x, 6, bias_attr=b)), (1, 4, 9, 6)),
            )
        yield f"norm, + {name}", case(lambda x, a=add: a(conv_norm(x, 6)), (1, 4, 9, 6))
    yield "- [W], as many as channels", case(lambda x: conv(x, 6) - parameter(6), (1, 4, 9, 6))
    yield "* [W], as many as channels", case(lambda x: conv(x, 6) * parameter(6), (1, 4, 9, 6))
    yield "[C, 1, 1] + convolution", case(lambda x: parameter(6, 1, 1) + conv(x, 6), (1, 4, 9, 6))
    yield "* [1]", case(lambda x: conv(x, 6) * parameter(1))
    yield "relu, + [W]", case(lambda x: F.relu(conv(x, 6)) + parameter(6), (1, 4, 9, 6))


def sharing() -> Iterator[tuple[str, Case]]:
    image = (1, 4, 8, 8)

    def levels(build):
        return case(lambda x: [build(y) for y in (x, F.avg_pool2d(x, 2, 2))], image)

    def shared(x, channels=4, bias=False):
        attr = named("bias") if bias else False
        return conv(x, channels, param_attr=named("filter"), bias_attr=attr)

    def shared_norm(x):
        return norm(
            x, param_attr=named("gain"), bias_attr=named("shift"), moving_mean_name="mean",
            moving_variance_name="variance",
        )  # fmt: skip

    def tower(function, own_norm, bias):
        def build(x):
            y = shared(conv(x, 8), 8, bias)
            y = function(norm(y) if own_norm else y)
            return conv(y, 6, 1, param_attr=named("head"), bias_attr=named("head_bias"))

        return levels(build)

    yield "a filter, norms of their own", levels(lambda x: F.relu(norm(shared(x))))
    yield "a filter and bias", levels(lambda x: shared(x, bias=True))
    yield "a norm, filters of their own", levels(lambda x: shared_norm(conv(x, bias_attr=False)))
    yield (
        "filter, norm: three times in a row",
        case(lambda x: (lambda f: f(f(f(x))))(lambda y: F.relu(shared_norm(shared(y)))), image),
    )
    yield (
        "filter and norm on two halves",
        case(
            lambda x: (lambda f: f(x[:, :, :4]) - f(x[:, :, 4:]))(
                lambda y: F.relu(shared_norm(shared(y)))
            ),
            image,
        ),
    )
    yield (
        "a filter, then a shared 1x1 that widens",
        levels(lambda x: conv(shared(x, 8), 12, 1, param_attr=named("wide"), bias_attr=False)),
    )
    yield "head: filter and bias, relu, 1x1", tower(F.relu, False, True)
    yield "head: filter, own norms, relu, 1x1", tower(F.relu, True, False)
    yield "head: filter and bias, own norms, leaky_relu, 1x1", tower(F.leaky_relu, True, True)
    yield "head: filter and bias, hard_swish, 1x1", tower(F.hardswish, False, True)
    yield (
        "a filter, scale in one of two",
        case(
            lambda x: [shared(x, bias=True) * 0.5, shared(F.avg_pool2d(x, 2, 2), bias=True)], image
        ),
    )
    yield "a filter, own biases, scale in one of two", case(
        lambda x: [
            conv(x, param_attr=named("filter")) * 0.5, conv(x * 2, param_attr=named("filter")),
        ],
        image,
    )  # fmt: skip
    yield "a filter and bias, own factors", levels(lambda x: shared(x, bias=True) * parameter(1))
    yield (
        "a filter and bias, a bias more in one of two",
        case(
            lambda x: [
                operator("elementwise_add", shared(x, bias=True), parameter(4), axis=1),
                shared(F.avg_pool2d(x, 2, 2), bias=True),
            ],
            image,
        ),
    )
    yield (
        "a matrix, used twice",
        case(
            lambda x: [
                S.fc(y, 5, weight_attr=named("matrix"), bias_attr=named("bias")) for y in (x, x * 2)
            ],
            ROWS,
        ),
    )


def pairs() -> Iterator[tuple[str, Case]]:
    for size in (1, 3, 5):
        for channels in (5, 12):
            word = "narrowing" if channels == 5 else "widening"
            for first in (None, False):
                for second in (None, False):
                    biases = ", ".join("none" if b is False else "bias" for b in (first, second))
                    yield (
                        f"{size}x{size}, {word} 1x1 ({biases})",
                        case(
                            lambda x, k=size, c=channels, a=first, b=second: conv(
                                conv(x, 8, k, bias_attr=a), c, 1, bias_attr=b
                            )
                        ),
                    )
            yield (
                f"{size}x{size}, norm, {word} 1x1, norm",
                case(lambda x, k=size, c=channels: conv_norm(conv_norm(x, 8, k), c, 1)),
            )
            yield (
                f"{size}x{size}, relu, {word} 1x1",
                case(lambda x, k=size, c=channels: conv(F.relu(conv(x, 8, k)), c, 1)),
            )
            yield (
                f"{size}x{size}, {word} 1x1, the first an output too",
                case(
                    lambda x, k=size, c=channels: (lambda y: [conv(y, c, 1), F.relu(y)])(
                        conv(x, 8, k)
                    )
                ),
            )
    for channels in (5, 12):
        word = "narrowing" if channels == 5 else "widening"
        yield (
            f"3x3 stride 2, {word} 1x1",
            case(lambda x, c=channels: conv(conv(x, 8, stride=2), c, 1)),
        )
        yield (
            f"3x3, {word} 1x1 stride 2",
            case(lambda x, c=channels: conv(conv(x, 8), c, 1, stride=2)),
        )
        yield (
            f"3x3, {word} 1x1 padding 1",
            case(lambda x, c=channels: conv(conv(x, 8), c, 1, padding=1)),
        )
        yield (
            f"3x3 dilation 2, {word} 1x1",
            case(lambda x, c=channels: conv(conv(x, 8, dilation=2, padding=2), c, 1)),
        )
        yield (
            f"1x5, {word} 1x1",
            case(lambda x, c=channels: conv(S.conv2d(x, 8, (1, 5), padding=(0, 2)), c, 1)),
        )
        yield f"depthwise, {word} 1x1", case(lambda x, c=channels: conv(depthwise(x), c, 1))
        yield f"2 groups, {word} 1x1", case(lambda x, c=channels: conv(conv(x, 6, groups=2), c, 1))
        yield (
            f"3x3, {word} 1x1, sum, relu",
            case(lambda x, c=channels: F.relu(conv(conv(x, 8), c, 1) + conv(x, c, 1))),
        )
        yield (
            f"3x3, norm, {word} 1x1, norm, relu6",
            case(lambda x, c=channels: F.relu6(conv_norm(conv_norm(x), c, 1))),
        )
    yield "3x3, 1x1 of 2 groups", case(lambda x: conv(conv(x, 6), 6, 1, groups=2))
    yield "3x3, 3x3", case(lambda x: conv(conv(x, 8), 5))
    yield "1x1, 1x1, relu", case(lambda x: F.relu(conv(conv(x, 8, 1), 5, 1)))
    yield "3x3, 1x1, 1x1, each wider", case(lambda x: conv(conv(conv(x, 8), 12, 1), 16, 1))
    yield (
        "3x3, widening 1x1, relu, 1x1, 3x3",
        case(lambda x: conv(conv(F.relu(conv(conv(x, 8), 12, 1)), 6, 1), 6)),
    )


def transposed() -> Iterator[tuple[str, Case]]:
    yield "2, stride 2", case(deconv)
    yield "4, stride 2, padding 1", case(lambda x: deconv(x, 6, 4, padding=1))
    yield (
        "3, stride 2, output padding 1",
        case(lambda x: nn.Conv2DTranspose(4, 6, 3, 2, 1, output_padding=1)(x)),
    )
    yield (
        "3, stride 2, output size",
        case(lambda x: deconv(x, 6, 3, padding=1, output_size=[18, 22])),
    )
    yield "2 groups", case(lambda x: deconv(x, 6, 4, padding=1, groups=2))
    yield "depthwise", case(lambda x: deconv(x, 4, 4, padding=1, groups=4))
    yield "dilation 2", case(lambda x: deconv(x, 6, 3, stride=1, dilation=2))
    yield "3, stride 1", case(lambda x: deconv(x, 6, 3, stride=1, padding=1))
    yield "3, stride 2, SAME", case(lambda x: deconv(x, 6, 3, padding="SAME"))
    yield "2x3, stride 2x1", case(lambda x: deconv(x, 6, (2, 3), stride=(2, 1), padding=(0, 1)))
    yield "norm, relu", case(lambda x: F.relu(norm(deconv(x, bias_attr=False))))
    yield "2 groups, norm", case(lambda x: norm(deconv(x, groups=2, bias_attr=False)), SMALL)
    yield (
        "depthwise, norm, relu",
        case(lambda x: F.relu(norm(deconv(x, 4, groups=4, bias_attr=False))), SMALL),
    )
    yield (
        "+ [C], axis 1",
        case(
            lambda x: operator("elementwise_add", deconv(x, bias_attr=False), parameter(6), axis=1)
        ),
    )
    yield (
        "+ [W], as many as channels",
        case(lambda x: deconv(x, bias_attr=False) + parameter(6), (1, 4, 3, 3)),
    )
    functions = {
        "relu": F.relu, "relu6": F.relu6, "leaky_relu": F.leaky_relu, "hard_swish": F.hardswish,
        "hard_sigmoid": F.hardsigmoid, "sigmoid": F.sigmoid, "tanh": paddle.tanh, "swish": F.swish,
        "elu": F.elu,
    }  # fmt: skip
    for name, function in functions.items():
        yield name, case(lambda x, f=function: f(deconv(x)), SMALL)


def normalisation() -> Iterator[tuple[str, Case]]:
    yield "batch, epsilon 0.001", case(lambda x: norm(x, epsilon=1e-3))
    yield "batch, of rows", case(lambda x: norm(S.fc(x, 6)), ROWS)
    yield "batch, NHWC", case(lambda x: norm(x, data_layout="NHWC"), (1, 9, 11, 4))
    yield "batch, of a sequence", case(norm, (1, 4, 16))
    yield "batch, relu, convolution", case(lambda x: conv(F.relu(norm(x)), 6))
    yield "sum, batch", case(lambda x: norm(x + F.relu(x)))
    yield "linear, batch, relu", case(lambda x: F.relu(norm(S.fc(x, 6))), (2, 4, 3, 3))
    yield "linear, batch", case(lambda x: norm(nn.Linear(12, 5)(x)), ROWS)
    yield "group of 2", case(lambda x: S.group_norm(x, 2))
    yield (
        "group of 2, no affine",
        case(lambda x: S.group_norm(x, 2, param_attr=False, bias_attr=False)),
    )
    yield "group of each channel", case(lambda x: S.group_norm(x, 4))
    yield "convolution, group", case(lambda x: S.group_norm(conv(x, 8), 4), SMALL)
    yield "layer, last axis", case(lambda x: nn.LayerNorm(12)(x), TOKENS)
    yield "layer, epsilon 1e-6", case(lambda x: nn.LayerNorm(12, epsilon=1e-6)(x), TOKENS)
    yield "layer, no bias", case(lambda x: nn.LayerNorm(12, bias_attr=False)(x), TOKENS)
    yield (
        "layer, no affine",
        case(lambda x: nn.LayerNorm(12, weight_attr=False, bias_attr=False)(x), TOKENS),
    )
    yield "layer, all axes", case(lambda x: S.layer_norm(x, begin_norm_axis=1))
    yield (
        "layer, over channels",
        case(lambda x: nn.LayerNorm(4)(x.transpose([0, 2, 3, 1])).transpose([0, 3, 1, 2])),
    )
    yield "instance", case(S.instance_norm)
    yield "instance, no affine", case(F.instance_norm)
    yield "convolution, instance, relu", case(lambda x: F.relu(S.instance_norm(conv(x, 6))))
    yield "unit length, axis 1", case(lambda x: F.normalize(x, axis=1))
    yield "unit length, last axis", case(lambda x: F.normalize(x, axis=-1), ROWS)
    yield "x / length", case(lambda x: x / paddle.norm(x, axis=1, keepdim=True), ROWS)
    yield "length", case(lambda x: paddle.norm(x, p=2, axis=1, keepdim=True))
    yield "local response", case(lambda x: F.local_response_norm(x, 5))
    yield (
        "global response",
        case(
            lambda x: (lambda g: x * (g / (g.mean(axis=1, keepdim=True) + 1e-6)) + x)(
                paddle.norm(x, p=2, axis=[2, 3], keepdim=True)
            )
        ),
    )


def resizing() -> Iterator[tuple[str, Case]]:
    image = (1, 4, 5, 7)
    kinds = {
        "nearest": {"mode": "nearest"},
        "bilinear, half pixel": {"mode": "bilinear", "align_mode": 0},
        "bilinear": {"mode": "bilinear", "align_mode": 1},
        "bilinear, corners": {"mode": "bilinear", "align_corners": True},
        "bicubic": {"mode": "bicubic"},
        "bicubic, corners": {"mode": "bicubic", "align_corners": True},
    }
    targets = {
        "by 2": {"scale_factor": 2}, "by 2x3": {"scale_factor": [2, 3]},
        "to 13x9": {"size": [13, 9]}, "by 1.5": {"scale_factor": 1.5},
        "by 0.5": {"scale_factor": 0.5}, "by 0.7": {"scale_factor": 0.7},
        "by 2x1.3": {"scale_factor": [2, 1.3]},
    }  # fmt: skip
    for kind, first in kinds.items():
        for target, second in targets.items():
            yield (
                f"{kind} {target}",
                case(
                    lambda x, o={**first, **second}: F.interpolate(x, **o),
                    (1, 4, 8, 10) if target == "by 0.5" else image,
                ),
            )
    for mode in ("nearest", "bilinear"):
        yield (
            f"{mode} to the size of another",
            case(
                lambda x, m=mode: (
                    lambda y: (
                        y + F.interpolate(F.avg_pool2d(y, 2, 2), size=paddle.shape(y)[2:], mode=m)
                    )
                )(conv(x)),
                image,
            ),
        )
    yield "nearest, corners", case(
        lambda x: operator(
            "nearest_interp_v2", x, align_corners=True, out_h=10, out_w=14, scale=[],
            interp_method="nearest",
        ),
        image,
    )  # fmt: skip
    yield "area", case(lambda x: F.interpolate(x, size=[3, 3], mode="area"), image)
    yield (
        "linear, of a sequence",
        case(lambda x: F.interpolate(x, size=[14], mode="linear", data_format="NCW"), (1, 4, 7)),
    )
    for mode in ("nearest", "bilinear"):
        yield (
            f"{mode}, NHWC",
            case(
                lambda x, m=mode: F.interpolate(x, size=[10, 14], mode=m, data_format="NHWC"),
                (1, 5, 7, 4),
            ),
        )
    yield "pixel_shuffle", case(lambda x: F.pixel_shuffle(x, 2), (1, 8, 5, 7))
    yield "pixel_unshuffle", case(lambda x: F.pixel_unshuffle(x, 2), (1, 4, 6, 8))
    yield "channel_shuffle", case(lambda x: F.channel_shuffle(x, 3), (1, 6, 5, 7))
    yield (
        "channels shuffled by a transpose",
        case(
            lambda x: x.reshape([0, 3, 2, 5, 7]).transpose([0, 2, 1, 3, 4]).reshape([0, 6, 5, 7]),
            (1, 6, 5, 7),
        ),
    )
    yield (
        "channels shuffled by a transpose, open batch",
        case(
            lambda x: (
                lambda n: (
                    x.reshape([n, 3, 2, 5, 7]).transpose([0, 2, 1, 3, 4]).reshape([n, 6, 5, 7])
                )
            )(paddle.shape(x)[0]),
            (1, 6, 5, 7),
            open=(-1, 6, 5, 7),
        ),
    )
    yield (
        "space to depth by slices",
        case(
            lambda x: paddle.concat([x[:, :, i::2, j::2] for j in (0, 1) for i in (0, 1)], 1), RGB
        ),
    )
    yield (
        "grid_sample",
        case(lambda x: F.grid_sample(x, F.tanh(conv(x, 2)).transpose([0, 2, 3, 1])), SMALL),
    )
    yield (
        "affine_grid, grid_sample",
        case(
            lambda x: F.grid_sample(
                x, F.affine_grid(paddle.reshape(S.fc(x, 6), [1, 2, 3]) * 0.1, [1, 4, 6, 6])
            ),
            SMALL,
        ),
    )
    yield "unfold", case(lambda x: F.unfold(x, 2, 2), SMALL)
    yield "fold", case(lambda x: F.fold(x, [6, 6], 2, 2), (1, 16, 9))
    yield "temporal_shift", case(lambda x: F.temporal_shift(x, 4, 0.25), (4, 8, 3, 3))
    swaps = {
        "axes swapped, other order": ([0, 3, 2, 5, 5], [0, 2, 1, 4, 3], [0, 6, 5, 5]),
        "axes swapped, other sizes": ([0, 3, 2, 5, 5], [0, 2, 1, 3, 4], [0, 2, 3, 25]),
        "axes swapped, five of them": ([0, 3, 2, 5, 5], [0, 2, 1, 3, 4], [0, 2, 3, 5, 5]),
    }
    for name, (split, order, joined) in swaps.items():
        yield (
            name,
            case(
                lambda x, s=split, o=order, j=joined: x.reshape(s).transpose(o).reshape(j),
                (1, 6, 5, 5),
            ),
        )
    yield (
        "heads of tokens",
        case(
            lambda x: x.reshape([0, 6, 2, 6, 1]).transpose([0, 2, 1, 3, 4]).reshape([0, 2, 6, 6]),
            TOKENS,
        ),
    )
    yield (
        "strips of windows",
        case(
            lambda x: x.reshape([0, 2, 4, 4, 6]).transpose([0, 2, 1, 3, 4]).reshape([0, 8, 4, 6]),
            (1, 8, 4, 6),
        ),
    )
    yield (
        "rows swapped",
        case(
            lambda x: x.reshape([1, 3, 2, 4, 4]).transpose([0, 2, 1, 3, 4]).reshape([1, 2, 3, 16]),
            (1, 3, 8, 4),
        ),
    )
    yield (
        "windows",
        case(
            lambda x: (
                x.reshape([1, 2, 4, 2, 4, 4]).transpose([0, 1, 3, 2, 4, 5]).reshape([4, 16, 4])
            ),
            (1, 8, 8, 4),
        ),
    )
    yield (
        "windows, axes swapped",
        case(
            lambda x: (
                x.reshape([1, 2, 2, 2, 2, 4]).transpose([0, 2, 1, 3, 4, 5]).reshape([1, 4, 4, 4])
            ),
            (1, 4, 4, 4),
        ),
    )


def shapes() -> Iterator[tuple[str, Case]]:
    for axis in (1, -1, 2, -3):
        yield f"softmax, axis {axis}", case(lambda x, a=axis: F.softmax(x, a))
    yield "softmax, axis 0", case(lambda x: F.softmax(x, 0), (3, 4))
    yield "log_softmax", case(lambda x: F.log_softmax(x, -1), ROWS)
    for first, second in (
        ([0, 2, 1], [1, 0, 2]), ([0, 2, 1], [0, 2, 1]), ([0, 2, 3, 1], [0, 3, 1, 2]),
        ([0, 2, 3, 1], [0, 2, 1, 3]), ([0, 1, 3, 2], [0, 2, 1, 3]),
    ):  # fmt: skip
        yield (
            f"transpose {first}, softmax, transpose {second}",
            case(
                lambda x, a=first, b=second: F.softmax(x.transpose(a), -1).transpose(b),
                (2, 5, 7) if len(first) == 3 else (1, 5, 5, 5),
            ),
        )
    yield (
        "softmax, reshape to its shape",
        case(lambda x: F.softmax(nn.Linear(12, 6)(x), -1).reshape([2, 6]), ROWS),
    )
    yield (
        "squeeze, reshape, softmax",
        case(lambda x: F.softmax(x.squeeze([2, 3]).reshape([1, 6]), -1), (1, 6, 1, 1)),
    )
    yield (
        "transpose, reshape, softmax",
        case(lambda x: F.softmax(x.transpose([0, 2, 3, 1]).reshape([1, -1, 4]), -1), (1, 12, 3, 3)),
    )
    yield (
        "mean of bins (DFL)",
        case(
            lambda x: (
                F.softmax(x.reshape([1, 4, 4, 6]).transpose([0, 3, 1, 2]), -1)
                * paddle.arange(4, dtype="float32")
            ).sum(-1),
            (1, 16, 6),
        ),
    )
    yield "concat of three", case(lambda x: paddle.concat([x, x * 2, F.relu(x)], 1))
    for axis in (-1, -3):
        yield f"concat, axis {axis}", case(lambda x, a=axis: paddle.concat([x, x * 2], a))
    yield "concat of one twice", case(lambda x: paddle.concat([x, x], 1))
    yield "split, even", case(lambda x: paddle.split(x, 2, 1)[::-1])
    yield "split, uneven", case(lambda x: paddle.split(x, [2, 1, 1], 1))
    yield "split, the rest", case(lambda x: paddle.split(x, [1, -1], 1)[1])
    yield "split, negative axis", case(lambda x: paddle.split(x, [3, 8], -1))
    yield "chunks swapped", case(lambda x: paddle.concat(paddle.chunk(x, 2, 1)[::-1], 1))
    slices = {
        "x[:, 1:3]": lambda x: x[:, 1:3], "x[:, :, -3:]": lambda x: x[:, :, -3:],
        "x[:, 1]": lambda x: x[:, 1], "x[:, 1, 2]": lambda x: x[:, 1, 2],
        "x[:, :, ::2, ::2]": lambda x: x[:, :, ::2, ::2],
        "x[..., ::-1]": lambda x: x[:, :, :, ::-1],
        "x[:, :, 7:1:-2, ::-3]": lambda x: x[:, :, 7:1:-2, ::-3],
        "x[:, [2, 0]]": lambda x: x[:, [2, 0]],
        "slice over the end": lambda x: paddle.slice(x, [2, 3], [1, 2], [100, 1000]),
        "slice by a tensor": lambda x: paddle.slice(
            x, [2], [paddle.shape(x)[1] - 3], [paddle.shape(x)[1]]
        ),
        "flip": lambda x: paddle.flip(x, [3]),
        "x[:, 0] = 0": lambda x: paddle.static.setitem(x * 1.0, (slice(None), 0), 0.0),
        "x[:, 1:3, 2] = 1.5": lambda x: paddle.static.setitem(
            x * 1.0, (slice(None), slice(1, 3), 2), 1.5
        ),
        "reshape 0, -1": lambda x: x.reshape([0, -1]),
        "reshape -1, 11": lambda x: x.reshape([-1, 11]),
        "reshape 0, 0, -1": lambda x: x.reshape([0, 0, -1]),
        "transpose 0, 2, 3, 1": lambda x: x.transpose([0, 2, 3, 1]),
        "flatten after pooling, linear": lambda x: S.fc(
            F.adaptive_avg_pool2d(x, 1).flatten(1), 5
        ),
        "tile": lambda x: x.tile([1, 2, 1, 1]),
        "gather": lambda x: paddle.gather(x, constant([2, 0]), axis=1),
        "index_select": lambda x: paddle.index_select(x, constant([3, 1]), axis=1),
        "roll": lambda x: paddle.roll(x, [-1, -2], [2, 3]),
        "full_like, zeros_like": lambda x: x + paddle.full_like(x, 0.5) + paddle.zeros_like(x),
        "expand_as": lambda x: F.adaptive_avg_pool2d(x, 1).expand_as(x),
        "assign": lambda x: paddle.assign(conv(x)),
        "detach": lambda x: conv(x).detach() * 2,
    }  # fmt: skip
    for name, build in slices.items():
        yield name, case(build)
    yield "squeeze two", case(lambda x: x.squeeze([2, 3]), (1, 4, 1, 1))
    yield "squeeze all", case(lambda x: x.squeeze(), (1, 4, 1, 6))
    yield "squeeze -1", case(lambda x: x.squeeze(-1), (1, 4, 6, 1))
    yield "unsqueeze two", case(lambda x: x.unsqueeze([1, 3]), ROWS)
    yield "unsqueeze -1", case(lambda x: x.unsqueeze(-1), ROWS)
    yield "transpose of 3", case(lambda x: x.transpose([0, 2, 1]), TOKENS)
    yield "transpose of 5", case(lambda x: x.transpose([0, 3, 1, 4, 2]), (1, 2, 3, 4, 5))
    yield "stack", case(lambda x: paddle.stack([x, x * 2], 1), ROWS)
    yield "unbind", case(lambda x: paddle.unbind(x, 1)[1], (2, 3, 6))
    yield "expand", case(lambda x: x.expand([1, 4, 5, 6]), (1, 4, 1, 1))
    yield "expand -1", case(lambda x: x.expand([-1, -1, 5, 6]), (1, 4, 1, 1))
    yield "broadcast_to", case(lambda x: paddle.broadcast_to(x, [1, 4, 3, 3]), (1, 4, 1, 1))
    yield "gather_nd", case(lambda x: paddle.gather_nd(x, constant([[0, 1], [1, 3]])), ROWS)
    yield "tril", case(paddle.tril, (1, 5, 5))
    yield (
        "meshgrid",
        case(
            lambda x: (
                x
                + paddle.meshgrid(
                    paddle.arange(4, dtype="float32"), paddle.arange(5, dtype="float32")
                )[0]
            ),
            (1, 1, 4, 5),
        ),
    )
    yield "squeeze, linear", case(lambda x: nn.Linear(12, 5)(x.squeeze([2, 3])), (2, 12, 1, 1))
    yield (
        "embedding of whole numbers",
        case(lambda x: nn.Embedding(20, 4)(paddle.clip(x * 3 + 8, 0, 19).astype("int64")), (2, 6)),
    )
    yield (
        "arange",
        case(
            lambda x: x + paddle.arange(0, 5, 1, dtype="float32"), (1, 1, 4, 5), open=(-1, 1, 4, 5)
        ),
    )
    yield (
        "mean of positions",
        case(
            lambda x: (
                F.softmax(x.reshape([1, 4, 64]), -1) * paddle.arange(64, dtype="float32")
            ).sum(-1),
            (1, 4, 8, 8),
        ),
    )


def padding() -> Iterator[tuple[str, Case]]:
    yield "by 0", case(lambda x: F.pad(x, [1, 2, 0, 1]))
    yield "by 1.5", case(lambda x: F.pad(x, [1, 2, 0, 1], value=1.5))
    yield "by -1000", case(lambda x: F.pad(x, [1, 1, 1, 1], value=-1000.0))
    for mode in ("reflect", "replicate", "circular"):
        yield mode, case(lambda x, m=mode: F.pad(x, [1, 2, 3, 1], mode=m))
    yield "by 0, convolution", case(lambda x: S.conv2d(F.pad(x, [0, 1, 0, 1]), 6, 3, stride=2))
    yield "NHWC", case(lambda x: F.pad(x, [1, 2, 0, 1], data_format="NHWC"), (1, 9, 11, 4))
    yield (
        "NHWC, by 1.5",
        case(lambda x: F.pad(x, [1, 2, 0, 1], value=1.5, data_format="NHWC"), (1, 9, 11, 4)),
    )
    yield "of channels", case(lambda x: F.pad(x, [0, 0, 2, 1, 0, 0, 0, 0]))
    yield "ZeroPad2D", case(lambda x: nn.ZeroPad2D([1, 0, 1, 0])(x))
    yield (
        "of a sequence by 2.5",
        case(lambda x: F.pad(x, [1, 2], value=2.5, data_format="NCL"), (1, 4, 9)),
    )
    yield (
        "of a sequence, reflect",
        case(lambda x: F.pad(x, [1, 2], mode="reflect", data_format="NCL"), (1, 4, 9)),
    )
    yield (
        "unsqueeze, by 0, squeeze",
        case(lambda x: F.pad(x.unsqueeze(2), [1, 2, 0, 0]).squeeze(2), (1, 4, 9)),
    )
    yield (
        "unsqueeze, reflect, squeeze",
        case(
            lambda x: F.pad(
                x.unsqueeze(2), [1, 2, 1, 1, 0, 0], mode="reflect", data_format="NCDHW"
            ).squeeze(2),
            (1, 4, 6, 9),
        ),
    )
    yield (
        "3-D, by 1.5",
        case(
            lambda x: F.pad(x, [1, 2, 0, 1, 1, 0], value=1.5, data_format="NCDHW"), (1, 2, 4, 5, 6)
        ),
    )


def elementwise() -> Iterator[tuple[str, Case]]:
    for kind in ("add", "sub", "mul", "div", "max", "min"):
        yield (
            f"{kind}, [C], axis 1",
            case(lambda x, k=kind: operator(f"elementwise_{k}", x, parameter(4), axis=1)),
        )
        yield (
            f"{kind}, [W]",
            case(lambda x, k=kind: operator(f"elementwise_{k}", x, parameter(11), axis=-1)),
        )
    pool = F.adaptive_avg_pool2d
    sums = {
        "add, [C, H], axis 1": lambda x: operator("elementwise_add", x, parameter(4, 9), axis=1),
        "add, [C, H, W]": lambda x: x + parameter(4, 9, 11),
        "add, [1, C, 1, 1]": lambda x: x + parameter(1, 4, 1, 1),
        "add, assign_value": lambda x: (
            x + constant(np.linspace(-1, 1, 4, dtype="float32").reshape(1, 4, 1, 1))
        ),
        "mul, [N, C, 1, 1]": lambda x: x * F.sigmoid(conv(pool(x, 1), 4, 1)),
        "mul, [N, C], axis 0": lambda x: operator(
            "elementwise_mul", x, F.sigmoid(x.mean([2, 3])), axis=0
        ),
        "mul, [N, 1, H, W]": lambda x: x * F.sigmoid(x.mean(1, keepdim=True)),
        "mul, the smaller first": lambda x: F.sigmoid(pool(x, 1)) * x,
        "sub, the smaller first": lambda x: pool(x, 1) - x,
        "add of rows and columns": lambda x: pool(x, (None, 1)) + pool(x, (1, None)),
        "mul of rows and columns": lambda x: pool(x, (None, 1)) * pool(x, (1, None)),
        "[N, C, 1, W] + x": lambda x: x.mean(2, keepdim=True) + x,
        "div, [N, C, H, 1]": lambda x: x / (x.abs().mean(3, keepdim=True) + 1),
        "1 - x": lambda x: 1 - x,
        "1 / x": lambda x: 1 / (x * x + 0.5),
        "x / 3": lambda x: x / 3,
        "x * x": lambda x: x * x,
        "add_n": lambda x: paddle.add_n([x, x * 2, F.relu(x)]),
        "max of two": lambda x: paddle.maximum(x, x * x - 1),
        "min with a number": lambda x: paddle.minimum(x, paddle.full([1], 0.3)),
        "add, relu6": lambda x: F.relu6(x * 3 + x),
        "sub, relu": lambda x: F.relu(x - x.mean([2, 3], keepdim=True)),
        "mul, sigmoid": lambda x: F.sigmoid(x * x.mean([2, 3], keepdim=True)),
        "div, relu": lambda x: F.relu(x / (x.abs() + 1)),
        "mul by full([1])": lambda x: x * paddle.full([1], 0.5),
        "convolution * full([1], 1), relu": lambda x: F.relu(conv(x) * paddle.full([1], 1.0)),
    }
    for name, build in sums.items():
        yield name, case(build)
    yield (
        "mul by ones, wider",
        case(lambda x: F.relu(F.sigmoid(x) * paddle.ones([1, 4, 5, 5])), (1, 4, 1, 1)),
    )
    yield (
        "pixels to -1 .. 1, convolution",
        case(lambda x: conv((x - 127.5) / 127.5), RGB, amplitude=40.0),
    )
    yield (
        "pixels by mean and deviation, convolution",
        case(
            lambda x: conv(
                (x / 255.0 - constant(np.float32([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)))
                / constant(np.float32([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1))
            ),
            RGB,
            amplitude=30.0,
        ),
    )
    modes = {"upscale_in_train": "upscale", "downscale_in_infer": "downscale"}
    for mode, word in modes.items():
        yield f"dropout, {word}", case(lambda x, m=mode: F.dropout(x, 0.3, mode=m))
        yield (
            f"convolution, relu, dropout, {word}, convolution",
            case(lambda x, m=mode: conv(F.dropout(F.relu(conv(x)), 0.3, mode=m)), SMALL),
        )
        yield (
            f"linear, dropout, {word}, linear",
            case(
                lambda x, m=mode: nn.Linear(7, 3)(F.dropout(nn.Linear(12, 7)(x), 0.3, mode=m)), ROWS
            ),
        )
    yield (
        "dropout, not training, downscale",
        case(lambda x: F.dropout(x, 0.3, training=False, mode="downscale_in_infer")),
    )
    yield "convolution, dropout2d", case(lambda x: F.dropout2d(conv(x), 0.3, training=False))


def products() -> Iterator[tuple[str, Case]]:
    for name, shape in {"rows": ROWS, "tokens": TOKENS, "images": (1, 3, 4, 12)}.items():
        yield f"linear of {name}", case(lambda x: nn.Linear(12, 5)(x), shape)
    matrix = lambda x, *shape: paddle.matmul(x, parameter(*shape))  # noqa: E731
    rows = {
        "linear without bias": lambda x: nn.Linear(12, 5, bias_attr=False)(x),
        "linear, relu": lambda x: F.relu(nn.Linear(12, 5)(x)),
        "linear, relu6": lambda x: F.relu6(nn.Linear(12, 5)(x)),
        "linear, hard_swish, linear": lambda x: nn.Linear(7, 5)(F.hardswish(nn.Linear(12, 7)(x))),
        "linear, norm, relu": lambda x: F.relu(norm(nn.Linear(12, 5)(x))),
        "by a turned matrix": lambda x: paddle.matmul(x, parameter(5, 12), transpose_y=True),
        "+ [1]": lambda x: matrix(x, 12, 5) + parameter(1),
        "+ [1, 5]": lambda x: matrix(x, 12, 5) + parameter(1, 5),
        "+ [2, 5]": lambda x: matrix(x, 12, 5) + parameter(2, 5),
        "+ a tensor": lambda x: matrix(x, 12, 5) + x[:, :5],
        "bias + x @ w": lambda x: parameter(5) + matrix(x, 12, 5),
    }
    for name, build in rows.items():
        yield name, case(build, ROWS)
    tokens = {
        "x'x": lambda x: paddle.matmul(x, x * 2, transpose_x=True),
        "softmax of xx'": lambda x: F.softmax(paddle.matmul(x, x, transpose_y=True) * 0.4, -1),
        "of different rank": lambda x: paddle.matmul(x, x[0].transpose([1, 0])),
        "a matrix on the left": lambda x: paddle.matmul(parameter(3, 6), x),
        "matmul with alpha": lambda x: operator(
            "matmul", x, x, transpose_X=False, transpose_Y=True, alpha=0.25
        ),
        "fc over two axes": lambda x: S.fc(x, 5, num_flatten_dims=2),
        "fc, relu": lambda x: S.fc(x, 5, num_flatten_dims=2, activation="relu"),
        "linear, relu, linear": lambda x: nn.Linear(20, 12)(F.relu(nn.Linear(12, 20)(x))),
        "attention": lambda x: nn.MultiHeadAttention(12, 2)(x, x, x),
        "transformer layer": lambda x: nn.TransformerEncoderLayer(12, 2, 16, dropout=0.1)(x),
        "bmm": lambda x: paddle.bmm(x, x.transpose([0, 2, 1])),
        "einsum bij,bkj->bik": lambda x: paddle.einsum("bij,bkj->bik", x, x * 2),
        "einsum bij,bjk->bki": lambda x: paddle.einsum("bij,bjk->bki", x, x.transpose([0, 2, 1])),
    }
    for name, build in tokens.items():
        yield name, case(build, TOKENS)
    heads = (1, 2, 5, 6)
    yield (
        "attention of heads",
        case(
            lambda x: paddle.matmul(F.softmax(paddle.matmul(x, x, transpose_y=True), -1), x), heads
        ),
    )
    yield "of rank 4 and 3", case(lambda x: matrix(x, 2, 6, 3), heads)
    yield (
        "einsum bhqd,bhkd->bhqk",
        case(lambda x: paddle.einsum("bhqd,bhkd->bhqk", x, x * 2), heads),
    )
    yield (
        "einsum bqhd,bkhd->bhqk",
        case(lambda x: paddle.einsum("bqhd,bkhd->bhqk", x, x * 2), heads),
    )
    square = (4, 6)
    yield "einsum nc,cd->dn", case(lambda x: paddle.einsum("nc,cd->dn", x, parameter(6, 4)), square)
    yield "einsum nc,nc->n", case(lambda x: paddle.einsum("nc,nc->n", x, x * 2), square)
    yield "a matrix on the left of rows", case(lambda x: paddle.matmul(parameter(3, 4), x), square)
    yield "row by row", case(lambda x: paddle.matmul(x[0], x[0]), square)
    yield "mv", case(lambda x: paddle.mv(x, x[0]), square)
    yield "dot", case(lambda x: paddle.dot(x, x * 2), square)
    yield (
        "addmm",
        case(
            lambda x: paddle.addmm(parameter(4, 4), x, x.transpose([1, 0]), alpha=0.5, beta=2.0),
            square,
        ),
    )
    yield "a row by a matrix", case(lambda x: matrix(x, 12, 5), (12,))
    yield "fc of images", case(lambda x: S.fc(x, 5), (1, 4, 3, 3))


def reductions() -> Iterator[tuple[str, Case]]:
    for kind in ("mean", "max", "sum", "min", "prod"):
        function = getattr(paddle, kind)
        for axes, keep in (([2, 3], True), ([2, 3], False), (1, True), (-1, False)):
            yield (
                f"{kind}, {axes}{', kept' if keep else ''}",
                case(lambda x, f=function, a=axes, k=keep: f(x * 0.5, axis=a, keepdim=k)),
            )
        if kind != "prod":
            yield f"{kind} of all", case(lambda x, f=function: f(x * x))
    yield "mean, [1, 3]", case(lambda x: x.mean([1, 3]))
    yield "mean of tokens, [1, 2]", case(lambda x: x.mean([1, 2]), TOKENS)
    yield "mean of tokens, 1", case(lambda x: x.mean(1), TOKENS)
    yield "mean, 0", case(lambda x: x.mean(0), ROWS)
    yield (
        "max and mean, joined",
        case(lambda x: paddle.concat([x.max(1, keepdim=True), x.mean(1, keepdim=True)], 1)),
    )
    yield "variance", case(lambda x: paddle.var(x, axis=[2, 3], keepdim=True))
    yield "deviation", case(lambda x: paddle.std(x, axis=1))
    yield "logsumexp", case(lambda x: paddle.logsumexp(x, axis=1))
    yield "logsumexp, kept", case(lambda x: paddle.logsumexp(x, axis=[2, 3], keepdim=True))
    yield "arg_max", case(lambda x: paddle.argmax(x, axis=1))
    yield "arg_max, int32", case(lambda x: paddle.argmax(x, axis=1, dtype="int32"))
    yield "arg_max, kept", case(lambda x: paddle.argmax(x, axis=1, keepdim=True))
    yield "arg_max, last axis", case(lambda x: paddle.argmax(x, axis=-1), ROWS)
    yield "arg_max of all", case(paddle.argmax, ROWS)
    yield "arg_max as float", case(lambda x: paddle.argmax(x, axis=1).astype("float32"))
    yield "arg_min", case(lambda x: paddle.argmin(x, axis=1))
    yield "top_k, values", case(lambda x: paddle.topk(x, 3)[0], ROWS)
    yield "top_k, values and places", case(lambda x: list(paddle.topk(x, 3)), ROWS)
    yield "top_k, axis 1", case(lambda x: paddle.topk(x, 3, axis=1)[0], (1, 10, 3))
    yield "top_k, smallest", case(lambda x: paddle.topk(x, 3, largest=False)[0], ROWS)
    yield "argsort", case(lambda x: paddle.argsort(x, axis=-1), ROWS)
    yield "argsort, descending", case(lambda x: paddle.argsort(x, axis=-1, descending=True), ROWS)
    yield "sort", case(lambda x: paddle.sort(x, axis=-1), ROWS)
    yield "cumsum, rows", case(lambda x: paddle.cumsum(x, axis=1), ROWS)
    yield "cumsum, axis 2", case(lambda x: paddle.cumsum(x, axis=2))
    yield "one_hot", case(lambda x: F.one_hot(paddle.argmax(x, -1), 12), ROWS)
    yield "embedding of arg_max", case(lambda x: nn.Embedding(12, 4)(paddle.argmax(x, -1)), ROWS)


def types() -> Iterator[tuple[str, Case]]:
    for kind in ("int32", "int64", "uint8"):
        yield (
            f"{kind} and back",
            case(lambda x, k=kind: (F.sigmoid(x) * 100).astype(k).astype("float32")),
        )
    for kind in ("float16", "float64"):
        yield f"{kind} and back", case(lambda x, k=kind: (x.astype(k) * 2).astype("float32"))
    yield "bool and back", case(lambda x: (x > 0).astype("float32"))
    yield "int32 output", case(lambda x: (x * 3).astype("int32"))
    yield "bool output", case(lambda x: x > 0)
    yield "float64 output", case(lambda x: x.astype("float64"))
    for kind in ("greater_than", "greater_equal", "less_than", "less_equal", "equal", "not_equal"):
        yield (
            f"{kind} a number",
            case(lambda x, k=kind: getattr(paddle, k)(x, paddle.full([], 0.0)).astype("float32")),
        )
    yield "where", case(lambda x: paddle.where(x > 0, x, x * 0.1))
    yield "where, else 0", case(lambda x: paddle.where(x > 0, x, paddle.zeros_like(x)))
    yield "x * (x > 0.3)", case(lambda x: x * (x > 0.3).astype("float32"))
    yield "peaks", case(lambda x: x * (F.max_pool2d(x, 3, 1, 1) == x).astype("float32"))
    for kind in ("logical_and", "logical_or", "logical_xor"):
        yield kind, case(lambda x, k=kind: getattr(paddle, k)(x > -0.5, x < 0.5).astype("float32"))
    yield "logical_not", case(lambda x: paddle.logical_not(x > 0).astype("float32"))
    yield "isnan", case(lambda x: paddle.where(paddle.isnan(x), paddle.zeros_like(x), x))
    yield "cond", case(lambda x: S.cond(x.mean() > 0, lambda: x * 2, lambda: x - 1), ROWS)
    yield (
        "cond of convolutions",
        case(
            lambda x: S.cond(x.mean() > 0, lambda: conv(x) * 2 + 1, lambda: F.dropout(x) - 1), SMALL
        ),
    )


def blocks() -> Iterator[tuple[str, Case]]:
    def excite(x, gate):
        return x * gate(conv(F.relu(conv(F.adaptive_avg_pool2d(x, 1), 4, 1)), 8, 1))

    gates = {
        "hard_sigmoid": F.hardsigmoid, "hard_sigmoid 0.2": lambda y: F.hardsigmoid(y, 0.2, 0.5),
        "clip": lambda y: paddle.clip(y, 0, 1), "relu6(x + 3) / 6": lambda y: F.relu6(y + 3) / 6,
    }  # fmt: skip
    for name, gate in gates.items():
        yield f"squeeze and excitation, {name}", case(lambda x, g=gate: excite(conv_norm(x), g))
    yield (
        "squeeze and excitation, linear",
        case(
            lambda x: (
                lambda y: (
                    y
                    * F.sigmoid(
                        S.fc(S.fc(F.adaptive_avg_pool2d(y, 1), 4, activation="relu"), 8)
                    ).unsqueeze([2, 3])
                )
            )(conv_norm(x))
        ),
    )
    yield (
        "squeeze and excitation, batch of 3",
        case(lambda x: excite(conv_norm(x), F.hardsigmoid), (3, 4, 9, 9)),
    )
    yield (
        "ghost module",
        case(
            lambda x: (
                lambda y: paddle.concat([y, F.relu(norm(depthwise(y, bias_attr=False)))], 1)
            )(F.relu(conv_norm(x)))
        ),
    )

    def shuffle(x):
        kept, changed = paddle.split(conv_norm(x), 2, 1)
        changed = norm(depthwise(F.relu(conv_norm(changed, 4, 1)), bias_attr=False))
        joined = paddle.concat([kept, changed], 1)
        return joined.reshape([0, 2, 4, 9, 11]).transpose([0, 2, 1, 3, 4]).reshape([0, 8, 9, 11])

    yield "ShuffleNetV2 unit", case(shuffle)
    yield "RepVGG block", case(lambda x: F.relu(conv_norm(x, 4) + conv_norm(x, 4, 1) + norm(x)))
    yield (
        "RepVGG stem",
        case(lambda x: F.relu(conv_norm(x, 8, stride=2, padding=[0, 1, 0, 1])), RGB),
    )
    for name, function in {"relu6": F.relu6, "prelu": lambda y: prelu(y, "channel")}.items():
        yield (
            f"inverted residual, {name}",
            case(
                lambda x, f=function: (
                    x + conv_norm(f(norm(depthwise(f(conv_norm(x, 12)), bias_attr=False))), 4, 1)
                )
            ),
        )
    yield "learnable affine", case(lambda x: parameter(1) * F.relu(conv_norm(x)) + parameter(1))
    yield (
        "gate from the mean",
        case(lambda x: x * F.sigmoid(conv(x.mean([2, 3], keepdim=True), 4, 1)) + x),
    )

    def coordinates(x):
        rows = F.adaptive_avg_pool2d(x, (None, 1))
        columns = F.adaptive_avg_pool2d(x, (1, None)).transpose([0, 1, 3, 2])
        y = F.hardswish(conv_norm(paddle.concat([rows, columns], 2), 4, 1))
        rows, columns = paddle.split(y, [9, 11], 2)
        gate = F.sigmoid(conv(columns.transpose([0, 1, 3, 2]), 4, 1))
        return x * F.sigmoid(conv(rows, 4, 1)) * gate

    yield "coordinate attention", case(coordinates)
    yield (
        "efficient channel attention",
        case(
            lambda x: (
                x
                * F.sigmoid(
                    nn.Conv1D(1, 1, 3, padding=1, bias_attr=False)(
                        F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose([0, 2, 1])
                    )
                    .transpose([0, 2, 1])
                    .unsqueeze(-1)
                )
            )
        ),
    )
    yield (
        "image pooling of ASPP",
        case(
            lambda x: F.interpolate(
                F.relu(conv(F.adaptive_avg_pool2d(x, 1), 4, 1)), size=[9, 11], mode="bilinear"
            )
        ),
    )
    yield (
        "ConvNeXt block",
        case(
            lambda x: (
                x
                + (
                    nn.Linear(16, 8)(
                        F.gelu(
                            nn.Linear(8, 16)(
                                nn.LayerNorm(8)(depthwise(x, 7).transpose([0, 2, 3, 1]))
                            )
                        )
                    )
                    * parameter(8)
                ).transpose([0, 3, 1, 2])
            ),
            (1, 8, 6, 6),
        ),
    )
    sequence = (1, 6, 8)
    yield "LSTM", case(lambda x: nn.LSTM(8, 5)(x)[0], sequence)
    yield (
        "LSTM, both directions",
        case(lambda x: nn.LSTM(8, 5, direction="bidirect")(x)[0], sequence),
    )
    yield "GRU", case(lambda x: nn.GRU(8, 5)(x)[0], sequence)
    yield "GRU cell", case(lambda x: nn.GRUCell(8, 5)(x)[0], (1, 8))
    yield (
        "neck of CRNN",
        case(
            lambda x: S.fc(x.squeeze(2).transpose([0, 2, 1]), 10, num_flatten_dims=2), (1, 8, 1, 12)
        ),
    )
    yield (
        "yolo_box",
        case(
            lambda x: list(
                paddle.vision.ops.yolo_box(
                    x, paddle.full([1, 2], 128, "int32"), [10, 13, 16, 30, 33, 23], 2, 0.005, 32
                )
            ),
            (1, 21, 4, 4),
        ),
    )
    yield (
        "prior_box",
        case(
            lambda x: list(
                paddle.vision.ops.prior_box(
                    x,
                    paddle.zeros([1, 3, 64, 64]),
                    [16.0],
                    [32.0],
                    [1.0, 2.0],
                    flip=True,
                    clip=True,
                )
            ),
            (1, 4, 4, 4),
        ),
    )
    yield (
        "classifier of grey images",
        case(lambda x: S.fc(F.max_pool2d(conv(x, 6, 5), 2, 2), 10), (1, 1, 28, 28)),
    )


def programs() -> Iterator[tuple[str, Case]]:
    def classifier(x):
        return S.fc(F.adaptive_avg_pool2d(F.relu(conv_norm(x)), 1), 5)

    yield "batch of 4", case(classifier, (4, 3, 8, 8))
    yield "open batch", case(classifier, RGB, open=(-1, 3, 8, 8))
    for mode in ("nearest", "bilinear"):
        yield (
            f"open image, {mode}",
            case(
                lambda x, m=mode: F.interpolate(
                    conv(F.max_pool2d(conv_norm(x), 2, 2), 2), size=paddle.shape(x)[2:], mode=m
                ),
                RGB,
                open=(-1, 3, -1, -1),
            ),
        )
    yield (
        "open image, reshape by its sizes",
        case(
            lambda x: x.reshape([paddle.shape(x)[0], 4, paddle.shape(x)[2] * paddle.shape(x)[3]]),
            SMALL,
            open=(-1, 4, -1, -1),
        ),
    )
    yield "open image, cut to another", case(
        lambda x: paddle.slice(
            F.interpolate(F.max_pool2d(x, 2, 2, ceil_mode=True), scale_factor=2),
            [2, 3], [0, 0], [paddle.shape(x)[2], paddle.shape(x)[3]],
        )
        + x,
        SMALL,
        open=(-1, 4, -1, -1),
    )  # fmt: skip
    yield (
        "open batch, full of its size",
        case(
            lambda x: x + paddle.full([paddle.shape(x)[0], 4, 1, 1], 0.5), SMALL, open=(-1, 4, 6, 6)
        ),
    )
    for shape in ([0, -1], [-1, 36]):
        yield (
            f"open batch, reshape {shape}, linear",
            case(
                lambda x, s=shape: nn.Linear(36, 5)(x.reshape(s)), (2, 4, 3, 3), open=(-1, 4, 3, 3)
            ),
        )
    yield "the input is an output", case(lambda x: [paddle.scale(x, 1.0), conv(x)], RGB)
    yield "two outputs, one of the other", case(lambda x: (lambda y: [y, F.relu(y)])(conv(x)), RGB)
    yield (
        "a convolution and its norm are outputs",
        case(lambda x: (lambda y: [y, norm(y)])(conv(x, bias_attr=False)), RGB),
    )
    yield "one output twice", case(lambda x: (lambda y: [y, y])(conv(x)), RGB)
    yield "two inputs", case(lambda x, y: F.relu(conv(x) - y), (1, 4, 8, 8), (1, 4, 8, 8))
    yield (
        "two inputs of other rank",
        case(lambda x, y: conv(x).mean([2, 3])[:, :2] * y, (1, 4, 8, 8), (1, 2)),
    )
