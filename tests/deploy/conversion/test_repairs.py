"""The named repairs, and what happens without them."""

import pytest

from ppghost.deploy.conversion import opt, repairs
from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.conversion.repairs import (
    PASSES,
    add_instance_norm_statistics,
    add_relu6_threshold,
    add_swish_beta,
    add_xshape,
    bmm_to_matmul,
    matmul_to_mul,
    repair,
)
from ppghost.errors import ConversionError
from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE, open_model


def bare_opt(folder, target):
    """Convert with paddle_lite_opt and nothing else; raises ConversionError."""
    arguments = [f"--model_file={folder / MODEL_FILE}", f"--param_file={folder / PARAMS_FILE}"]
    opt.run(arguments, folder / "out.nb", target, 60)


def ops(program, kind):
    return [op for block in program.blocks for op in block.ops if op.type == kind]


def test_add_xshape_gives_the_output_paddle_lite_reads(models):
    program = open_model(models / "Flatten").program
    assert add_xshape(program) == 1
    (op,) = ops(program, "flatten_contiguous_range")
    slots = {slot.parameter: list(slot.arguments) for slot in op.outputs}
    (name,) = slots["XShape"]
    (variable,) = [var for var in program.blocks[0].vars if var.name == name]
    assert list(variable.type.lod_tensor.tensor.dims) == [0, -1, 8, 15, 15]
    assert add_xshape(program) == 0


def test_add_instance_norm_statistics_gives_two_outputs(models):
    program = open_model(models / "InstanceNorm").program
    assert add_instance_norm_statistics(program) == 1
    (op,) = ops(program, "instance_norm")
    slots = {slot.parameter: list(slot.arguments) for slot in op.outputs}
    names = {var.name for var in program.blocks[0].vars}
    assert len({*slots["SavedMean"], *slots["SavedVariance"]} & names) == 2
    assert add_instance_norm_statistics(program) == 0


@pytest.mark.parametrize(
    ("model", "repair_pass", "kind", "attribute", "value"),
    [
        ("Relu6", add_relu6_threshold, "relu6", "threshold", 6.0),
        ("Swish", add_swish_beta, "swish", "beta", 1.0),
    ],
)
def test_attributes_that_equal_their_default_are_added(
    models, model, repair_pass, kind, attribute, value
):
    program = open_model(models / model).program
    assert repair_pass(program) == 1
    (op,) = ops(program, kind)
    assert [attr.f for attr in op.attrs if attr.name == attribute] == [value]
    assert repair_pass(program) == 0


def test_bmm_becomes_a_matmul_of_the_same_inputs(models):
    program = open_model(models / "Bmm").program
    (before,) = ops(program, "bmm")
    inputs = [list(slot.arguments) for slot in before.inputs]
    assert bmm_to_matmul(program) == 1
    (after,) = ops(program, "matmul_v2")
    assert [list(slot.arguments) for slot in after.inputs] == inputs
    assert not ops(program, "bmm")


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
def test_conversion_fails_without_the_repair_and_not_with_it(models, tmp_path, model, target):
    source = open_model(models / model)
    source.write(source.program, tmp_path / "as_it_is")
    with pytest.raises(ConversionError, match="paddle_lite_opt"):
        bare_opt(tmp_path / "as_it_is", target)
    assert repair(source.program)
    source.write(source.program, tmp_path / "repaired")
    bare_opt(tmp_path / "repaired", target)


def test_matmul_by_a_weight_matrix_becomes_mul(models):
    program = open_model(models / "Flatten").program
    (before,) = ops(program, "matmul_v2")
    inputs = {slot.parameter: list(slot.arguments) for slot in before.inputs}
    assert matmul_to_mul(program) == 1
    (after,) = ops(program, "mul")
    assert {slot.parameter: list(slot.arguments) for slot in after.inputs} == inputs
    columns = {attr.name: attr.i for attr in after.attrs if attr.name.endswith("num_col_dims")}
    assert columns == {"x_num_col_dims": 1, "y_num_col_dims": 1}


def test_matmul_of_two_computed_tensors_or_a_flipped_one_stays(models):
    program = open_model(models / "Bmm").program
    bmm_to_matmul(program)
    assert matmul_to_mul(program) == 0
    program = open_model(models / "Flatten").program
    (op,) = ops(program, "matmul_v2")
    for attr in op.attrs:
        if attr.name == "trans_y":
            attr.b = True
    assert matmul_to_mul(program) == 0


@pytest.mark.parametrize("weights", ["int8", "int16"])
def test_rounded_weights_of_a_matmul_are_read_wrongly_without_the_repair(
    models, tmp_path, monkeypatch, weights
):
    convert(models / "Flatten", "x86", tmp_path / "with.nb", weights=weights)
    monkeypatch.setattr(
        repairs, "PASSES", [other for other in PASSES if other is not matmul_to_mul]
    )
    with pytest.raises(ConversionError, match=r"NaN|computes something else"):
        convert(models / "Flatten", "x86", tmp_path / "without.nb", weights=weights)


def test_every_pass_is_tested_here(models):
    needed = set()
    for model in ("Flatten", "InstanceNorm", "Relu6", "Swish", "Bmm"):
        needed |= repair(open_model(models / model).program).keys()
    assert needed == {repair_pass.__name__ for repair_pass in PASSES}


def test_a_graph_that_needs_nothing_stays_as_it_is(models):
    program = open_model(models / "Plain").program
    before = program.SerializeToString(deterministic=True)
    assert repair(program) == {}
    assert program.SerializeToString(deterministic=True) == before
