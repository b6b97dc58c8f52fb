"""Pooling, and normalisation."""

from collections.abc import Iterator

import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import nn

from operator_cases.common import ROWS, SMALL, TOKENS, Case, S, case, conv, norm


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
