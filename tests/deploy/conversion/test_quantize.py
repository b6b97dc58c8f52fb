"""Static int8 by Paddle's own post-training quantization, and its way to int8 arm kernels."""

import errno
import logging

import numpy as np
import paddle
import pytest
import yaml

from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.conversion.paddle_runtime import Runner
from ppghost.deploy.conversion.quantize import quantize
from ppghost.errors import CheckFailed, ConversionError, InputError
from ppghost.formats.exported import CONFIG_FILE, MODEL_FILE, PARAMS_FILE, open_model


class Noise:
    """Seeded network inputs that remember which of them were asked for."""

    def __init__(self, count, labels=None):
        rng = np.random.default_rng(3)
        self.arrays = rng.standard_normal((count, 3, 32, 32), dtype=np.float32)
        self.labels = labels or [None] * count
        self.asked = []

    def __len__(self):
        return len(self.arrays)

    def __getitem__(self, index):
        self.asked.append(index)
        return self.arrays[index], self.labels[index]


def fp32_classes(folder, arrays):
    runner = Runner(open_model(folder))
    return [int(runner({"x": array[None]})[0].argmax()) for array in arrays]


@pytest.fixture(scope="module")
def quantized(models, tmp_path_factory):
    """(the result, the folder) of one quantization, labels being fp32's own classes."""
    images = Noise(40)
    images.labels = fp32_classes(models / "Both", images.arrays)
    folder = tmp_path_factory.mktemp("quantized") / "Both_int8"
    return quantize(models / "Both", images, folder, samples=8, min_agreement=0.5), folder


def test_figures_say_what_was_measured(quantized):
    result, folder = quantized
    assert result.model_dir == folder
    assert result.bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert (result.calibration_images, result.measured_images) == (8, 32)
    assert result.held_out
    assert 0.99 < result.agreement.cosine < 1
    # the labels are fp32's answers: so its accuracy is 1, and int8's is the agreement
    assert result.agreement.fp32["top1"] == 1.0
    assert result.agreement.int8["top1"] == result.agreement.top1_agreement > 0.8
    assert result.agreement.int8["top5"] >= result.agreement.int8["top1"]


def test_json_form(quantized):
    result, folder = quantized
    figures = {
        "model_dir": str(folder),
        "fp32_bytes": result.fp32_bytes,
        "algo": "avg",
        "calibration_images": 8,
        "measured_images": 32,
        "held_out": True,
        # the convolution and the product of the fully connected layer
        "int8_layers": 2,
        "float_operators": result.float_operators,
        "cosine": result.agreement.cosine,
        "top1_agreement": result.agreement.top1_agreement,
        "fp32": result.agreement.fp32,
        "int8": result.agreement.int8,
    }
    assert result.to_json() == figures | {"bytes": result.bytes}
    assert result.float_operators["softmax"] == 1
    assert list(result.to_json()) == [*figures, "bytes"]


def test_the_callers_paddle_and_its_loggers_stay_as_they_were(models, tmp_path, dygraph):
    names = ("paddle.static.io", "paddle.static.quantization.post_training_quantization")
    levels = [logging.getLogger(name).level for name in names]
    quantize(models / "Both", Noise(2), tmp_path / "q", min_agreement=0)
    assert paddle.in_dynamic_mode()
    bad = Noise(2)
    bad.arrays = bad.arrays[:, :2]
    with pytest.raises(ConversionError):
        quantize(models / "Both", bad, tmp_path / "q2")
    assert paddle.in_dynamic_mode()
    assert [logging.getLogger(name).level for name in names] == levels


def test_a_list_of_arrays_and_labels_will_do_and_places_may_be_text(models, tmp_path):
    images = [(array, index) for index, array in enumerate(Noise(2).arrays)]
    result = quantize(str(models / "Both"), images, str(tmp_path / "q"), min_agreement=0)
    assert result.model_dir == tmp_path / "q"


def test_the_result_becomes_int8_arm_kernels(quantized, tmp_path):
    _, folder = quantized
    assert sorted(path.name for path in folder.iterdir()) == [PARAMS_FILE, MODEL_FILE, CONFIG_FILE]
    result = convert(folder, "arm", tmp_path / "x.nb")
    assert result.info.precision == "int8"
    # the convolution and the fully connected layer
    assert result.info.kernels["arm/int8"] >= 2
    assert not {name for name in result.info.fallbacks if name.startswith(("conv2d", "fc", "mul"))}
    assert {name.split()[0] for name in result.info.fallbacks} >= {"softmax"}


def test_inference_yml_is_carried_over_and_marked(models, quantized):
    _, folder = quantized
    before = yaml.safe_load((models / "Both" / CONFIG_FILE).read_text())
    after = yaml.safe_load((folder / CONFIG_FILE).read_text())
    for part in ("PreProcess", "PostProcess"):
        assert after[part] == before[part]
    assert after["Global"]["model_name"] == "Both_int8"
    assert after["Global"]["image_shape"] == [3, 32, 32]
    assert after["Global"]["quantized"]["source_sha256"] == open_model(models / "Both").sha256()


def test_images_that_calibrate_are_not_measured_on(models, tmp_path):
    images = Noise(6)
    quantize(models / "Both", images, tmp_path / "q", samples=32, min_agreement=0)
    # the last ones asked for are the measured ones
    calibration, measured = set(images.asked[:-3]), set(images.asked[-3:])
    assert (len(calibration), len(measured)) == (3, 3)
    assert not calibration & measured


def test_a_single_image_serves_for_both_and_that_is_said(models, tmp_path):
    result = quantize(models / "Both", Noise(1), tmp_path / "q", min_agreement=0)
    assert (result.calibration_images, result.measured_images) == (1, 1)
    assert not result.held_out
    assert result.agreement.fp32 == {"top1": None, "top5": None}


def test_too_little_agreement_fails_with_the_figures_and_leaves_nothing(models, tmp_path):
    with pytest.raises(CheckFailed, match=r"agrees too little .*nothing is written") as caught:
        quantize(models / "Both", Noise(8), tmp_path / "q", min_agreement=1.0)
    assert caught.value.result["model_dir"] is None
    assert caught.value.result["cosine"] < 1
    assert list(tmp_path.iterdir()) == []


def test_the_same_images_give_the_same_model(models, tmp_path):
    """Its scores, that is: Paddle walks through sets, so that its files differ in their order."""
    scores = []
    for name in ("a", "b"):
        quantize(models / "Both", Noise(6), tmp_path / name, min_agreement=0)
        runner = Runner(open_model(tmp_path / name))
        scores.append(runner({"x": Noise(1).arrays})[0])
    assert np.array_equal(*scores)


def test_what_is_quantized_already_is_refused(quantized, tmp_path):
    with pytest.raises(InputError, match="is quantized already"):
        quantize(quantized[1], Noise(4), tmp_path / "q")


def test_wrong_arguments_and_images_are_one_line(models, tmp_path):
    with pytest.raises(InputError, match="unknown algorithm 'magic'; choose one of: avg, hist"):
        quantize(models / "Both", Noise(4), tmp_path / "q", algo="magic")
    with pytest.raises(InputError, match="Both: no image to calibrate with"):
        quantize(models / "Both", [], tmp_path / "q")
    with pytest.raises(InputError, match="not known to be harmless, print"):
        quantize(models / "Prints", Noise(4), tmp_path / "q")
    images = Noise(4)
    images.arrays = images.arrays[:, :2]
    with pytest.raises(ConversionError, match="Paddle cannot quantize this model: ") as caught:
        quantize(models / "Both", images, tmp_path / "q")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_image_ends_it_at_once(models, tmp_path):
    class Broken(Noise):
        def __getitem__(self, index):
            raise InputError("b.png: cannot be decoded")

    with pytest.raises(InputError, match=r"^b\.png: cannot be decoded$"):
        quantize(models / "Both", Broken(4), tmp_path / "q")
    assert list(tmp_path.iterdir()) == []


def test_files_are_on_the_disk_before_inference_yml_says_so(models, tmp_path, monkeypatch):
    """The one way to publish a model, as export's: a disk that is full when files are flushed."""

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"q: cannot be written \(No space left on device\)"):
        quantize(models / "Both", Noise(2), tmp_path / "q", min_agreement=0)
    assert not list((tmp_path / "q").iterdir())
