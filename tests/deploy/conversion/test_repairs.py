"""What repairs leave alone, keep and say; test_repaired_outputs.py has what they make right."""

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812
import pytest
from support.conversion import convert_repaired
from support.programs import export_program

from ppghost.deploy.conversion import repairs
from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.conversion.options import TARGETS
from ppghost.deploy.conversion.repairs import PASSES, repair
from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import argument, attribute, set_attribute
from ppghost.errors import ConversionError
from ppghost.formats.exported import open_model
from ppghost.formats.paddle_tensors import record_to_array, split_records
from ppghost.formats.program_desc import parameter_names


def ops(program, kind):
    return [op for block in program.blocks for op in block.ops if op.type == kind]


@pytest.fixture
def export(static, tmp_path):
    """A function that exports a network behind a convolution of 1x4x8x8 and opens the model."""

    def call(build):
        def network(x):
            return build(paddle.static.nn.conv2d(x, 6, 3))

        return open_model(export_program(tmp_path / "model", network, {"x": [1, 4, 8, 8]}))

    return call


def test_xshape_has_the_shape_that_paddle_lite_reads(models):
    repaired = repair(open_model(models / "Flatten"), "x86")
    (op,) = ops(repaired.program, "flatten_contiguous_range")
    (variable,) = [
        var for var in repaired.program.blocks[0].vars if var.name == argument(op, "XShape")
    ]
    assert list(variable.type.lod_tensor.tensor.dims) == [0, -1, 8, 15, 15]


def test_instance_norm_gets_two_outputs(models):
    repaired = repair(open_model(models / "InstanceNorm"), "arm")
    (op,) = ops(repaired.program, "instance_norm")
    names = {var.name for var in repaired.program.blocks[0].vars}
    assert len({argument(op, "SavedMean"), argument(op, "SavedVariance")} & names) == 2


@pytest.mark.parametrize(
    ("model", "kind", "name", "value"),
    [("Relu6", "relu6", "threshold", 6.0), ("Swish", "swish", "beta", 1.0)],
)
def test_attributes_that_equal_their_default_are_added(models, model, kind, name, value):
    (op,) = ops(repair(open_model(models / model), "arm").program, kind)
    assert attribute(op, name) == value


@pytest.mark.parametrize(
    ("model", "target"),
    [
        ("Flatten", "x86"),
        ("Relu6", "arm"),
        ("Swish", "arm"),
        ("InstanceNorm", "arm"),
        ("Bmm", "arm"),
    ],
)
def test_conversion_fails_without_the_repair_and_not_with_it(
    models, tmp_path, monkeypatch, model, target
):
    source = open_model(models / model)
    repaired = repair(source, target)
    assert repaired.sites
    convert_repaired(source, repaired, tmp_path / "repaired", target)
    monkeypatch.setattr(repairs, "PASSES", [])
    with pytest.raises(ConversionError, match="paddle_lite_opt"):
        convert_repaired(source, repair(source, target), tmp_path / "as_it_is", target)


def test_matmul_of_two_computed_tensors_or_a_flipped_one_stays(models):
    assert "matmul_to_mul" not in repair(open_model(models / "Bmm"), "arm").sites
    model = open_model(models / "Flatten")
    for op in ops(model.program, "matmul_v2"):
        set_attribute(op, "trans_y", True)
    assert "matmul_to_mul" not in repair(model, "arm").sites


@pytest.mark.parametrize("weights", ["int8", "int16"])
def test_rounded_weights_of_a_matmul_are_read_wrongly_without_the_repair(
    models, tmp_path, monkeypatch, weights
):
    convert(models / "Flatten", "x86", tmp_path / "with.nb", weights=weights)
    others = [each for each in PASSES if each.name != "matmul_to_mul"]
    monkeypatch.setattr(repairs, "PASSES", others)
    with pytest.raises(ConversionError, match=r"NaN|computes something else"):
        convert(models / "Flatten", "x86", tmp_path / "without.nb", weights=weights)


def test_dropout_is_gone_from_the_file(export, tmp_path, monkeypatch):
    model = export(lambda x: F.relu(F.dropout(x, 0.3, training=True)))
    repaired = repair(model, "x86")
    assert repaired.counts() == {"remove_dropout": 1}
    assert not ops(repaired.program, "dropout")
    assert b"dropout" not in convert_repaired(model, repaired, tmp_path / "with").read_bytes()
    monkeypatch.setattr(repairs, "PASSES", [])
    as_it_is = convert_repaired(model, repair(model, "x86"), tmp_path / "without")
    assert b"dropout" in as_it_is.read_bytes()


def test_dropout_that_scales_in_inference_leaves_a_scale(export):
    model = export(lambda x: F.relu(F.dropout(x, 0.3, training=True, mode="downscale_in_infer")))
    program = repair(model, "x86").program
    assert [round(attribute(op, "scale"), 6) for op in ops(program, "scale")] == [0.7, 1.0]


def test_chain_of_scales_is_one_and_its_file_the_same_each_time(export, tmp_path):
    model = export(lambda x: ((F.relu(x) * 2 + 1) * 3 - 0.5) * 0.1)
    repaired = repair(model, "x86")
    assert repaired.counts() == {"merge_scales": 4, "scale_after_activation": 1}
    # but for the one by 1 that every exported model ends with
    assert [attribute(op, "scale") for op in ops(repaired.program, "scale")] == [1.0]
    names = parameter_names(repaired.program)
    records = dict(zip(names, split_records(repaired.params, len(names)), strict=True))
    new = set(names) - set(parameter_names(model.program))
    np.testing.assert_allclose(sorted(record_to_array(records[n]) for n in new), [[0.25], [0.6]])
    assert repair(model, "x86").program == repaired.program


def test_powers_by_a_constant_tensor_take_its_operator_away(export):
    repaired = repair(export(lambda x: x**3), "x86")
    assert repaired.counts() == {
        "give_constants_a_dimension": 1,
        "elementwise_pow_to_products": 1,
    }
    kinds = [op.type for op in repaired.program.blocks[0].ops]
    assert not {"elementwise_pow", "fill_constant"} & set(kinds)


def test_scale_that_may_pass_the_activation_stays(export):
    assert repair(export(lambda x: F.relu(x) * 0.5), "x86").sites == {}


def test_pairs_of_convolutions_that_are_not_joined_or_joined_rightly_stay(export):
    conv = paddle.static.nn.conv2d
    for build in (
        # narrowing, pointwise, with an activation, grouped
        lambda x: conv(x, 5, 1),
        lambda x: conv(conv(F.relu(x), 8, 1), 12, 1),
        lambda x: conv(F.relu(x), 12, 1),
        lambda x: conv(x, 12, 1, groups=2),
    ):
        assert repair(export(build), "x86").sites == {}


def test_filters_stay_shared_where_nothing_is_folded(export):
    def build(x):
        weight = paddle.ParamAttr(name="shared")
        levels = (x, F.avg_pool2d(x, 2, 2))
        outputs = [
            paddle.static.nn.conv2d(y, 6, 3, param_attr=weight, bias_attr=False) for y in levels
        ]
        return F.relu(outputs[0]).mean() + F.relu(outputs[1]).mean()

    assert repair(export(build), "x86").sites == {}


def test_every_output_of_a_repair_is_named(models):
    sites = repair(open_model(models / "Both"), "arm").sites
    assert list(sites) == ["add_xshape", "add_relu6_threshold", "matmul_to_mul"]
    assert sites["add_relu6_threshold"] == ["relu6_0.tmp_0"]


@pytest.mark.parametrize("target", TARGETS)
def test_a_graph_that_needs_nothing_stays_as_it_is(models, target):
    model = open_model(models / "Plain")
    before = model.program.SerializeToString(deterministic=True)
    repaired = repair(model, target)
    assert (repaired.params, repaired.sites) == (None, {})
    assert repaired.program.SerializeToString(deterministic=True) == before


def test_the_model_itself_is_never_changed(models):
    model = open_model(models / "Both")
    before = model.program.SerializeToString(deterministic=True)
    assert repair(model, "x86").sites
    assert model.program.SerializeToString(deterministic=True) == before


def test_new_parameters_stand_among_the_old_ones_in_paddles_order(models):
    model = open_model(models / "GhostNet_x0_5")
    graph = Graph(model)
    assert graph.params() is None
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    first, second = (graph.add_parameter("a", values + i) for i in range(2))
    names = parameter_names(graph.program)
    records = dict(zip(names, split_records(graph.params(), len(names)), strict=True))
    assert first != second
    for number, name in enumerate((first, second)):
        np.testing.assert_array_equal(record_to_array(records[name]), values + number)
    old = parameter_names(model.program)
    assert b"".join(records[name] for name in old) == model.params()


def test_a_real_network_needs_little_and_grows_by_no_operator(models):
    model = open_model(models / "GhostNet_x0_5")
    repaired = repair(model, "arm")
    assert set(repaired.sites) <= {"add_xshape", "matmul_to_mul", "remove_dropout"}
    assert len(repaired.program.blocks[0].ops) <= len(model.program.blocks[0].ops)


def test_every_pass_is_described_in_a_line():
    assert len({each.name for each in PASSES}) == len(PASSES)
    for each in PASSES:
        assert each.description.endswith(".")
        assert set() < set(each.targets) <= set(TARGETS)
