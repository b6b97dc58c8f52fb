"""Models of Paddle 3 on their way to the phone, and to the tools that read Paddle 2's alone."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import yaml
from support import paddle3_exports
from support import pir_programs as pp

from ppghost import weights
from ppghost.analysis.complexity import analyze
from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.conversion.paddle2 import to_paddle2
from ppghost.deploy.conversion.paddle_runtime import Runner
from ppghost.deploy.conversion.quantize import quantize
from ppghost.errors import ConversionError, InputError
from ppghost.formats.exported import open_model
from ppghost.formats.paddle_tensors import array_to_record, read_directory
from ppghost.inference.predict import Predictor

IMAGES = np.random.default_rng(0).normal(size=(12, 3, 16, 16)).astype("float32")
DESCRIPTION = {
    "Global": {"model_name": "ours"},
    "PreProcess": {"transform_ops": [{"ResizeImage": {"size": 16}}, {"ToCHWImage": None}]},
    "PostProcess": {"Topk": {"topk": 2, "label_list": ["a", "b", "c", "d", "e"]}},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return paddle3_exports.network(tmp_path_factory.mktemp("paddle3"))


@pytest.fixture
def model(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "model")


def sha256(*paths):
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def test_it_is_converted_and_its_sidecar_names_the_files_that_were_given(model, tmp_path):
    made = convert(model, "x86", tmp_path / "x.nb", input_shape=[1, 3, 16, 16])
    assert made.check == "x86"
    assert made.output_check["max_abs_diff"] < 1e-6
    assert made.source_files == ["inference.json", "inference.pdiparams"]
    files = model / "inference.json", model / "inference.pdiparams"
    assert made.source_sha256 == sha256(*files)
    assert sorted(path.name for path in model.iterdir()) == [path.name for path in files]


def test_it_is_quantized(model, tmp_path):
    result = quantize(model, [(image, None) for image in IMAGES], tmp_path / "int8", samples=4)
    assert result.agreement.cosine > 0.99
    described = yaml.safe_load((tmp_path / "int8/inference.yml").read_text())["Global"]
    files = model / "inference.json", model / "inference.pdiparams"
    assert described["quantized"]["source_sha256"] == sha256(*files)


def test_its_images_are_classified(model):
    (model / "inference.yml").write_text(yaml.safe_dump(DESCRIPTION))
    pixels = np.full((16, 16, 3), 7, np.uint8)
    [first, second] = Predictor(model).topk(pixels)
    [scores] = Runner(open_model(model))({"x": np.full((1, 3, 16, 16), 7, np.float32)})
    assert first.class_id == scores[0].argmax()
    assert first.label == "abcde"[first.class_id]
    assert first.score > second.score


def test_it_is_analysed_by_its_folder_and_by_its_program(model):
    found = analyze(model, input_shape=[1, 3, 16, 16])
    assert found.macs == 8 * 8 * 8 * 27 + 8 * 8 * 8 * 9 + 8 * 5
    one = 1  # the images are multiplied with it
    assert found.params == one + 8 * 27 + 2 * 8 + 8 * 9 + 8 + 8 * 5 + 5
    assert found.file_bytes == sum(path.stat().st_size for path in model.iterdir())
    assert analyze(model / "inference.json").macs == found.macs


def test_it_is_written_as_paddle_2_writes_it(model, tmp_path, run):
    (model / "inference.yml").write_text(yaml.safe_dump(DESCRIPTION))
    code, output, _ = run(
        "convert", model, "--to", "paddle2", "--output", tmp_path / "two", "--json", "-"
    )
    result = json.loads(output)
    assert code == 0
    assert result["source_sha256"] == sha256(
        model / "inference.json", model / "inference.pdiparams"
    )
    assert result["inputs"] == [{"name": "x", "shape": [-1, 3, 16, 16]}]
    assert [output["shape"] for output in result["outputs"]] == [[-1, 5]]
    names = [path.name for path in sorted((tmp_path / "two").iterdir())]
    assert names == ["inference.pdiparams", "inference.pdmodel", "inference.yml"]
    assert result["bytes"] == sum(path.stat().st_size for path in (tmp_path / "two").iterdir())
    assert open_model(tmp_path / "two").name == "ours"
    expected, found = (
        Runner(open_model(folder))({"x": IMAGES})[0] for folder in (model, tmp_path / "two")
    )
    np.testing.assert_array_equal(found, expected)


def test_what_writing_it_needs_is_said(model, run, tmp_path):
    for options, message in {
        ("--output", model): "is the model's own folder",
        ("--output", tmp_path, "--target", "arm"): "--target is for a .nb",
        (): "the following arguments are required: --output",
        (tmp_path, "--output", tmp_path): "one model at a time",
    }.items():
        code, _, error = run("convert", "--to", "paddle2", model, *options)
        assert code == 2
        assert message in error


def test_it_is_told_by_what_it_is_not_by_its_name(model):
    (model / "config.json").write_text('{"Global": {"model_name": "from PaddleX"}}')
    for name in ("inference.json", "inference.pdiparams"):
        (model / name).rename(model / f"best_model{name[9:]}")
    assert [path.name for path in open_model(model).files()] == [
        "best_model.json", "best_model.pdiparams",
    ]  # fmt: skip
    names = [set(weights.read_state(model / name)) for name in ("best_model.json", "")]
    assert names[0] == names[1] == set(weights.read_state(model / "best_model.pdiparams"))
    shutil.copy(model / "best_model.json", model / "other.json")
    with pytest.raises(InputError, match=r"several models in it \(best_model.json, other.json\)"):
        open_model(model)
    (model / "best_model.json").unlink()
    (model / "other.json").write_text("{}")
    with pytest.raises(InputError, match=r"no inference.pdmodel, .* program of Paddle 3"):
        open_model(model)


def test_parameters_of_another_model_are_refused(model, tmp_path):
    program = json.loads((model / "inference.json").read_text())
    operations = program["program"]["regions"][0]["blocks"][0]["ops"]
    parameter = next(op for op in operations if op["#"] == "p" and op["A"][3].endswith("w_0"))
    parameter["O"]["TT"]["D"][1][0] += 1
    (model / "inference.json").write_text(json.dumps(program))
    with pytest.raises(ConversionError, match="the parameters of another model"):
        to_paddle2(model, tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_its_weights_are_read_by_name(exported):
    state = read_directory(exported)
    assert state["conv2d_0.w_0"].shape == (8, 3, 3, 3)
    assert state["linear_0.w_0"].shape == (8, 5)
    # drawn in this range, while means and variances of a new network are 0 and 1
    assert 0.4 < state["batch_norm2d_0.w_1"].min() < state["batch_norm2d_0.w_1"].max() < 1.6


def test_weights_are_read_also_beside_what_cannot_be_translated(tmp_path):
    """Stored are those that persist, in the order of their names, not of the program."""
    made = write_weights(tmp_path, {"#": "1.while"})
    state = read_directory(made)
    assert {name: values.tolist() for name, values in state.items()} == {"a": [1, 2], "b": [3]}


def write_weights(folder, *operations):
    """A folder with the parameters b, a, and one that is not stored."""
    parameters = [
        pp.parameter(1, "b", [1]),
        pp.parameter(2, "a", [2]),
        pp.parameter(3, "0", [4], 0),
    ]
    pp.write(folder, *parameters, *operations)
    records = [array_to_record(np.array(values, "float32")) for values in ([1, 2], [3])]
    (folder / "inference.pdiparams").write_bytes(b"".join(records))
    return folder
