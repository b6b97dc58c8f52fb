"""Exported models through the real paddle_lite_opt."""

import json
import shutil
from pathlib import Path

import numpy as np
import paddle
import pytest

from ppghost.deploy.conversion import opt, paddle_runtime
from ppghost.deploy.conversion.convert import Conversion, FailedConversion, convert, convert_all
from ppghost.deploy.devices.host.session import run_once
from ppghost.deploy.nb.header import inspect_nb
from ppghost.deploy.nb.reference import check_inputs
from ppghost.errors import ConversionError, InputError
from ppghost.formats.exported import PARAMS_FILE


def assert_fails(error, message, model_dir, target, output, **options):
    """`convert` raises `error` in one line that holds `message`, and leaves nothing behind."""
    before = sorted(output.parent.iterdir()) if output.parent.is_dir() else []
    with pytest.raises(error, match=message) as caught:
        convert(model_dir, target, output, **options)
    assert "\n" not in str(caught.value)
    assert (sorted(output.parent.iterdir()) if output.parent.is_dir() else []) == before


def test_a_real_network_converts_and_computes_what_paddle_does(models, tmp_path):
    result = convert(models / "GhostNet_x0_5", "x86", tmp_path / "new" / "ghost.nb")
    nb = tmp_path / "new" / "ghost.nb"
    assert result.nb == nb
    assert result.model == "GhostNet_x0_5"
    assert (result.info.target, result.info.opt_version) == ("x86", "v2.13-rc")
    assert result.info.bytes == nb.stat().st_size
    assert result.inputs == [{"name": "x", "shape": [1, 3, 32, 32]}]
    assert result.output_check["ok"]
    assert result.output_check["max_abs_diff"] < 1e-5
    assert len(result.source_sha256) == 64
    assert sorted(path.name for path in nb.parent.iterdir()) == ["ghost.nb", "ghost.nb.json"]


def test_sidecar_says_what_the_result_says(converted):
    sidecar = json.loads((converted / "both.nb.json").read_text())
    info = inspect_nb(converted / "both.nb")
    assert sidecar["content_sha256"] == info.content_sha256
    assert sidecar["kernels"] == info.kernels
    assert sidecar["repairs"] == {"add_xshape": 1, "add_relu6_threshold": 1, "matmul_to_mul": 1}
    assert {name: len(where) for name, where in sidecar["repair_sites"].items()} == sidecar[
        "repairs"
    ]
    assert sidecar["repair_sites"]["add_relu6_threshold"] == ["relu6_0.tmp_0"]
    assert sidecar["options"] == {"fp16": False, "weights": None}
    assert sidecar["source_files"] == ["inference.pdmodel", "inference.pdiparams"]
    assert sidecar["output_check"]["ok"]


#: the sidecar's keys, in order: files of today are read tomorrow
SIDECAR = [
    "model", "weights", "params", "macs", "source_files", "source_sha256", "inputs", "options",
    "repairs", "repair_sites", "check", "output_check", "reference", "more_references",
    "opt_version", "meta_version", "target", "precision", "kernels", "fallbacks", "bytes",
    "content_sha256", "command", "preprocess",
]  # fmt: skip


def test_json_forms(models, tmp_path):
    result = convert(str(models / "Both"), "arm", str(tmp_path / "both"), command="ppghost convert")
    described = result.to_json()
    sidecar = json.loads((tmp_path / "both.nb.json").read_text())
    assert list(sidecar) == SIDECAR
    assert list(described) == ["nb", "model_dir", *SIDECAR]
    assert json.loads(json.dumps(described)) == {
        "nb": str(tmp_path / "both.nb"), "model_dir": str(models / "Both"), **sidecar,
    }  # fmt: skip
    failed = FailedConversion(tmp_path, "why")
    assert failed.to_json() == {"model_dir": str(tmp_path), "error": "why"}


def test_inputs_are_told_apart_by_name(tmp_path):
    """Of several of one shape, whose feed operators stand in reverse."""
    paddle.enable_static()
    with paddle.static.program_guard(paddle.static.Program()):
        a, b = (paddle.static.data(name, [1, 10], "float32") for name in "ab")
        outputs = [paddle.static.nn.fc(paddle.nn.functional.softmax(a - 3 * b), 5)]
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(paddle.static.default_startup_program())
        paddle.static.save_inference_model(
            str(tmp_path / "model" / "inference"), [a, b], outputs, executor
        )
    result = convert(tmp_path / "model", "x86", tmp_path / "x.nb")
    assert [tensor["name"] for tensor in result.inputs] == ["a", "b"]
    assert result.output_check["ok"]


@pytest.mark.parametrize("target", ["arm", "opencl"])
def test_targets_for_phones_are_made_for_them_and_not_run_here(models, tmp_path, target):
    result = convert(models / "Both", target, tmp_path / "both")
    assert result.nb.name == "both.nb"
    assert result.info.target == inspect_nb(result.nb).target == target
    assert result.check == {"arm": "x86", "opencl": "weights only"}[target]
    assert result.output_check["where"] == "x86"


def test_the_same_model_gives_the_same_content_hash(models, converted, tmp_path):
    again = convert(models / "Both", "x86", tmp_path / "again.nb")
    assert again.info.content_sha256 == inspect_nb(converted / "both.nb").content_sha256


def test_unknown_target_lists_the_known_ones(models, tmp_path):
    message = "unknown target 'mips'; choose one of: arm, x86, opencl"
    assert_fails(InputError, message, models / "Both", "mips", tmp_path / "x.nb")


def test_weights_of_another_model_are_one_line(models, tmp_path):
    folder = Path(shutil.copytree(models / "GhostNet_x0_5", tmp_path / "model"))
    shutil.copyfile(models / "Both" / PARAMS_FILE, folder / PARAMS_FILE)
    message = r"model: inference\.pdiparams: not the 435 parameters of inference\.pdmodel"
    assert_fails(ConversionError, message, folder, "arm", tmp_path / "x.nb")


@pytest.mark.parametrize("target", ["arm", "x86"])
def test_unsupported_operator_is_named(models, tmp_path, target):
    message = f"no {target} kernel for: erfinv"
    assert_fails(ConversionError, message, models / "Unsupported", target, tmp_path / "x.nb")


def test_slow_tool_is_ended(models, tmp_path):
    opt.supported_operators("arm")
    message = r"did not finish in 0\.01 s"
    output = tmp_path / "x.nb"
    assert_fails(ConversionError, message, models / "Both", "arm", output, timeout=0.01)


def test_model_that_computes_something_else_is_no_success(models, tmp_path, monkeypatch):
    real = paddle_runtime.finite_outputs

    def slightly_wrong(*arguments):
        return [scores + np.float32(1e-3) for scores in real(*arguments)]

    monkeypatch.setattr(paddle_runtime, "finite_outputs", slightly_wrong)
    message = "computes something else than Paddle"
    assert_fails(ConversionError, message, models / "Both", "x86", tmp_path / "x.nb")


def test_network_that_gives_nan_in_paddle_is_no_success(models, tmp_path):
    folder = Path(shutil.copytree(models / "Both", tmp_path / "model"))
    data = bytearray((folder / PARAMS_FILE).read_bytes())
    data[-4:] = np.float32(np.nan).tobytes()
    (folder / PARAMS_FILE).write_bytes(data)
    message = "Paddle itself computes NaN"
    assert_fails(ConversionError, message, folder, "arm", tmp_path / "x.nb")


def test_log_says_which_repairs_were_needed_where(models, tmp_path, caplog):
    caplog.set_level("DEBUG", "ppghost")  # commands that ran before set its level
    convert(models / "Relu6", "x86", tmp_path / "x.nb")
    assert "repaired for Paddle-Lite: add_relu6_threshold (1)" in caplog.text
    assert "add_relu6_threshold: relu6_0.tmp_0" in caplog.text


def fake_opt(tmp_path, monkeypatch, script: str) -> None:
    """Put a shell script in the place of paddle_lite_opt."""
    path = tmp_path / "fake_opt"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    opt.supported_operators("arm"), opt.supported_operators("x86")  # of the real one, kept
    monkeypatch.setattr(opt, "command", lambda: str(path))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo At least one argument should be inputed", "without an error and without a model"),
        ("kill -SEGV $$", "crashed .SIGSEGV. without a word"),
        ("exit 134", "crashed .SIGABRT. without a word"),
        ("echo 'unrecognized arguments: --x'; exit 2", "code 2: unrecognized arguments: --x"),
        (
            "echo '[F 1/2 3:4 op_desc.h:118 GetAttr] Check failed: a != b: bad thing'; exit 134",
            "failed: a != b: bad thing",
        ),
    ],
)
def test_misleading_ends_of_the_tool_are_one_line(models, tmp_path, monkeypatch, script, message):
    fake_opt(tmp_path, monkeypatch, script)
    assert_fails(ConversionError, message, models / "Both", "arm", tmp_path / "x.nb")


def test_file_made_for_another_target_is_refused(models, converted, tmp_path, monkeypatch):
    arm = converted / "arm" / "both.nb"
    fake_opt(tmp_path, monkeypatch, f'for a; do o=${{a#*=}}; done; cp {arm} "$o.nb"')
    message = "asked for x86, but paddle_lite_opt made a file for arm"
    assert_fails(ConversionError, message, models / "Both", "x86", tmp_path / "x.nb")


def test_damaged_file_from_the_tool_is_refused(models, tmp_path, monkeypatch):
    fake_opt(tmp_path, monkeypatch, 'for a; do o=${a#*=}; done; echo hello > "$o.nb"')
    message = "wrote a bad file: not a Paddle-Lite"
    assert_fails(ConversionError, message, models / "Both", "x86", tmp_path / "x.nb")


def test_output_that_cannot_be_written(models, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.nb").mkdir()
    # the tests run as root, whom no permission stops: /proc is read-only even so
    for output in (tmp_path / "file" / "x.nb", tmp_path / "folder.nb", Path("/proc/x/x.nb")):
        with pytest.raises(InputError, match="cannot be written"):
            convert(models / "Both", "arm", output)


def test_no_model_is_left_when_its_sidecar_cannot_be_written(models, tmp_path):
    (tmp_path / "x.nb.json").mkdir()
    assert_fails(InputError, "cannot be written", models / "Both", "arm", tmp_path / "x.nb")


@pytest.mark.parametrize("target", ["x86", "arm"])
def test_sidecar_carries_paddles_outputs_for_the_seeded_input(models, tmp_path, target):
    result = convert(models / "Both", target, tmp_path / "both.nb")
    reference = json.loads((tmp_path / "both.nb.json").read_text())["reference"]
    values = check_inputs(result.inputs, reference)
    [x] = values.values()
    same = np.random.default_rng(0).standard_normal([1, 3, 32, 32], dtype=np.float32)
    assert np.array_equal(x, same)
    assert reference["generator"].startswith("numpy.random.default_rng(seed).standard_normal(")
    assert reference["shapes"] == [[1, 10]]
    [expected] = reference["outputs"]
    if target == "x86":
        [actual] = run_once(tmp_path / "both.nb", values).values()
        np.testing.assert_allclose(actual.ravel(), expected, atol=1e-6)


def test_repairs_are_judged_by_the_program_as_it_came(models, tmp_path, monkeypatch):
    """A pass that changes what is computed must not change the reference with it."""
    from ppghost.deploy.conversion import repairs
    from ppghost.deploy.conversion.repairs.operators import set_attribute

    def break_relu6(graph):
        for _, op in graph.operators("relu6"):
            set_attribute(op, "threshold", 0.5)
        return ["relu6_0.tmp_0"]

    monkeypatch.setattr(repairs, "PASSES", [*repairs.PASSES, repairs.Repair(break_relu6)])
    message = "computes something else than Paddle"
    assert_fails(ConversionError, message, models / "Both", "x86", tmp_path / "x.nb")


def test_model_that_draws_its_parameters_anew_is_refused(models, tmp_path):
    message = "overwrites 1 of its parameters with random numbers, for instance linear_0.w_0"
    folder = models / "RandomParameters"
    assert_fails(ConversionError, message, folder, "arm", tmp_path / "x.nb")


def test_model_with_an_operator_that_acts_is_refused_before_anything_runs(models, tmp_path, capfd):
    message = "not known to be harmless, print"
    assert_fails(InputError, message, models / "Prints", "x86", tmp_path / "x.nb")
    assert "lod" not in capfd.readouterr().err


def test_fp16_kernels_for_arm_only(models, tmp_path):
    result = convert(models / "Both", "arm", tmp_path / "x.nb", fp16=True)
    assert (result.info.precision, result.options["fp16"]) == ("fp16", True)
    assert result.info.kernels["arm/fp16"] > 3
    for target in ("x86", "opencl"):
        assert_fails(
            InputError, "--fp16 is for arm", models / "Both", target, tmp_path / "y.nb", fp16=True
        )


def test_rounded_weights_make_a_smaller_file_of_the_same_kernels(models, tmp_path):
    whole = convert(models / "Both", "x86", tmp_path / "whole.nb")
    for weights, most in (("int16", 0.75), ("int8", 0.55)):
        small = convert(models / "Both", "x86", tmp_path / "small.nb", weights=weights)
        assert small.info.bytes < most * whole.info.bytes
        assert small.info.kernels.get("x86/int8") is None
        assert small.options["weights"] == weights
        assert small.output_check["max_abs_diff"] > whole.output_check["max_abs_diff"]
    assert_fails(
        InputError,
        "choose one of: int8, int16",
        models / "Both",
        "arm",
        tmp_path / "x.nb",
        weights="int4",
    )


def test_rounded_weights_that_change_the_scores_are_no_success(models, tmp_path, monkeypatch):
    real = paddle_runtime.finite_outputs

    def shuffled(*arguments):
        return [scores[:, ::-1] for scores in real(*arguments)]

    monkeypatch.setattr(paddle_runtime, "finite_outputs", shuffled)
    message = "rounded to fewer bits the model computes something else"
    output = tmp_path / "x.nb"
    assert_fails(ConversionError, message, models / "Both", "x86", output, weights="int8")


@pytest.mark.parametrize("text", ["arm,opencl", "opencl,arm", "opencl"])
def test_opencl_is_asked_for_in_any_order_and_used(models, tmp_path, text):
    result = convert(models / "Both", text, tmp_path / "x.nb")
    assert result.info.target == "opencl"
    assert result.info.kernels["opencl/fp16"] >= 3


def test_operators_off_the_gpu_are_named(models, tmp_path, caplog):
    result = convert(models / "Split", "opencl", tmp_path / "x.nb")
    assert result.info.fallbacks == {"split host/fp32": 1}
    assert "split host/fp32 (1)" in caplog.text


def test_one_bad_model_does_not_stop_the_others(models, tmp_path):
    folders = [models / name for name in ("Both", "Unsupported", "Flatten")]
    results = convert_all(folders, "arm", tmp_path / "nb")
    assert [type(result) for result in results] == [Conversion, FailedConversion, Conversion]
    assert "no arm kernel for: erfinv" in results[1].error
    assert results[1].model_dir == models / "Unsupported"
    assert {path.name for path in (tmp_path / "nb").glob("*.nb")} == {"Both.nb", "Flatten.nb"}


def test_two_models_of_one_name_are_refused_before_the_first(models, tmp_path):
    other = Path(shutil.copytree(models / "Both", tmp_path / "Both"))
    with pytest.raises(InputError, match="named Both; rename them"):
        convert_all([models / "Both", other], "arm", tmp_path / "nb")
    assert not (tmp_path / "nb").exists()
