"""Activations, alone and behind a convolution."""

from collections.abc import Iterator

import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn

from operator_cases.common import (
    RGB,
    ROWS,
    SMALL,
    Case,
    case,
    conv,
    conv_norm,
    depthwise,
    norm,
    operator,
    prelu,
)


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
