"""Resizing, and other orders of the same numbers."""

from collections.abc import Iterator

import paddle
import paddle.nn.functional as F  # noqa: N812

from operator_cases.common import RGB, SMALL, TOKENS, Case, S, case, conv, operator


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
