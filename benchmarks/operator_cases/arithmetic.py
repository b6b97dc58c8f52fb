"""Elementwise operators and products of matrices."""

from collections.abc import Iterator

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn

from operator_cases.common import (
    RGB,
    ROWS,
    SMALL,
    TOKENS,
    Case,
    S,
    case,
    constant,
    conv,
    norm,
    operator,
    parameter,
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
        "sub, abs": lambda x: paddle.abs(conv(x) - x),
        "add, tanh": lambda x: paddle.tanh(conv(x) * 64 + x),
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
