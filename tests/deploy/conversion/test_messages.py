"""What cannot be converted is named before, or after, the tool dies on it."""

import shutil

import numpy as np
import paddle
import pytest
from support.programs import export_program

from ppghost.deploy.conversion import opt, repairs
from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.conversion.quantize import quantize
from ppghost.errors import ConversionError, InputError
from ppghost.formats.program_desc import load_program

IMAGE = {"x": [1, 3, 16, 16]}


def network(x):
    y = paddle.nn.functional.relu(paddle.static.nn.conv2d(x, 4, 3))
    return paddle.static.nn.fc(paddle.flatten(y, 1), 5)


@pytest.fixture
def model(tmp_path):
    return export_program(tmp_path / "model", network, IMAGE)


def refused(error, message, model, tmp_path, target="arm", **options):
    with pytest.raises(error, match=message):
        convert(model, target, tmp_path / "x.nb", **options)
    assert not (tmp_path / "x.nb").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-5], r"not the 4 parameters of inference\.pdmodel \("),
        (
            lambda data: data + b"more",
            r"inference\.pdiparams: not the 4 .*4 bytes too",
        ),
        (lambda data: data[: len(data) // 2], r"not the 4 parameters of .*; copy or export both"),
    ],
)
def test_parameters_that_end_too_soon_or_too_late(model, tmp_path, change, message):
    params = model / "inference.pdiparams"
    params.write_bytes(change(params.read_bytes()))
    refused(ConversionError, message, model, tmp_path)


def test_parameters_of_another_model_name_both_sizes(model, tmp_path):
    other = export_program(tmp_path / "other", lambda x: network(x[:, :, 1:]), IMAGE)
    shutil.copy(other / "inference.pdiparams", model)
    message = r"the parameters of another model: fc_0\.w_0 is \[728, 5\], in .* \[784, 5\]"
    refused(ConversionError, message, model, tmp_path)


def test_a_program_of_a_newer_paddle_names_its_version(model, tmp_path):
    file = model / "inference.pdmodel"
    program = load_program(file)
    program.version.version = 3_001_000
    file.write_bytes(program.SerializeToString())
    refused(InputError, r"written by Paddle 3\.1\.0, which neither", model, tmp_path)


@pytest.mark.parametrize("options", [{"fp16": True}, {"weights": "int8"}])
def test_what_has_no_effect_on_int8_is_refused(model, tmp_path, options):
    rng = np.random.default_rng(0)
    images = [(rng.standard_normal(IMAGE["x"][1:]).astype("float32"), None) for _ in range(4)]
    quantize(model, images, tmp_path / "int8", samples=2, min_agreement=0)
    refused(
        InputError, "has no effect on a model that is int8", tmp_path / "int8", tmp_path, **options
    )
    result = convert(tmp_path / "int8", "arm", tmp_path / "y.nb")
    assert result.info.precision == "int8"
    assert result.check == "none: x86 has no right int8 kernels"


def test_channels_last_that_no_repair_turned_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(repairs, "PASSES", [])

    def build(x):
        return paddle.static.nn.conv2d(x, 4, 3, data_format="NHWC")

    model = export_program(tmp_path / "model", build, {"x": [1, 16, 16, 3]})
    for target in ("x86", "arm", "opencl"):
        refused(ConversionError, r"conv2d with channels last \(NHWC\)", model, tmp_path, target)


def test_the_operator_that_the_tool_dies_on_is_named(model, tmp_path, monkeypatch):
    """A tool that ends without a word as soon as the program flattens."""
    script = tmp_path / "opt"
    script.write_text(
        f"""#!/bin/sh
for a; do case "$a" in --model_file=*) m=${{a#*=}};; esac; done
[ -n "$m" ] && grep -q flatten_contiguous_range "$m" && kill -SEGV $$
exec {opt.command()} "$@"
"""
    )
    script.chmod(0o755)
    monkeypatch.setattr(opt, "command", lambda: str(script))
    message = r"crashed \(SIGSEGV\) .* from flatten_contiguous_range \(flatten_0\.tmp_0\) on"
    refused(ConversionError, message, model, tmp_path, "x86")
