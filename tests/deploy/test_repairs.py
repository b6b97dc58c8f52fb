"""The named repairs, and what happens without them."""

import subprocess

import pytest

from deploy.convert import _opt_command
from deploy.program import MODEL_FILE, PARAMS_FILE, load_program
from deploy.repairs import PASSES, add_relu6_threshold, add_xshape, repair, repair_model


def opt_exit_code(model_dir, target, out) -> int:
    """Exit code of the bare paddle_lite_opt."""
    return subprocess.run(
        [
            _opt_command(),
            f"--model_file={model_dir / MODEL_FILE}",
            f"--param_file={model_dir / PARAMS_FILE}",
            f"--valid_targets={target}",
            f"--optimize_out={out}",
        ],
        capture_output=True,
        check=False,
    ).returncode


def ops(program, kind):
    return [op for block in program.blocks for op in block.ops if op.type == kind]


def test_add_xshape_gives_the_output_paddle_lite_reads(models):
    program = load_program(models / "Flatten" / MODEL_FILE)
    assert add_xshape(program) == 1
    (op,) = ops(program, "flatten_contiguous_range")
    slots = {slot.parameter: list(slot.arguments) for slot in op.outputs}
    (name,) = slots["XShape"]
    (variable,) = [var for var in program.blocks[0].vars if var.name == name]
    assert list(variable.type.lod_tensor.tensor.dims) == [0, -1, 8, 15, 15]
    assert add_xshape(program) == 0


def test_add_relu6_threshold_gives_the_attribute(models):
    program = load_program(models / "Relu6" / MODEL_FILE)
    assert add_relu6_threshold(program) == 1
    (op,) = ops(program, "relu6")
    assert [attr.f for attr in op.attrs if attr.name == "threshold"] == [6.0]
    assert add_relu6_threshold(program) == 0


@pytest.mark.parametrize(("model", "target"), [("Flatten", "x86"), ("Relu6", "arm")])
def test_conversion_crashes_without_the_repair_and_not_with_it(models, tmp_path, model, target):
    assert opt_exit_code(models / model, target, tmp_path / "without") != 0
    assert not (tmp_path / "without.nb").exists()
    repair_model(models / model, tmp_path / "repaired")
    assert opt_exit_code(tmp_path / "repaired", target, tmp_path / "with") == 0
    assert (tmp_path / "with.nb").exists()


def test_repair_model_counts_and_leaves_the_source_alone(models, tmp_path):
    before = (models / "Both" / MODEL_FILE).read_bytes()
    counts = repair_model(models / "Both", tmp_path / "copy")
    assert counts == {"add_xshape": 1, "add_relu6_threshold": 1}
    assert (models / "Both" / MODEL_FILE).read_bytes() == before
    assert (tmp_path / "copy" / MODEL_FILE).read_bytes() != before


def test_a_graph_that_needs_nothing_stays_as_it_is(models):
    program = load_program(models / "GhostNet_x0_5" / MODEL_FILE)
    before = program.SerializeToString(deterministic=True)
    assert repair(program) == {}
    assert program.SerializeToString(deterministic=True) == before
    assert {one.__name__ for one in PASSES} == {"add_xshape", "add_relu6_threshold"}
