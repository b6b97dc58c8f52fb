"""No wrong file leaves `convert`, for any target; and what is not checked is said."""

import numpy as np
import paddle
import pytest
import yaml
from support.programs import export_program

from ppghost.data.transforms.boxes.color import NormalizeImage
from ppghost.deploy.conversion import build, opt, repairs
from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.conversion.input_kinds import input_kinds
from ppghost.deploy.nb.sidecar import read_sidecar
from ppghost.errors import ConversionError
from ppghost.formats.exported import open_model

IMAGE = {"x": [1, 3, 16, 16]}


def conv(x, channels=8, size=3, **options):
    return paddle.static.nn.conv2d(x, channels, size, padding=size // 2, **options)


def shared_filter(x):
    """As in the heads of detectors: one convolution, a batch norm for each level."""
    weight = paddle.ParamAttr(name="shared")
    levels = (x, paddle.nn.functional.avg_pool2d(x, 2, 2))
    scales = (paddle.nn.initializer.Constant(value) for value in (2, 3))
    return [
        paddle.static.nn.batch_norm(
            conv(y, param_attr=weight, bias_attr=False),
            param_attr=paddle.ParamAttr(initializer=scale),
            is_test=True,
        )
        for y, scale in zip(levels, scales, strict=True)
    ]


def wrong_beyond_noise(x):
    """A bound that noise never reaches: what is made of it there must not matter."""
    return paddle.clip(conv(x, 4), max=1e4)


@pytest.mark.parametrize("target", ["x86", "arm", "opencl"])
def test_wrong_weights_are_refused_for_every_target(tmp_path, monkeypatch, target):
    model = export_program(tmp_path / "model", shared_filter, IMAGE)
    assert convert(model, target, tmp_path / "right.nb").check != "none"
    monkeypatch.setattr(repairs, "PASSES", [])
    with pytest.raises(ConversionError, match="computes something else than Paddle"):
        convert(model, target, tmp_path / "wrong.nb")
    assert not (tmp_path / "wrong.nb").exists()


def test_an_error_that_only_large_values_show_is_refused(tmp_path, monkeypatch):
    def lower_bound(graph):
        ops = [op for _, op in graph.operators("clip")]
        for op in ops:
            for attr in op.attrs:
                if attr.name == "max":
                    attr.f = 20.0
        return []

    model = export_program(tmp_path / "model", wrong_beyond_noise, IMAGE)
    monkeypatch.setattr(repairs, "PASSES", [*repairs.PASSES, repairs.Repair(lower_bound)])
    with pytest.raises(ConversionError, match=r"for (large noise|spikes)"):
        convert(model, "arm", tmp_path / "x.nb")


def hard_swish(x):
    """With constants that Paddle ignores and Paddle-Lite does not: which is meant nobody knows."""
    block = paddle.static.default_main_program().current_block()
    out = block.create_var(name="wrong", shape=x.shape, dtype="float32")
    constants = {"offset": 2.0, "scale": 4.0, "threshold": 4.0}
    block.append_op(type="hard_swish", inputs={"X": x}, outputs={"Out": out}, attrs=constants)
    return out


def logits(x):
    return paddle.static.nn.fc(hard_swish(conv(x)), 10)


def suppressed(x):
    """Boxes that are all far below the threshold, but for one class that is wrong throughout."""
    scores = paddle.reshape(paddle.nn.functional.sigmoid(hard_swish(conv(x, 2)) - 20), [1, 2, 256])
    corners = paddle.transpose(paddle.reshape(conv(x, 4), [1, 4, 256]), [0, 2, 1])
    block = paddle.static.default_main_program().current_block()
    outputs = {
        slot: block.create_var(name=slot, shape=[-1, width], dtype=dtype)
        for slot, width, dtype in (("Out", 6, "float32"), ("Index", 1, "int32"))
    }
    outputs["NmsRoisNum"] = block.create_var(name="NmsRoisNum", shape=[-1], dtype="int32")
    block.append_op(
        type="multiclass_nms3",
        inputs={"BBoxes": corners, "Scores": scores},
        outputs=outputs,
        attrs={
            "background_label": -1, "score_threshold": 0.5, "nms_top_k": 100,
            "nms_threshold": 0.5, "keep_top_k": 20, "nms_eta": 1.0, "normalized": False,
        },
    )  # fmt: skip
    return [outputs["Out"], outputs["NmsRoisNum"]]


@pytest.mark.parametrize(
    ("build", "weights"),
    [
        (lambda x: paddle.nn.functional.softmax(logits(x) * 300), None),
        (lambda x: paddle.argmax(logits(x), axis=1), None),
        (suppressed, None),
        (lambda x: paddle.nn.functional.softmax(logits(x)), "int8"),
    ],
    ids=["saturated", "class", "suppressed", "rounded"],
)
def test_a_wrong_network_does_not_hide_behind_outputs_that_say_little(tmp_path, build, weights):
    model = export_program(tmp_path / "model", build, IMAGE)
    with pytest.raises(ConversionError, match="something else than Paddle"):
        convert(model, "x86", tmp_path / "x.nb", weights=weights)


def test_the_scores_that_were_compared_too_are_named(tmp_path):
    model = export_program(tmp_path / "model", lambda x: conv(x) > 0.1, IMAGE)
    result = convert(model, "x86", tmp_path / "x.nb")
    inside = result.output_check["inside"]
    assert [score.split("_")[0] for score in inside["scores"]] == ["conv2d"]
    assert 0 < inside["relative"] < 1e-5
    assert (result.output_check["max_abs_diff"], result.output_check["equal"]) == (0, 1)
    assert read_sidecar(result.nb).output_check == result.output_check
    plain = export_program(tmp_path / "plain", conv, IMAGE)
    assert "inside" not in convert(plain, "x86", tmp_path / "y.nb").output_check


def test_what_only_x86_lacks_is_no_reason_to_refuse(tmp_path, monkeypatch):
    real = opt.supported_operators
    lacking = {"x86": {"tanh"}}
    monkeypatch.setattr(opt, "supported_operators", lambda t: real(t) - lacking.get(t, set()))
    model = export_program(tmp_path / "model", lambda x: paddle.tanh(conv(x)), IMAGE)
    result = convert(model, "arm", tmp_path / "x.nb")
    assert result.check == "none: no x86 kernel for tanh"
    assert result.output_check is None
    assert read_sidecar(tmp_path / "x.nb").check == result.check
    with pytest.raises(ConversionError, match="no x86 kernel for: tanh"):
        convert(model, "x86", tmp_path / "y.nb")


def test_weights_that_are_not_those_that_were_checked_are_refused(tmp_path, monkeypatch):
    """Of an arm file that holds other weights than its twin."""
    model = export_program(tmp_path / "model", lambda x: conv(x), IMAGE)
    other = export_program(tmp_path / "other", lambda x: conv(x), IMAGE)
    params = bytearray((other / "inference.pdiparams").read_bytes())
    params[-4:] = np.float32(7).tobytes()
    (other / "inference.pdiparams").write_bytes(params)
    wrong = convert(other, "arm", tmp_path / "other.nb").nb
    real = build.Builder.build

    def exchanged(self, repaired, options):
        built, info = real(self, repaired, options)
        if options.target == "arm":
            built.write_bytes(wrong.read_bytes())
        return built, info

    monkeypatch.setattr(build.Builder, "build", exchanged)
    message = "1 weights of the file for arm are neither the model's nor those of the same program"
    with pytest.raises(ConversionError, match=message):
        convert(model, "arm", tmp_path / "x.nb")
    assert not (tmp_path / "x.nb").exists()


def test_every_kind_of_input_is_checked_and_two_go_to_the_phone(tmp_path):
    model = export_program(tmp_path / "model", lambda x: conv(x), IMAGE)
    normalize = {"scale": "1.0/255.0", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.5]}
    (model / "inference.yml").write_text(yaml.safe_dump({
        "Global": {"model_name": "x"},
        "PreProcess": {"transform_ops": [{"NormalizeImage": normalize}]},
    }))  # fmt: skip
    result = convert(model, "arm", tmp_path / "x.nb")
    assert list(result.output_check["inputs"]) == ["noise", "large noise", "spikes", "picture"]
    assert 0 < result.output_check["relative"] < 1e-5
    noise, picture = result.references
    assert (noise["kind"], picture["kind"]) == ("noise", "picture")
    assert picture["low"] == pytest.approx([-2.5, -1.6, -0.6])
    assert picture["high"] == pytest.approx([2.5, 2.4, 1.4])


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        ({"is_scale": True}, -2, 2),
        ({"is_scale": False}, -2, 1018),
        ({"is_scale": False, "norm_type": "none"}, 0, 255),
        ({"norm_type": "none"}, 0, 1),
    ],
)
def test_the_picture_is_normalised_as_paddledetection_does(tmp_path, settings, low, high):
    """As `ppghost.data.transforms.boxes`, which deploy may not ask, does it."""
    model = export_program(tmp_path / "model", conv, IMAGE)
    settings = {"mean": [0.5] * 3, "std": [0.25] * 3} | settings
    description = {"PreProcess": {"transform_ops": [{"NormalizeImage": settings}]}}
    (model / "inference.yml").write_text(yaml.safe_dump(description))
    *_, picture = input_kinds(open_model(model), [{"name": "x", "shape": IMAGE["x"]}])
    assert (picture["low"], picture["high"]) == ([low] * 3, [high] * 3)
    pixels = np.array([0, 255], np.uint8)[None, :, None].repeat(3, 2)
    made = NormalizeImage(**settings)(pixels, np.random.default_rng(0))
    assert made[0].T.tolist() == [[low, high]] * 3


def test_what_rounding_costs_is_told_and_not_judged(models, tmp_path, caplog):
    """GhostNet with random weights: right in int8, but far from float32."""
    result = convert(models / "GhostNet_x0_5", "arm", tmp_path / "x.nb", weights="int8")
    [reference, *_] = result.references
    assert reference["by"] == "x86"
    correlation = result.output_check["inputs"]["noise"]["correlation"]
    assert ("rounding the weights to int8 costs" in caplog.text) == (correlation < 0.99)


def test_half_precision_is_held_to_what_it_can_hold(tmp_path, caplog):
    model = export_program(tmp_path / "model", lambda x: conv(conv(x)), IMAGE)
    result = convert(model, "arm", tmp_path / "x.nb", fp16=True)
    assert [each["correlation"] for each in result.references] == [0.999, 0.999]
    assert "fp16 kernels may overflow" not in caplog.text
    loud = export_program(tmp_path / "loud", lambda x: conv(conv(x) * 1000), IMAGE)
    convert(loud, "arm", tmp_path / "x.nb", fp16=True)
    assert "a 3x3 convolution reads values up to" in caplog.text
    louder = export_program(tmp_path / "louder", lambda x: conv(conv(x) * 1e6), IMAGE)
    with pytest.raises(ConversionError, match="half precision overflows for noise"):
        convert(louder, "arm", tmp_path / "y.nb", fp16=True)


def test_inputs_of_whole_numbers_and_of_several_open_sizes(tmp_path):
    def detector(image, im_shape, scale_factor, ids):
        features = paddle.mean(conv(image), [2, 3])
        rows = paddle.nn.functional.embedding(ids, paddle.create_parameter([2, 8], "float32"))
        return [features * paddle.sum(im_shape / scale_factor), rows + features]

    shapes = {
        "image": [-1, 3, -1, -1],
        "im_shape": [-1, 2],
        "scale_factor": [-1, 2],
        "ids": [-1, -1],
    }
    model = export_program(tmp_path / "model", detector, shapes, {"ids": "int64"})
    given = {"image": [1, 3, 32, 24], "ids": [1, 5]}
    result = convert(model, "x86", tmp_path / "x.nb", input_shape=given)
    assert result.inputs == [
        {"name": "image", "shape": [1, 3, 32, 24]},
        {"name": "im_shape", "shape": [1, 2]},
        {"name": "scale_factor", "shape": [1, 2]},
        {"name": "ids", "shape": [1, 5], "dtype": "int64"},
    ]
    assert result.output_check["ok"]
    assert read_sidecar(tmp_path / "x.nb").inputs == result.inputs
    with pytest.raises(ConversionError, match=r"'ids' has open sizes .*--input-shape ids=1,1"):
        convert(model, "x86", tmp_path / "y.nb", input_shape=[1, 3, 32, 24])
    with pytest.raises(ConversionError, match="no input 'images', did you mean image"):
        convert(model, "x86", tmp_path / "y.nb", input_shape={"images": [1, 3, 32, 24]})


def test_outputs_that_are_whole_numbers_conditions_or_single(tmp_path):
    def outputs(x):
        y = conv(x)
        return [paddle.argmax(y, axis=1), y > 0.1, paddle.sum(y), y]

    model = export_program(tmp_path / "model", outputs, IMAGE)
    for target in ("x86", "arm"):
        assert convert(model, target, tmp_path / "x.nb").check == "x86"


@pytest.mark.parametrize(("batch", "expected"), [(-1, 1), (3, 3)])
def test_the_description_fills_in_what_the_program_leaves_open(tmp_path, batch, expected):
    model = export_program(tmp_path / "model", conv, {"x": [batch, 3, -1, 16]})
    (model / "inference.yml").write_text(yaml.safe_dump({"Global": {"image_shape": [3, 12, 16]}}))
    [spec] = convert(model, "x86", tmp_path / "x.nb").inputs
    assert spec["shape"] == [expected, 3, 12, 16]
    (model / "inference.yml").write_text(yaml.safe_dump({"Global": {"image_shape": "3,12,16"}}))
    with pytest.raises(ConversionError, match=r"input 'x' has open sizes .* x="):
        convert(model, "x86", tmp_path / "y.nb")


def test_a_program_without_parameters_has_no_file_of_them(tmp_path):
    model = export_program(tmp_path / "model", lambda x: paddle.nn.functional.relu(x) * 2, IMAGE)
    assert not (model / "inference.pdiparams").exists()
    assert convert(model, "x86", tmp_path / "x.nb").source_files == ["inference.pdmodel"]


@pytest.mark.parametrize(
    ("normalize", "message"),
    [
        ({"mean": 0.5}, "cannot be read .* it wants a scale, and a mean and a std"),
        ([1, 2], "cannot be read"),
        ({"mean": [float("nan")] * 3, "std": [1, 1, 1]}, "makes NaN or infinity of images"),
    ],
)
def test_a_normalisation_that_is_none_is_no_fault_of_the_file(tmp_path, normalize, message):
    model = export_program(tmp_path / "model", conv, IMAGE)
    description = {"PreProcess": {"transform_ops": [{"NormalizeImage": normalize}]}}
    (model / "inference.yml").write_text(yaml.safe_dump(description))
    with pytest.raises(ConversionError, match=f"NormalizeImage {message}"):
        input_kinds(open_model(model), [{"name": "x", "shape": IMAGE["x"]}])


def test_an_input_of_more_numbers_than_any_device_holds_is_refused(tmp_path):
    model = export_program(tmp_path / "model", conv, {"x": [1, 3, -1, -1]})
    with pytest.raises(ConversionError, match="too large for any phone"):
        convert(model, "x86", tmp_path / "x.nb", input_shape=[1, 3, 10**8, 10**8])
