"""Weights of other programs: PaddleClas 1.x, exported models, safetensors, PyTorch."""

import argparse
import collections
import json
import pathlib
import re

import numpy as np
import paddle
import pytest
import safetensors.numpy
from support import torch_layout

from ppghost import weights
from ppghost.errors import InputError
from ppghost.static.program import assign
from ppghost.weights import torch_names
from ppghost.weights.conversion import network
from ppghost.weights.files import TensorSpec

pytestmark = pytest.mark.usefixtures("static")

IMAGES = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype("float32")


def by_parameter(trained):
    """The arrays of `trained` under parameter names alone."""
    return {k: v for k, v in weights.read_state(trained).items() if "." not in k}


def as_1x(trained):
    """The arrays under the names of PaddleClas 1.x."""
    return {k.replace("_bn_variance", "_variance"): v for k, v in by_parameter(trained).items()}


def outputs(made, arrays, dropout=None):
    """Logits of a network in evaluation mode, with its dropout of another kind if asked."""
    [main] = {v.block.program for v in made.state_dict().values()}
    main = main.clone(for_test=True)
    block = main.global_block()
    for op in block.ops:
        if op.type == "dropout" and dropout:
            op._set_attr("dropout_implementation", dropout)
    scope = paddle.static.Scope()
    assign(scope, arrays)
    with paddle.static.scope_guard(scope):
        last = block.ops[-1].output_arg_names
        executor = paddle.static.Executor()
        return [
            executor.run(main, feed={"image": image[None]}, fetch_list=last)[0] for image in IMAGES
        ]


def write_variables(arrays, directory):
    """A file for each array, written by Paddle's own `save_vars` as fluid did."""
    main, scope = paddle.static.Program(), paddle.static.Scope()
    block = main.global_block()
    kept = [
        block.create_var(name=name, shape=array.shape, dtype="float32", persistable=True)
        for name, array in arrays.items()
    ]
    assign(scope, arrays)
    with paddle.static.scope_guard(scope):
        executor = paddle.static.Executor()
        paddle.static.io.save_vars(executor, str(directory), main_program=main, vars=kept)
    return directory


def write_pdparams(arrays, path):
    weights.write_pickle(path, arrays)
    return path


@pytest.mark.parametrize("form", ["file", "directory"])
def test_1x_weights_evaluate_as_in_1x(trained, tmp_path, caplog, form):
    """1.x scaled by 1 - p in evaluation, 2.x does not: fc_1_weights times 1 - p is the same."""
    if form == "file":
        path = write_pdparams(as_1x(trained), tmp_path / "w.pdparams")
    else:
        path = write_variables(as_1x(trained), tmp_path / "w")
    made = network("TinyGhostNet", 3)
    found = weights.load(path, made, "TinyGhostNet")
    assert found.unexpected == []
    before = outputs(made, by_parameter(trained), "downgrade_in_infer")
    np.testing.assert_allclose(outputs(made, found.arrays), before, rtol=1e-5, atol=1e-7)
    assert not np.allclose(outputs(made, by_parameter(trained)), before, rtol=1e-2)
    scaled = [k for k, v in by_parameter(trained).items() if (v != found.arrays[k]).any()]
    assert scaled == ["fc_1_weights"]


def test_2x_weights_are_left_alone(trained, tmp_path):
    path = write_variables(by_parameter(trained), tmp_path / "w")
    found = weights.load(path, network("TinyGhostNet", 3), "TinyGhostNet")
    for name, array in by_parameter(trained).items():
        np.testing.assert_array_equal(found.arrays[name], array)


def test_ghostnet_1x_has_every_tensor(tmp_path):
    made = network("GhostNet_x0_5", 4)
    specs = weights.tensor_specs(made)
    state = {
        s.parameter.replace("_bn_variance", "_variance"): np.ones(s.shape, "f4") for s in specs
    }
    found = weights.load(write_pdparams(state, tmp_path / "w.pdparams"), made, "GhostNet_x0_5")
    assert len(found.arrays) == 435
    assert found.arrays["fc_1_weights"][0, 0] == np.float32(0.8)


def test_convert_there_and_back_is_bitwise(run, trained, tmp_path):
    there, back = tmp_path / "w.safetensors", tmp_path / "w.pdparams"
    arch = ["--arch", "TinyGhostNet", "--class-num", 3]
    code, out, _ = run("weights", "convert", trained, there, *arch, "--json", "-")
    result = json.loads(out)
    assert code == 0
    assert "conv1._conv.weight" in result["loaded"]
    assert result["missing"] == result["unexpected"] == []
    code, out, _ = run("weights", "convert", there, back, *arch)
    assert (code, out) == (0, f"{back}: {len(result['loaded'])} tensors of TinyGhostNet\n")
    original, again = weights.read_state(trained), weights.read_state(back)
    assert original.keys() == again.keys()
    assert all(original[k].tobytes() == again[k].tobytes() for k in original)


def test_the_networks_arguments_are_those_of_a_config(run, trained, tmp_path):
    command = ["weights", "convert", trained, tmp_path / "w.pdparams", "--arch", "TinyGhostNet"]
    code, _, err = run(*command, "--class-num", 3, "-o", "Arch.in_channels=1")
    assert (code, "1 of another shape (conv1._conv.weight" in err) == (2, True)
    code, _, err = run(*command, "-o", "Arch.class_num=3", "-o", "Arch.in_channels=3")
    assert code == 0, err
    for other in ("Global.seed=3", "Arch.name=Plain", "Arch.source=x"):
        code, _, err = run(*command, "-o", other)
        assert (code, other.partition("=")[0] in err.splitlines()[-1]) == (2, True)


def test_an_exported_model_is_a_source(run, config_file, trained, tmp_path):
    model, target = tmp_path / "model", tmp_path / "w.safetensors"
    override = f"Global.pretrained_model={trained}"
    assert run("export", "-c", config_file, "-o", override, "--output", model)[0] == 0
    for source in (model, model / "inference.pdmodel", model / "inference.pdiparams"):
        arch = ["--arch", "TinyGhostNet", "--class-num", 3]
        code, _, err = run("weights", "convert", source, target, *arch)
        assert code == 0, err
        original = weights.read_state(trained)
        for name, array in safetensors.numpy.load_file(target).items():
            np.testing.assert_array_equal(array, original[name])


def test_evaluation_takes_any_format(run, config_file, trained, tmp_path):
    target = tmp_path / "w.safetensors"
    run("weights", "convert", trained, target, "--arch", "TinyGhostNet", "--class-num", 3)
    losses = []
    for path in (trained, target):
        override = f"Global.pretrained_model={path}"
        code, out, err = run("eval", "-c", config_file, "-o", override, "--json", "-")
        assert code == 0, err
        losses.append(json.loads(out)["loss"])
    assert losses[0] == losses[1]


def test_safetensors_by_parameter_name(trained, tmp_path):
    safetensors.numpy.save_file(by_parameter(trained), tmp_path / "w.safetensors")
    found = weights.load(tmp_path / "w.safetensors", network("TinyGhostNet", 3), "TinyGhostNet")
    np.testing.assert_array_equal(
        found.arrays["fc_1_weights"], by_parameter(trained)["fc_1_weights"]
    )


def test_tensors_below_the_top_of_paddle_save(dygraph, trained, tmp_path):
    """Paddle writes these as (name, array)."""
    state = {k: paddle.to_tensor(v) for k, v in by_parameter(trained).items()}
    paddle.save({"epoch": 3, "state_dict": state}, str(tmp_path / "w.pdparams"))
    paddle.enable_static()
    read = weights.read_state(tmp_path / "w.pdparams")
    assert read.keys() == by_parameter(trained).keys()
    np.testing.assert_array_equal(read["fc_1_weights"], by_parameter(trained)["fc_1_weights"])


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_every_protocol_of_paddle_save(dygraph, tmp_path, protocol):
    array = np.random.default_rng(0).normal(size=(300, 2)).astype("float32")
    paddle.save({"a": paddle.to_tensor(array)}, str(tmp_path / "w.pdparams"), protocol=protocol)
    np.testing.assert_array_equal(weights.read_state(tmp_path / "w.pdparams")["a"], array)


# PyTorch


def torchvision_name(structured):
    """Of PaddleClas's ResNet18, by rules of names that the product does not know."""
    name = structured.replace("._mean", ".running_mean").replace("._variance", ".running_var")
    name = re.sub(r"^stem\.0\.(conv|bn)", r"\g<1>1", name)
    name = re.sub(r"\.short\.conv", ".downsample.0", name)
    name = re.sub(r"\.short\.bn", ".downsample.1", name)
    name = re.sub(r"\.conv(\d)\.(conv|bn)", lambda m: f".{m[2]}{int(m[1]) + 1}", name)
    return re.sub(r"^blocks\.(\d)", lambda m: f"layer{int(m[1]) // 2 + 1}.{int(m[1]) % 2}", name)


@pytest.fixture(scope="module")
def resnet18():
    """A network, and torchvision's state_dict for it: no two tensors alike."""
    made, rng = network("ResNet18", 4), np.random.default_rng(1)
    state = collections.OrderedDict()
    for spec in weights.tensor_specs(made):
        if spec.structured.startswith("blocks.0.short"):
            continue  # PaddleClas has this one, torchvision does not
        shape = spec.shape[::-1] if spec.structured == "fc.weight" else spec.shape
        state[torchvision_name(spec.structured)] = rng.normal(size=shape).astype("float32")
        if spec.structured.endswith("_variance"):
            tracked = torchvision_name(spec.structured).replace(
                "running_var", "num_batches_tracked"
            )
            state[tracked] = np.array(3)
    return made, state


@pytest.mark.parametrize("form", ["zip", "legacy", "nested", "timm", "without the ending"])
def test_torchvision_resnet_by_order(resnet18, tmp_path, form):
    made, state = resnet18
    path = tmp_path / "w.pth"
    if form == "nested":
        inner = {f"module.{key}": value for key, value in state.items()}
        torch_layout.save({"epoch": 7, "state_dict": inner, "lr": [0.1, (0.9, None)]}, path)
    elif form == "timm":  # options, an average, and what thop left in each module
        counted = state | {"layer1.0.total_ops": np.zeros(1), "total_params": np.zeros(1)}
        average = {key: value + 1 for key, value in state.items()}
        options = argparse.Namespace(lr=0.1, output=pathlib.PosixPath("/x"), betas=[0.9])
        content = {"args": options, "metric": np.float64(0.7), "state_dict": counted}
        torch_layout.save(content | {"state_dict_ema": average}, path)
    elif form == "legacy":
        torch_layout.save_legacy(state, path)
    else:
        path = path.with_suffix("") if form == "without the ending" else path
        torch_layout.save(state, path)
    found = weights.load(path, made, "ResNet18")
    for spec in weights.tensor_specs(made):
        if not spec.structured.startswith("blocks.0.short"):
            theirs = state[torchvision_name(spec.structured)]
            theirs = theirs.T if spec.structured == "fc.weight" else theirs
            array = found.arrays[spec.parameter]
            np.testing.assert_array_equal(array, theirs, err_msg=spec.structured)
    assert found.unexpected == []


def test_another_set_of_weights_is_told_of_and_can_be_chosen(resnet18, tmp_path, caplog):
    _, state = resnet18
    average = {key: value + 1 for key, value in state.items()}
    path = torch_layout.save({"state_dict": state, "state_dict_ema": average}, tmp_path / "w.pth")
    caplog.set_level("INFO", logger="ppghost")
    read = weights.read_state(path)
    assert "FILE#state_dict_ema reads the others" in caplog.text
    chosen = weights.read_state(f"{path}#state_dict_ema")
    np.testing.assert_array_equal(chosen["conv1.weight"], read["conv1.weight"] + 1)
    with pytest.raises(InputError, match=r"no weights under 'ema' \(under: state_dict, st"):
        weights.read_state(f"{path}#ema")


def test_of_a_distillation_the_student_is_taken(trained, tmp_path, caplog):
    caplog.set_level("INFO", logger="ppghost")
    state = {f"Student.{k}": v for k, v in weights.read_state(trained).items()}
    state["Teacher.fc.weight"] = np.zeros(3, "f4")
    found = weights.load(
        write_pdparams(state, tmp_path / "w.pdparams"), network("TinyGhostNet", 3), "TinyGhostNet"
    )
    assert found.unexpected == []
    assert "of a distillation" in caplog.text


def test_1x_weights_with_other_names_say_what_is_read(tmp_path):
    names = ("conv_layer1_weights", "bn_layer1_scale", "bn_layer1_offset", "bn_layer1_mean")
    path = write_pdparams({name: np.zeros(3, "f4") for name in names}, tmp_path / "w.pdparams")
    with pytest.raises(InputError, match=r"PaddleClas 1\.x, which are read for GhostNet, ResNet,"):
        weights.load(path, network("ShuffleNetV2_x0_25", 4), "ShuffleNetV2_x0_25")


def test_the_shortcut_that_torchvision_lacks_changes_nothing(resnet18, tmp_path):
    made, state = resnet18
    arrays = weights.load(torch_layout.save(state, tmp_path / "w.pth"), made, "ResNet18").arrays
    names = {spec.structured: spec.parameter for spec in weights.tensor_specs(made)}
    conv, scale, offset, mean, variance = (
        arrays[names[f"blocks.0.short.{part}"]]
        for part in ("conv.weight", "bn.weight", "bn.bias", "bn._mean", "bn._variance")
    )
    np.testing.assert_array_equal(conv[:, :, 0, 0], np.eye(64))
    np.testing.assert_allclose(scale / np.sqrt(variance + np.float32(1e-5)), 1, rtol=1e-6)
    assert not offset.any()
    assert not mean.any()


def test_pytorch_weights_for_a_dropout_of_the_other_kind(tmp_path):
    """PaddleClas's SqueezeNet halves in evaluation what PyTorch's leaves alone."""
    made = network("SqueezeNet1_1", 5)
    rng, specs = np.random.default_rng(2), weights.tensor_specs(made)
    state = {f"features.{s.structured.replace('._', '.')}": rng.normal(size=s.shape).astype("f4")
             for s in specs}  # fmt: skip
    torch_layout.save(state, tmp_path / "w.pth")
    found = weights.load(tmp_path / "w.pth", made, "SqueezeNet1_1")
    ratios = {
        spec.structured: np.unique(np.round(found.arrays[spec.parameter] / array, 5)).tolist()
        for spec, array in zip(specs, state.values(), strict=True)
    }
    assert {k: v for k, v in ratios.items() if v != [1.0]} == {"_conv9.weight": [2.0]}


def test_half_precision_becomes_float32(resnet18, tmp_path):
    made, state = resnet18
    half = {k: v.astype("float16") if v.dtype == "float32" else v for k, v in state.items()}
    torch_layout.save(half, tmp_path / "w.pth")
    array = weights.load(tmp_path / "w.pth", made, "ResNet18").arrays["conv2d_0.w_0"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, half["conv1.weight"].astype("float32"))


def test_fine_tuning_from_pytorch_keeps_the_new_classifier(resnet18, tmp_path):
    _, state = resnet18
    torch_layout.save(state, tmp_path / "w.pth")
    found = weights.load(tmp_path / "w.pth", network("ResNet18", 9), "ResNet18", 9)
    assert "linear_0.w_0" not in found.arrays
    assert "conv2d_0.w_0" in found.arrays


def test_safetensors_sorted_by_name_are_refused(resnet18, tmp_path):
    made, state = resnet18
    ordered = dict(sorted(state.items()))
    safetensors.numpy.save_file(ordered, tmp_path / "w.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        InputError, match=r"PyTorch weights, not those of ResNet18: .*sorted by name"
    ):
        weights.load(tmp_path / "w.safetensors", made, "ResNet18")


def test_another_depth_is_named(resnet18, tmp_path):
    torch_layout.save(resnet18[1], tmp_path / "w.pth")
    with pytest.raises(InputError, match="the file has 41 layers, the network 75"):
        weights.load(tmp_path / "w.pth", network("ResNet34", 4), "ResNet34")


def test_pytorch_ghostnet_is_named(tmp_path):
    state = {"conv_stem.weight": np.zeros((16, 3, 3, 3), "f4"),
             "blocks.3.0.se.conv_reduce.weight": np.zeros((20, 72, 1, 1), "f4")}  # fmt: skip
    torch_layout.save(state, tmp_path / "w.pth")
    with pytest.raises(InputError, match="PyTorch's GhostNet is another network than PaddleClas's"):
        weights.load(tmp_path / "w.pth", network("GhostNet_x1_0"), "GhostNet_x1_0")


def translate(theirs, ours):
    """Names in a file -> structured names, all of one shape."""
    arrays = {name: np.full((8, 8, 1, 1), i, "f4") for i, name in enumerate(theirs)}
    specs = [TensorSpec(name, f"p{i}", (8, 8, 1, 1)) for i, name in enumerate(ours)]
    found = torch_names.translate(arrays, specs, set(), "Net")
    return {list(theirs)[int(array.flat[0])]: name for name, array in found.items()}


OURS = [
    "blocks.0.conv2.conv.weight",
    "blocks.0.short.conv.weight",
    "blocks.1.conv2.conv.weight",
    "fc.weight",
]


def test_equal_shapes_are_paired_by_order():
    layers = ["layer1.0.conv3", "layer1.0.downsample.0", "layer1.1.conv3", "fc"]
    theirs = [f"{layer}.weight" for layer in layers]
    assert translate(theirs, OURS) == dict(zip(theirs, OURS, strict=True))


def test_roles_that_cross_are_refused():
    """The shortcut registered first: the shapes agree, the result would be nonsense."""
    layers = ["layer1.0.downsample.0", "layer1.0.conv3", "layer1.1.conv3", "fc"]
    theirs = [f"{layer}.weight" for layer in layers]
    with pytest.raises(torch_names.Unclear, match=r"'layer1\.conv3' could be conv2\.conv and"):
        translate(theirs, OURS)


def test_names_that_contradict_the_order_are_refused():
    with pytest.raises(torch_names.Unclear, match="contradict"):
        translate(["b.weight", "a.weight", "c.weight"], ["a.weight", "b.weight", "d.weight"])


def test_names_that_agree_need_no_order():
    theirs = ["b.weight", "a.weight"]
    assert translate(theirs, ["a.weight", "b.weight"]) == {n: n for n in theirs}
