"""Slicing, joining, shapes and padding."""

from collections.abc import Iterator

import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn

from operator_cases.common import ROWS, TOKENS, Case, S, case, constant, conv


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
