"""Reductions, searches, types and comparisons."""

import math
from collections.abc import Iterator

import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn

from operator_cases.common import ROWS, SMALL, TOKENS, Case, S, case, conv


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
    yield "softmax of x * 90, axis 1", case(lambda x: F.softmax(x * 90, 1))
    yield "log_softmax of x * 90", case(lambda x: F.log_softmax(x * 90, 1))
    for order in (1, 2, 3, math.inf):
        yield f"norm of order {order:g}", case(lambda x, p=order: paddle.norm(x, p=p, axis=1))
    yield "Frobenius norm", case(paddle.norm)
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
