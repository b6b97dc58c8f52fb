"""Programs that a repair could take for what they are not: what they compute stays.

Only Paddle is run: on the program, and on the repaired one.
"""

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812
import pytest
from paddle.base.layer_helper import LayerHelper
from support.programs import export_program

from ppghost.deploy.conversion.repairs import repair
from ppghost.formats.exported import open_model
from ppghost.utils.paddle_inference import Engine

IMAGE = (1, 4, 6, 6)


def operator(kind, inputs, out=None, **attributes):
    """An operator that no function makes, or that writes to a variable which is there already."""
    helper = LayerHelper(kind)
    out = helper.create_variable_for_type_inference("float32") if out is None else out
    helper.append_op(type=kind, inputs=inputs, outputs={"Out": out}, attrs=attributes)
    return out


def conv(x, channels=6, size=3, **options):
    return paddle.static.nn.conv2d(x, channels, size, padding=size // 2, **options)


@pytest.fixture
def differences(static, tmp_path):
    """What repairs for any of some targets do to a network: their names, and by how much."""

    def call(build, shape=IMAGE, targets=("x86",), dtype="float32"):
        folder = export_program(tmp_path, build, {"x": shape}, {"x": dtype}, draw_vectors=True)
        model = open_model(folder)
        repaired = repair(model, *targets)
        params = model.params() if repaired.params is None else repaired.params
        values = {"x": (2 * np.random.default_rng(1).standard_normal(shape)).astype(dtype)}
        expected, actual = (
            Engine(program.SerializeToString(), each)(values)
            for program, each in ((model.program, model.params()), (repaired.program, params))
        )
        worst = 0.0
        for x, y in zip(expected, actual, strict=True):
            # what has no dimensions has one in Paddle-Lite
            assert x.shape in (y.shape, ())
            worst = max(worst, np.abs(x.astype(np.float64) - y).max() / np.abs(x).max())
        return set(repaired.sites), worst

    return call


def dropout_of_rewritten(x):
    x = F.relu(x)
    y = F.dropout(x, 0.3, training=True)
    operator("tanh", {"X": x}, x)
    return x + y


def dropout_rewritten(x):
    y = F.dropout(F.relu(x), 0.3, training=True)
    z = y * 2
    operator("tanh", {"X": x}, y)
    return z + y


def scales_of_rewritten(x):
    x = F.relu(x)
    y = paddle.scale(x, 2.0)
    operator("tanh", {"X": x}, x)
    return x + paddle.scale(y, 3.0)


def convolutions_of_rewritten(x):
    x = x * 1.0
    y = conv(x, 4, 1, data_format="NHWC")
    operator("tanh", {"X": x}, x)
    return y + conv(x, 4, 1, data_format="NHWC")


def activation_in_place(x):
    x = conv(x, 6, 1, data_format="NHWC", bias_attr=False)
    operator("tanh", {"X": x}, x)
    return F.avg_pool2d(x, 2, 2, data_format="NHWC")


def exponent_rewritten(x):
    exponent = paddle.full([1], 2.0)
    y = x.abs() ** exponent
    operator("fill_constant", {}, exponent, shape=[1], value=3.0, dtype=5)
    return [y, x.abs() ** exponent]


@pytest.mark.parametrize(
    "build",
    [
        dropout_of_rewritten,
        dropout_rewritten,
        scales_of_rewritten,
        convolutions_of_rewritten,
        activation_in_place,
        exponent_rewritten,
    ],
)
def test_memory_that_a_program_uses_again(differences, build):
    _, worst = differences(build, (1, 6, 6, 4))
    assert worst < 2e-6


def test_attributes_that_are_computed_are_left_alone(differences):
    def build(x):
        axis = paddle.argmax(x[0, 0, 0, :3]) * 0 + 2
        return paddle.sum(x, axis=axis.astype("int32").reshape([1]))

    sites, worst = differences(build)
    assert "add_reduce_all" not in sites
    assert worst == 0


def whole(x):
    return (x * 3).astype("int32")


LEFT_ALONE = {
    "pow_to_products": lambda x: paddle.pow(whole(x), 3),
    "elementwise_pow_to_products": lambda x: whole(x) ** 2,
    "arg_min_to_arg_max": lambda x: paddle.argmin(whole(x).abs().astype("uint8"), axis=1),
    "smallest_to_largest": lambda x: paddle.topk(whole(x), 2, largest=False)[0],
    "celu_to_elu": lambda x: F.celu(x, -0.5),
    "log10_to_log": lambda x: paddle.log10(x.astype("float64").abs() + 0.1),
}


@pytest.mark.parametrize("repair_", LEFT_ALONE)
def test_types_and_numbers_that_a_repair_would_get_wrong(differences, repair_):
    sites, worst = differences(LEFT_ALONE[repair_])
    assert repair_ not in sites
    assert worst == 0


def test_power_that_gives_its_base_more_dimensions_is_left_alone(differences):
    def build(x):
        exponent = paddle.static.create_global_var([1, 1, 1, 1], 2.0, "float32", persistable=True)
        return x[0, 0, 0].abs() ** exponent

    assert differences(build) == (set(), 0)


def test_attribute_given_as_a_tensor_is_left_alone(differences):
    def build(x):
        factor = x.abs().max().reshape([1])
        return operator("pow", {"X": x.abs(), "FactorTensor": factor}, factor=2.0)

    assert differences(build) == (set(), 0)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_least_whole_number_is_found(differences, dtype):
    def build(x):
        least = paddle.full([1, 1, 6, 6], np.iinfo(dtype).min, dtype)
        return paddle.argmin(paddle.concat([x.astype(dtype), least], 1), axis=1)

    sites, worst = differences(lambda x: [build(x), x])
    assert sites == {"arg_min_to_arg_max"}
    assert worst == 0


@pytest.mark.parametrize("search", [paddle.argmax, paddle.argmin])
def test_search_in_all_elements_keeps_dimensions_where_it_is_asked_to(differences, search):
    sites, worst = differences(lambda x: [search(x, keepdim=True), x])
    assert "flatten_before_arg_max" in sites
    assert worst == 0


@pytest.mark.parametrize(
    ("axes", "starts", "ends", "strides"),
    [
        ([1], [4], [-9], [-1]),
        ([1], [9], [-9], [-1]),
        ([1], [5], [-7], [-1]),
        ([0, 1], [-1, 8], [-7, -5], [-3, -1]),
        ([0, 2], [-5, -2], [6, 2], [1, -1]),
        ([2, 1], [-1, 3], [-1, 0], [-3, -2]),
    ],
)
def test_bounds_of_backward_slices(differences, axes, starts, ends, strides):
    _, worst = differences(
        lambda x: [paddle.strided_slice(x, axes, starts, ends, strides), x], (3, 5, 7)
    )
    assert worst == 0


def test_padding_of_whole_numbers_is_left_alone(differences):
    assert differences(lambda x: F.pad(whole(x), [1, 1, 1, 1], value=3)) == (set(), 0)
