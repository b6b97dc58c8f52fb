"""Multiplication and addition of numbers, and powers."""

from collections.abc import Iterator

import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn

from operator_cases.common import (
    RGB,
    ROWS,
    SMALL,
    TOKENS,
    Case,
    case,
    conv,
    conv_norm,
    depthwise,
    norm,
    operator,
    parameter,
)


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
