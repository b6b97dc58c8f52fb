"""Exported models, ours and others', analysed by their program alone."""

import json
import shutil

import paddle
import pytest
from paddle import nn
from paddle.nn import functional
from support.programs import export_program

from ppghost.analysis import exported_models
from ppghost.analysis.complexity import analyze
from ppghost.config import loading
from ppghost.errors import InputError
from ppghost.formats.program_desc import load_program
from ppghost.inference.export import export


def classifier(x):
    x = functional.relu(nn.Conv2D(3, 8, 3, stride=2, padding=1)(x))
    return nn.Linear(8, 5)(paddle.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


def pyramid(image, scale_factor):
    """Two inputs, and maps that are resized to the size of others."""
    fine = nn.Conv2D(3, 4, 3, stride=2, padding=1)(image)
    coarse = nn.Conv2D(4, 4, 3, stride=2, padding=1)(fine)
    up = functional.interpolate(coarse, size=paddle.shape(fine)[2:])
    tokens = paddle.reshape(up + fine, [paddle.shape(image)[0], 4, -1])
    return paddle.sum(tokens, -1) * paddle.sum(scale_factor)


@pytest.fixture
def open_model(tmp_path):
    return export_program(tmp_path / "open", classifier, {"x": [-1, 3, -1, -1]})


def test_sizes_that_a_model_leaves_open(open_model):
    found = analyze(open_model, image_size=(32, 64))
    assert found.input_shape == (3, 32, 64)
    assert found.macs == 16 * 32 * 8 * 27 + 8 * 5
    assert found.file_bytes == sum(file.stat().st_size for file in open_model.iterdir())
    assert found.layers[0].name == "conv2d_0"
    assert analyze(open_model, input_shape=[1, 3, 32, 64]) == found
    assert analyze(open_model / "inference.pdmodel", image_size=(32, 64)).macs == found.macs


def test_the_parameters_are_not_needed(open_model):
    (open_model / "inference.pdiparams").unlink()
    assert analyze(open_model, image_size=32).params == 8 * 27 + 8 + 8 * 5 + 5


def test_several_inputs_and_sizes_that_only_a_run_tells(tmp_path):
    folder = export_program(
        tmp_path / "m", pyramid, {"image": [-1, 3, -1, -1], "scale_factor": [-1, 2]}
    )
    found = analyze(folder, image_size=32)
    assert found.uncounted == []
    assert found.macs == 16 * 16 * 4 * 27 + 8 * 8 * 4 * 36
    assert [layer.stage for layer in found.layers if layer.macs] == ["1/2", "1/4"]
    [up] = [layer for layer in found.layers if "interp" in layer.type]
    assert up.output_shape == (1, 4, 16, 16)
    shapes = {"image": [1, 3, 32, 32], "scale_factor": [1, 2]}
    assert analyze(folder, input_shape=shapes).macs == found.macs


def test_windows_are_no_batch(tmp_path):
    """What a reshape puts in front counts, though the program says only -1 of it."""

    def build(x):
        windows = paddle.reshape(x, [-1, 4, 6])
        return paddle.matmul(windows, windows, transpose_y=True)

    folder = export_program(tmp_path / "m", build, {"x": [-1, 12, 4, 6]})
    assert analyze(folder).macs == 12 * 4 * 4 * 6


def test_a_reused_name_is_another_tensor_each_time(tmp_path):
    folder = export_program(tmp_path / "m", classifier, {"x": [1, 3, 32, 32]})
    program = load_program(folder / "inference.pdmodel")
    convolution, _, bias = program.blocks[0].ops[1:4]
    reused = convolution.outputs[0].arguments[0]
    [out] = [slot for slot in bias.outputs if slot.parameter == "Out"]
    for op in program.blocks[0].ops[4:]:
        for slot in op.inputs:
            names = [reused if name == out.arguments[0] else name for name in slot.arguments]
            slot.arguments[:] = names
    before = analyze(folder)
    out.arguments[:] = [reused]
    (folder / "inference.pdmodel").write_bytes(program.SerializeToString())
    after = analyze(folder)
    assert [layer.name for layer in after.layers] == [layer.name for layer in before.layers]
    assert after.memory_bytes == before.memory_bytes


def test_export_and_architecture_have_the_same_layers(config_file, tmp_path):
    config = loading.load_config(config_file)
    export(config, tmp_path / "model", random_weights=True)
    exported, built = analyze(tmp_path / "model"), analyze(config)
    assert exported.name == built.name
    kept = [layer for layer in exported.layers if layer.type != "softmax"]
    assert [(a.name, a.macs, a.memory_bytes) for a in kept] == [
        (b.name, b.macs, b.memory_bytes) for b in built.layers
    ]
    assert exported.model_bytes == built.model_bytes


def test_an_analysis_is_kept(open_model, cache_folder, monkeypatch):
    first = analyze(open_model, image_size=32)
    monkeypatch.setattr(exported_models, "_analyze", None)  # would be called
    again = analyze(open_model, image_size=32)
    assert again.to_json() == first.to_json()
    shutil.move(open_model, open_model.with_name("renamed"))
    moved = analyze(open_model.with_name("renamed"), image_size=32)
    assert moved.name == "renamed"
    assert {f.layer for f in moved.findings if f.rule == "G4"} >= {"renamed"}
    with pytest.raises(TypeError):
        analyze(open_model.with_name("renamed"), image_size=64)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"macs": ', '"macs": 1'),
        lambda text: "[]",
        lambda text: json.dumps({"sha256": "", "analysis": {}}),
    ],
)
def test_a_damaged_cache_is_ignored(open_model, cache_folder, damage):
    first = analyze(open_model, image_size=32)
    [kept] = cache_folder.iterdir()
    whole = kept.read_text()
    kept.write_text(damage(whole))
    assert analyze(open_model, image_size=32).to_json() == first.to_json()
    assert kept.read_text() == whole


def test_without_a_place_for_the_cache(open_model, monkeypatch):
    monkeypatch.setenv("PPGHOST_CACHE", "/proc/none")
    assert analyze(open_model, image_size=32).macs > 0


def test_sizes_that_a_model_cannot_have(open_model, tmp_path):
    with pytest.raises(InputError, match=r"open sizes .* give --image-size, or --input-shape"):
        analyze(open_model)
    with pytest.raises(InputError, match="no input 'y'"):
        analyze(open_model, input_shape={"y": [1, 3, 8, 8]})
    fixed = export_program(tmp_path / "fixed", classifier, {"x": [-1, 3, 32, 32]})
    with pytest.raises(InputError, match="has its size and its classes already"):
        analyze(fixed, image_size=64)
    with pytest.raises(InputError, match="has its size and its classes already"):
        analyze(fixed, class_num=3)
    assert analyze(fixed, image_size=32).macs == analyze(fixed).macs

    def tight(x):
        return nn.Conv2D(3, 4, 7)(x)

    small = export_program(tmp_path / "small", tight, {"x": [-1, 3, -1, -1]})
    with pytest.raises(
        InputError, match=r"cannot take images of 4x4: of conv2d_0 .* nothing is left"
    ):
        analyze(small, image_size=4)


def test_files_that_are_no_program_or_a_newer_one(open_model):
    file = open_model / "inference.pdmodel"
    program = load_program(file)
    program.version.version = 3_000_000
    file.write_bytes(program.SerializeToString())
    with pytest.raises(InputError, match=r"inference\.pdmodel: written by Paddle 3\.0\.0"):
        analyze(file)
    file.write_bytes(b"\xff" * 100)
    with pytest.raises(InputError, match="not a Paddle program"):
        analyze(file)
    with pytest.raises(InputError, match=r"none\.pdmodel: cannot be read"):
        analyze(open_model / "none.pdmodel")
