"""Convolutions that share parameters, follow each other, or are transposed."""

from collections.abc import Iterator

import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn

from operator_cases.common import (
    ROWS,
    SMALL,
    Case,
    S,
    case,
    conv,
    conv_norm,
    deconv,
    depthwise,
    named,
    norm,
    operator,
    parameter,
)


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
