"""One convolution, and what is folded into it."""

from collections.abc import Iterator

import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn

from operator_cases.common import (
    SMALL,
    Case,
    S,
    case,
    conv,
    conv_norm,
    depthwise,
    norm,
    operator,
    parameter,
)


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
