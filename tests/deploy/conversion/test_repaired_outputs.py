"""Each repair by itself: only with it Paddle-Lite's outputs are those of Paddle.

The programs are tiny, the components real: paddle_lite_opt, Paddle-Lite's x86 runtime, Paddle.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812
import pytest
from support.conversion import convert_repaired
from support.lite_runner import LiteRunner
from support.programs import export_program

from ppghost.deploy.conversion import opt, repairs
from ppghost.deploy.conversion.repairs import repair
from ppghost.errors import ConversionError
from ppghost.formats.exported import open_model
from ppghost.formats.program_desc import operator_types
from ppghost.utils.paddle_inference import Engine

IMAGE = (1, 4, 6, 6)


@dataclass(frozen=True)
class Case:
    """A program that needs a repair.

    Attributes:
        repair: the name of the repair.
        build: the outputs, from the input.
        shape: of the input.
        others: what else the program needs.
        target: where the repair is needed.
    """

    repair: str
    build: Any
    shape: tuple[int, ...] = IMAGE
    others: tuple[str, ...] = ()
    target: str = "x86"


def conv(x, channels=6, size=3, **options):
    return paddle.static.nn.conv2d(x, channels, size, padding=size // 2, **options)


def norm(x, **options):
    return paddle.static.nn.batch_norm(x, is_test=True, **options)


def parameter(*shape):
    return paddle.create_parameter(list(shape), "float32")


def shared_filter(x):
    weight = paddle.ParamAttr(name="shared")
    levels = (x, F.avg_pool2d(x, 2, 2))
    return [F.relu(norm(conv(y, param_attr=weight, bias_attr=False))) for y in levels]


def once_joined_all_are(x):
    x = conv(conv(x, 8, 3), 12, 1)
    return conv(conv(F.relu(x), 6, 1), 6, 3)


def channels_last(x):
    x = paddle.static.nn.conv2d(x, 6, 3, padding=1, data_format="NHWC")
    x = F.relu(norm(x, data_layout="NHWC"))
    return F.avg_pool2d(x, 2, 2, data_format="NHWC")


CASES = [
    Case("give_constants_a_dimension", lambda x: paddle.where(x > 0, x, x * 0.1)),
    Case(
        "give_constants_a_dimension",
        lambda x: paddle.static.nn.cond(x.mean() > 0, lambda: conv(x, 4) * 2, lambda: x - 1),
    ),
    Case(
        "size_to_constant",
        lambda x: paddle.var(x, axis=[2, 3]),
        others=("give_constants_a_dimension", "pow_to_products"),
    ),
    Case("expand_as_to_expand", lambda x: F.adaptive_avg_pool2d(x, 1).expand_as(x)),
    Case("channels_last_to_first", channels_last, (1, 6, 6, 4)),
    Case(
        "channels_last_to_first",
        lambda x: F.interpolate(x, [9, 8], mode="bilinear", data_format="NHWC"),
        (1, 6, 5, 4),
    ),
    Case(
        "add_layer_norm_affine",
        lambda x: paddle.nn.LayerNorm(6, weight_attr=False, bias_attr=False)(x),
    ),
    Case("add_layer_norm_affine", lambda x: paddle.nn.LayerNorm(6, bias_attr=False)(x)),
    Case("add_reduce_all", lambda x: x * paddle.sum(x * x)),
    Case("brelu_to_clip", F.hardtanh),
    Case("selu_to_elu", F.selu),
    Case("celu_to_elu", lambda x: F.celu(x, 0.8)),
    Case("logsigmoid_to_softplus", F.log_sigmoid),
    Case("tanh_shrink_to_tanh", F.tanhshrink),
    Case("softsign_to_division", F.softsign, target="arm"),
    Case(
        "activation_after_transposed",
        lambda x: F.hardswish(
            norm(paddle.static.nn.conv2d_transpose(x, 6, filter_size=2, stride=2))
        ),
    ),
    Case(
        "activation_after_transposed",
        lambda x: F.hardsigmoid(paddle.static.nn.conv2d_transpose(x, 6, filter_size=2, stride=2)),
        target="opencl",
    ),
    Case("activation_after_elementwise", lambda x: paddle.abs(conv(x, 6) - conv(x, 6))),
    Case(
        "activation_after_elementwise",
        lambda x: paddle.tanh(x * 1024 + paddle.create_parameter([1, 4, 1, 1], "float32")),
    ),
    Case("maxout_to_max", lambda x: F.maxout(x, 2)),
    Case("maxout_to_max", lambda x: F.maxout(x, 2, axis=-1)),
    *(Case("pow_to_products", lambda x, p=p: paddle.pow(x, p)) for p in (2.0, 3.0, 4.0)),
    Case("pow_to_products", lambda x: paddle.pow(F.relu(x), 0.5)),
    Case("pow_to_products", lambda x: paddle.pow(F.relu(x), 1.5)),
    Case("pow_to_products", lambda x: paddle.pow(F.relu(x), 0.3)),
    Case("pow_to_products", lambda x: paddle.pow(x - 50, -1.0)),
    Case("pow_to_products", lambda x: paddle.pow(x - 50, -2.0)),
    Case("pow_to_products", lambda x: paddle.pow(x, 5.0)),
    Case("log1p_to_log", lambda x: paddle.log1p(x * x)),
    Case("log2_to_log", lambda x: paddle.log2(x * x + 0.2)),
    Case("log10_to_log", lambda x: paddle.log10(x * x + 0.2)),
    Case("ceil_to_floor", paddle.ceil),
    Case("sign_to_comparisons", paddle.sign),
    Case("sum_to_additions", lambda x: paddle.add_n([x, x * 2, F.relu(x)])),
    Case("softmax_without_overflow", lambda x: F.softmax(x * 90, axis=1)),
    Case("log_softmax_to_exp", lambda x: F.log_softmax(x * 90, axis=1)),
    Case("p_norm_to_reductions", lambda x: paddle.norm(x, p=1, axis=1)),
    Case("p_norm_to_reductions", lambda x: paddle.norm(x, p=math.inf, axis=-1, keepdim=True)),
    Case("frobenius_norm_to_sum", paddle.norm),
    Case("frobenius_norm_to_sum", lambda x: paddle.norm(x, p="fro", axis=[2, 3])),
    Case("logsumexp_to_exp", lambda x: paddle.logsumexp(x, axis=1)),
    Case("logsumexp_to_exp", lambda x: paddle.logsumexp(x, axis=[2, -1], keepdim=True)),
    Case("arg_min_to_arg_max", lambda x: paddle.argmin(x, axis=1)),
    Case("flatten_before_arg_max", lambda x: x * paddle.argmax(x).astype("float32")),
    Case("smallest_to_largest", lambda x: paddle.topk(x, 3, largest=False)[0]),
    Case("channel_shuffle_to_shuffle_channel", lambda x: F.channel_shuffle(x, 2)),
    Case("pixel_unshuffle_to_transpose", lambda x: F.pixel_unshuffle(x, 2)),
    Case("add_padding_value", lambda x: F.pad(x, [1, 2, 0, 1], value=1.5)),
    Case(
        "add_padding_value",
        lambda x: F.pad(x, [1, 2, 0, 1], value=1.5, data_format="NHWC"),
        (1, 6, 5, 4),
    ),
    Case("add_padding_value", lambda x: F.pad(x, [1, 2], value=-1e9, data_format="NCL"), (1, 4, 9)),
    Case("flip_negative_strides", lambda x: x[:, :, :, ::-1]),
    Case("flip_negative_strides", lambda x: x[:, :, 4:1:-2, ::-3]),
    Case(
        "flip_negative_strides",
        lambda x: paddle.strided_slice(x, [1, 3], [-5, -2], [6, 2], [1, -1]),
    ),
    Case("flip_negative_strides", lambda x: paddle.strided_slice(x, [1], [-9], [3], [1])),
    Case(
        "set_value_numbers",
        lambda x: paddle.static.setitem(x * 2.0, (slice(None), slice(1, 3), 2), 1.5),
    ),
    Case(
        "set_value_numbers",
        lambda x: paddle.static.setitem(x * 2.0, (slice(None), 1), np.arange(6)),
    ),
    *(
        Case(
            "resize_to_matmul",
            lambda x, options=options: F.interpolate(x, **options),
            (1, 4, 5, 7),
            ("matmul_to_mul",),
        )
        for options in (
            {"scale_factor": 1.5, "mode": "bilinear"},
            {"scale_factor": 1.5, "mode": "bilinear", "align_mode": 1},
            {"scale_factor": [0.7, 2], "mode": "bilinear"},
            {"scale_factor": 1.5, "mode": "bicubic"},
            {"size": [13, 3], "mode": "bicubic"},
            {"size": [13, 3], "mode": "bicubic", "align_corners": True},
        )
    ),
    *(
        Case(
            "resize_to_matmul",
            lambda x, m=align_mode: F.interpolate(
                x, scale_factor=[1.5], mode="linear", align_mode=m, data_format="NCW"
            ),
            (1, 4, 7),
            ("matmul_to_mul",),
        )
        for align_mode in (0, 1)
    ),
    Case(
        "linear_to_bilinear",
        lambda x: F.interpolate(x, size=[14], mode="linear", data_format="NCW"),
        (1, 4, 7),
    ),
    *(
        Case(
            "affine_grid_to_matmul",
            lambda x, c=corners: F.affine_grid(
                x[:, :2, 0, :3] * 0.5, [1, 4, 5, 6], align_corners=c
            ),
        )
        for corners in (True, False)
    ),
    Case("bmm_to_matmul", lambda x: paddle.bmm(x, x.transpose([0, 2, 1])), (2, 4, 6)),
    Case("mv_to_matmul", lambda x: paddle.mv(x, x[0]), (4, 6)),
    Case("dot_to_sum", lambda x: paddle.dot(x, x * 2), (3, 6)),
    Case(
        "addmm_to_matmul",
        lambda x: paddle.addmm(parameter(4, 4), x, x.transpose([1, 0]), alpha=0.5, beta=2.0),
        (4, 6),
    ),
    Case("einsum_to_matmul", lambda x: paddle.einsum("bij,bkj->bik", x, x * 2), (2, 4, 6)),
    Case("einsum_to_matmul", lambda x: paddle.einsum("bqhd,bkhd->bhqk", x, x * 2), (1, 5, 2, 6)),
    Case(
        "einsum_to_matmul",
        lambda x: paddle.einsum("nc,cd->dn", x, parameter(6, 4)),
        (3, 6),
        ("matmul_to_mul",),
    ),
    Case("widen_last_axis_parameters", lambda x: conv(x) + parameter(6)),
    Case("widen_last_axis_parameters", lambda x: norm(conv(x, bias_attr=False)) + parameter(6)),
    Case("remove_scale_of_input", lambda x: conv(x * 1.0)),
    Case("scale_before_bias", lambda x: paddle.scale(conv(x), 0.5, 1.0, bias_after_scale=False)),
    Case(
        "scale_after_activation",
        lambda x: F.relu(norm(conv(x))) * 0.5 + 0.1,
        others=("merge_scales",),
    ),
    Case("scale_after_activation", lambda x: F.hardswish(conv(x)) * 2),
    Case(
        "scale_after_activation",
        lambda x: F.relu6(norm(conv(x))) / 6,
        others=("add_relu6_threshold",),
    ),
    Case("scale_after_activation", lambda x: F.leaky_relu(conv(x, 4, groups=4)) - 1),
    Case("unshare_filters", shared_filter),
    Case("separate_convolutions", lambda x: norm(conv(norm(conv(x, 8)), 12, 1))),
    Case(
        "separate_convolutions",
        lambda x: paddle.static.nn.conv2d(conv(x, 8), 12, 1, stride=2),
    ),
    Case("separate_convolutions", once_joined_all_are),
]


@pytest.fixture(scope="module")
def lite():
    """Paddle-Lite's x86 runtime."""
    runner = LiteRunner()
    yield runner
    runner.close()


@pytest.fixture
def export(static, tmp_path):
    """A function that exports a network of one input and opens the model."""

    def call(build, shape):
        folder = tmp_path / "model"
        return open_model(export_program(folder, build, {"x": shape}, seed=3, draw_vectors=True))

    return call


def inputs(shape):
    """Noise, more of it, and zeros with spikes."""
    noise = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    spikes = np.zeros(noise.size, np.float32)
    spikes[:: max(1, noise.size // 7)], spikes[3 :: max(1, noise.size // 5)] = 3, -4
    return [{"x": values} for values in (noise, noise * 5, spikes.reshape(shape))]


def difference(expected, actual):
    """The largest difference over the range of the expected values; infinite for another shape."""
    worst = 0.0
    for x, y in zip(expected, actual, strict=True):
        # Paddle-Lite has no tensor without dimensions
        if x.shape not in (y.shape, ()):
            return np.inf
        spread = max(np.ptp(x), 1e-3 * np.abs(x).max(), 1e-12)
        distance = np.abs(x.astype(np.float64) - y).max()
        worst = max(worst, distance / spread) if np.isfinite(distance) else np.inf
    return worst


def names(cases):
    seen = [case.repair for case in cases]
    return [f"{case.repair}-{seen[:i].count(case.repair)}" for i, case in enumerate(cases)]


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_outputs_are_those_of_paddle_only_with_the_repair(
    case, export, lite, tmp_path, monkeypatch
):
    model, values = export(case.build, case.shape), inputs(case.shape)
    engine = Engine(model.program.SerializeToString(), model.params())
    expected = [engine(value) for value in values]

    def largest(actual):
        return max(difference(x, y) for x, y in zip(expected, actual, strict=True))

    repaired = repair(model, case.target)
    assert set(repaired.sites) == {case.repair, *case.others}
    nb = convert_repaired(model, repaired, tmp_path / "repaired", case.target)
    if case.target == "x86":
        assert largest(lite(nb, values)) < 2e-6
        # and nothing that has no kernel on a phone
        assert operator_types(repaired.program) <= opt.supported_operators("arm")
    # where no file can be run, Paddle itself stands in for the phone
    params = model.params() if repaired.params is None else repaired.params
    again = Engine(repaired.program.SerializeToString(), params)
    assert largest([again(value) for value in values]) < 2e-6

    others = [each for each in repairs.PASSES if each.name != case.repair]
    monkeypatch.setattr(repairs, "PASSES", others)
    try:
        nb = convert_repaired(model, repair(model, case.target), tmp_path / "without", case.target)
        actual = lite(nb, values)
        assert actual is None or not largest(actual) < 1e-3
    except ConversionError:
        pass


def test_every_repair_is_tested():
    elsewhere = {
        # test_repairs.py: the models of that file; files that are right without, and not as good
        "add_xshape", "add_instance_norm_statistics", "add_relu6_threshold", "add_swish_beta",
        "matmul_to_mul", "merge_scales", "remove_dropout", "elementwise_pow_to_products",
    }  # fmt: skip
    assert {case.repair for case in CASES} | elsewhere == {each.name for each in repairs.PASSES}
