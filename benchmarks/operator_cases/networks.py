"""Blocks of networks, and programs with open sizes or several inputs."""

from collections.abc import Iterator

import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn

from operator_cases.common import (
    RGB,
    SMALL,
    Case,
    S,
    case,
    conv,
    conv_norm,
    depthwise,
    norm,
    parameter,
    prelu,
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
