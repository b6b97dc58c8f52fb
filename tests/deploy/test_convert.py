"""Exported models through the real paddle_lite_opt."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from deploy import convert as convert_module
from deploy import program
from deploy.convert import convert
from deploy.nb import inspect_nb
from ppghost.errors import ConversionError, InputError


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
    assert result["nb"] == str(nb)
    assert result["model"] == "GhostNet_x0_5"
    assert (result["target"], result["opt_version"]) == ("x86", "v2.13-rc")
    assert result["bytes"] == nb.stat().st_size
    assert result["inputs"] == [{"name": "x", "shape": [1, 3, 32, 32]}]
    assert result["output_check"]["ok"]
    assert result["output_check"]["max_abs_diff"] < 1e-5
    assert len(result["source_sha256"]) == 64
    assert sorted(path.name for path in nb.parent.iterdir()) == ["ghost.nb", "ghost.nb.json"]


def test_sidecar_says_what_the_result_says(converted):
    sidecar = json.loads((converted / "both.nb.json").read_text())
    info = inspect_nb(converted / "both.nb")
    assert sidecar["content_sha256"] == info.content_sha256
    assert sidecar["kernels"] == info.kernels
    assert sidecar["repairs"] == {"add_xshape": 1, "add_relu6_threshold": 1}
    assert sidecar["output_check"]["ok"]


@pytest.mark.parametrize("target", ["arm", "opencl"])
def test_targets_for_phones_are_made_for_them_and_not_run_here(models, tmp_path, target):
    result = convert(models / "Both", target, tmp_path / "both")
    assert Path(result["nb"]).name == "both.nb"
    assert result["target"] == inspect_nb(Path(result["nb"])).target == target
    assert result["output_check"] is None


def test_the_same_model_gives_the_same_content_hash(models, converted, tmp_path):
    again = convert(models / "Both", "x86", tmp_path / "again.nb", check=False)
    assert again["content_sha256"] == inspect_nb(converted / "both.nb").content_sha256
    assert again["output_check"] is None


@pytest.mark.parametrize("name", [program.MODEL_FILE, program.PARAMS_FILE, program.CONFIG_FILE])
def test_folder_without_a_model_names_the_file_missing(models, tmp_path, name):
    folder = Path(shutil.copytree(models / "Both", tmp_path / "model"))
    (folder / name).unlink()
    assert_fails(InputError, f"model: no {name} in it", folder, "arm", tmp_path / "x.nb")


def test_folder_that_is_not_there(tmp_path):
    assert_fails(InputError, "no such folder", tmp_path / "none", "arm", tmp_path / "x.nb")


def test_unknown_target_lists_the_known_ones(models, tmp_path):
    message = "unknown target 'mips'; choose one of: arm, x86, opencl"
    assert_fails(InputError, message, models / "Both", "mips", tmp_path / "x.nb")


def test_damaged_program_is_an_input_error(models, tmp_path):
    folder = Path(shutil.copytree(models / "Both", tmp_path / "model"))
    for content in (b"", b"no protobuf at all"):
        (folder / program.MODEL_FILE).write_bytes(content)
        assert_fails(InputError, "not a Paddle program", folder, "arm", tmp_path / "x.nb")


def test_damaged_config_is_an_input_error(models, tmp_path):
    folder = Path(shutil.copytree(models / "Both", tmp_path / "model"))
    for content in ("[", "Global: 3", "Global: {image_shape: [3, 32, 32]}"):
        (folder / program.CONFIG_FILE).write_text(content)
        assert_fails(InputError, r"inference\.yml: ", folder, "arm", tmp_path / "x.nb")


def test_weights_of_another_model_are_one_line(models, tmp_path):
    folder = Path(shutil.copytree(models / "GhostNet_x0_5", tmp_path / "model"))
    shutil.copyfile(models / "Both" / program.PARAMS_FILE, folder / program.PARAMS_FILE)
    message = "model: paddle_lite_opt failed: .*Nothing to read"
    assert_fails(ConversionError, message, folder, "arm", tmp_path / "x.nb")


@pytest.mark.parametrize("target", ["arm", "x86"])
def test_unsupported_operator_is_named(models, tmp_path, target):
    message = f"no {target} kernel for: erfinv"
    assert_fails(ConversionError, message, models / "Unsupported", target, tmp_path / "x.nb")


def test_slow_tool_is_ended(models, tmp_path):
    message = r"did not finish in 0\.01 s"
    output = tmp_path / "x.nb"
    assert_fails(ConversionError, message, models / "Both", "arm", output, timeout=0.01)


def test_model_that_computes_something_else_is_no_success(models, tmp_path, monkeypatch):
    real = program.reference_outputs

    def slightly_wrong(*arguments):
        return [scores + np.float32(1e-3) for scores in real(*arguments)]

    monkeypatch.setattr(program, "reference_outputs", slightly_wrong)
    message = "computes something else than Paddle"
    assert_fails(ConversionError, message, models / "Both", "x86", tmp_path / "x.nb")


def test_output_that_paddle_gives_as_nan_is_no_success(models, tmp_path, monkeypatch):
    nan = [np.full((1, 10), np.nan, np.float32)]
    monkeypatch.setattr(program, "reference_outputs", lambda *_: nan)
    message = "computes something else"
    assert_fails(ConversionError, message, models / "Both", "x86", tmp_path / "x.nb")


def fake_opt(tmp_path, monkeypatch, script: str) -> None:
    """Put a shell script in the place of paddle_lite_opt."""
    path = tmp_path / "fake_opt"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(convert_module, "_opt_command", lambda: str(path))


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
