"""Detectors on their way to the phone: what is compared, in int8, and timed on a real image."""

import json

import numpy as np
import paddle
import pytest
import yaml
from support.detectors import detector_config, write_set
from support.programs import export_program

from ppghost.cli.conversion import _converted
from ppghost.config import loading
from ppghost.deploy.conversion import box_agreement, check
from ppghost.deploy.conversion.box_agreement import BoxJudge, common_boxes
from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.conversion.quantize import quantize
from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.runner import run_campaign
from ppghost.deploy.nb.box_check import CHECK_BOXES
from ppghost.deploy.nb.sidecar import read_sidecar
from ppghost.errors import ConversionError, InputError
from ppghost.formats.exported import open_model
from ppghost.inference.annotated_images import AnnotatedImages, calibration_images
from ppghost.inference.detect import Detector
from ppghost.inference.export import export
from ppghost.inference.preprocess import ListedImages, read_input
from ppghost.tasks.detection.decoding import suppress
from ppghost.utils.files import sha256

OVERRIDES = ["Infer.PostProcess.name=MultiClassNMS", "Infer.PostProcess.score_threshold=0.005"]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A set of images, and a detector of it exported whole and without its post-processing."""
    folder = tmp_path_factory.mktemp("detectors")
    write_set(folder / "images")
    config = loading.load_config(detector_config(folder / "images", folder / "out"), OVERRIDES)
    export(config, folder / "whole", random_weights=True)
    export(config, folder / "raw", random_weights=True, exclude_post_process=True)
    for name in ("whole", "raw"):
        convert(folder / name, "x86", folder / "nb" / f"{name}.nb")
    return folder


def test_what_stands_before_the_suppression_is_compared_and_told(work, tmp_path):
    result = convert(work / "whole", "arm", tmp_path / "x.nb")
    inside = result.output_check["inside"]
    levels = [name for name in inside["scores"] if name.startswith("conv_bias")]
    # of three levels the logits; and the boxes that the deltas make
    assert len(levels) >= 3
    assert len(inside["scores"]) > len(levels)
    assert inside["correlation"] > 0.9999
    assert f"before suppression {inside['relative']:.1e} of the range" in _converted(result)
    assert read_sidecar(result.nb).preprocess == result.preprocess
    assert result.preprocess["boxes"]


def test_a_detector_that_cannot_be_compared_is_refused(work, tmp_path, monkeypatch):
    """Its boxes are decided by rounding, and what stands before them does not run."""
    monkeypatch.setattr(check, "least_boxes", lambda *arguments: 0.0)
    monkeypatch.setattr(check._Check, "_compare_inside", lambda *arguments: None)
    with pytest.raises(ConversionError, match="whether the file is right cannot be told"):
        convert(work / "whole", "x86", tmp_path / "x.nb")
    assert not (tmp_path / "x.nb").exists()


def test_rounded_kernels_and_weights_of_a_detector_convert(work, tmp_path):
    result = convert(work / "whole", "arm", tmp_path / "x.nb", fp16=True, weights="int8")
    assert result.check == "x86"
    # boxes are matched: row by row they have no correlation with others
    assert not any("correlation" in reference for reference in result.references)
    assert result.output_check["inside"]["scores"]
    assert result.is_detector


def near_ties(x):
    """Boxes over each other whose scores' order changes with the last bits."""
    flat = paddle.reshape(paddle.static.nn.conv2d(x, 2, 3, padding=1, bias_attr=False), [1, 2, 256])
    scores = paddle.nn.functional.sigmoid(paddle.sin(flat * 300))
    corners = paddle.transpose(paddle.concat([flat, flat + 3.0], axis=1), [0, 2, 1])
    settings = {"score_threshold": 0.1, "nms_top_k": 100, "nms_threshold": 0.3, "keep_top_k": 50}
    return list(suppress(corners, scores, settings))


def test_boxes_that_the_last_bit_decides_are_no_verdict(tmp_path):
    model = export_program(tmp_path / "model", near_ties, {"x": [1, 3, 16, 16]})
    result = convert(model, "x86", tmp_path / "x.nb")
    # of noise boxes are few enough; "large noise" is what a model without a picture gets too
    assert [reference.get("boxes") for reference in result.references] == [None, 0]
    assert result.output_check["inside"]["relative"] < 1e-3
    # weights of 8 bits leave other boxes: how many is told
    rounded = convert(tmp_path / "model", "x86", tmp_path / "y.nb", weights="int8")
    assert rounded.output_check["inputs"]["noise"]["equal"] < CHECK_BOXES


def test_without_post_processing_the_network_is_all_there_is(work):
    assert [open_model(work / name).name for name in ("whole", "raw")] == [
        "RetinaNet_SlimNet",
        "RetinaNet_SlimNet_raw",
    ]
    check = read_sidecar(work / "nb" / "raw.nb").output_check
    assert "inside" not in check
    assert check["ok"]
    with pytest.raises(InputError, match="export it without --exclude-post-process"):
        Detector(work / "raw")
    with pytest.raises(InputError, match="finds no boxes, so that nothing can be judged"):
        quantize(work / "raw", [(np.zeros((3, 64, 64), np.float32), None)], work / "none")


def test_only_detectors_have_a_post_processing_to_leave_out(work, tmp_path):
    settings = {"Arch": {"name": "GhostNet_x0_5"}, "Infer": {"transforms": []}}
    with pytest.raises(InputError, match="is no detector"):
        export(loading.load_config(settings), tmp_path, exclude_post_process=True)


@pytest.fixture(scope="module")
def quantized(work):
    images = calibration_images(work / "whole", work / "images" / "train.txt")
    assert isinstance(images, AnnotatedImages)
    return quantize(
        work / "whole", images, work / "int8", samples=4, min_agreement=0,
        rate_boxes=images.average_precisions,
    )  # fmt: skip


def test_int8_detectors_are_judged_by_average_precision(work, quantized):
    figures = quantized.to_json()
    assert {"AP", "AP50", "class_agnostic_AP50"} <= figures["fp32"].keys() == figures["int8"].keys()
    assert (figures["calibration_images"], figures["measured_images"]) == (4, 8)
    assert figures["int8_layers"] > 20
    assert figures["float_operators"]["multiclass_nms3"] == 1
    assert "conv2d" not in figures["float_operators"]
    assert yaml.safe_load((work / "int8" / "inference.yml").read_text())["Global"]["quantized"]
    assert convert(work / "int8", "arm", work / "int8.nb").info.precision == "int8"


def test_lists_without_boxes_will_do_and_other_classes_will_not(work, tmp_path):
    plain = tmp_path / "plain.txt"
    xml_list = (work / "images" / "train.txt").read_text()
    plain.write_text("\n".join(line.split()[0] for line in xml_list.splitlines()))
    assert isinstance(calibration_images(work / "whole", plain, work / "images"), ListedImages)
    (tmp_path / "other.txt").write_text(xml_list)
    (tmp_path / "label_list.txt").write_text("circle\ntriangle\nsquare\n")
    with pytest.raises(InputError, match=r"its classes .* are not those of"):
        calibration_images(work / "whole", tmp_path / "other.txt", work / "images")


def rows(*boxes):
    return np.array(boxes, np.float32).reshape(-1, 6)


def test_boxes_agree_by_class_and_place_each_once():
    first = rows([0, 0.9, 0, 0, 10, 10], [0, 0.8, 0, 0, 9, 10], [1, 0.7, 50, 50, 60, 60])
    assert common_boxes(first, first) == 3
    assert common_boxes(first, first[:1]) == 1
    assert common_boxes(first, first - rows([0, 0, 6, 0, 6, 0])) == 0
    assert common_boxes(first, first + rows([1, 0, 0, 0, 0, 0])) == 0
    assert common_boxes(first, rows()) == common_boxes(rows(), first) == 0
    judge = BoxJudge(1)
    unsure = first * rows([1, 0.5, 1, 1, 1, 1])
    judge.add([None, first], [None, np.concatenate([first[:1], unsure])], 0)
    agreement = judge.agreement()
    assert (agreement.fp32_boxes, agreement.int8_boxes) == (3, 1)
    assert agreement.least() == agreement.box_agreement == 0.5
    assert agreement.describe_accuracy() is None


def test_where_nothing_is_found_nothing_is_claimed():
    """An untrained detector is sure of nothing: without annotations int8 cannot be judged."""
    judge = BoxJudge(0)
    judge.add([rows()], [rows()], 0)
    assert np.isnan(judge.agreement().least())
    assert "of 0 and 0 boxes of score 0.5 or more none" in judge.agreement().describe()


def test_the_share_of_the_ap_that_is_left_is_held_against_the_wanted_one():
    agreement = box_agreement.BoxAgreement(1.0, 5, 5, {"AP": 0.5}, {"AP": 0.4})
    assert agreement.least() == pytest.approx(0.8)
    assert agreement.describe_accuracy() == "COCO AP 0.5000 -> 0.4000"
    assert np.isnan(box_agreement.BoxAgreement(1.0, 5, 5, {"AP": 0.0}, {"AP": 0.0}).least())


def read(preprocess, image):
    return read_input(preprocess["transform_ops"], image, boxes=preprocess["boxes"])


def test_detectors_are_timed_on_a_real_image(work, tmp_path):
    image = next((work / "images").rglob("*.jpg"))
    campaign = Campaign(models=work / "nb", devices="host", rounds=2, warmup=0, image=image)
    output = tmp_path / "r.json"
    run_campaign(campaign, [HostDevice()], output=output, read_image=read)
    document = json.loads(output.read_text())
    expected = (image.name, sha256(image))
    assert (document["plan"]["image"], document["plan"]["image_sha256"]) == expected
    by_model = {result["model"]: result for result in document["results"]}
    for result in by_model.values():
        assert (result["image"], result["image_sha256"]) == expected
    found = len(Detector(work / "whole")(image))
    assert 0 < found <= 100
    boxes = {name: each["conditions"][0].get("boxes") for name, each in by_model.items()}
    assert boxes == {"RetinaNet_SlimNet": found, "RetinaNet_SlimNet_raw": None}
    noise = Campaign(models=work / "nb", devices="host", rounds=2, warmup=0)
    with pytest.raises(InputError, match="was measured with image_sha256"):
        run_campaign(noise, [HostDevice()], output=output, resume=True)


def test_an_image_that_cannot_be_an_input_is_one_line(work, tmp_path):
    image = next((work / "images").rglob("*.jpg"))
    with pytest.raises(InputError, match="a file that is there"):
        Campaign(models=work / "nb", devices="host", image=tmp_path / "none.jpg")
    small = Campaign(models=work / "nb" / "raw.nb", devices="host", image=image)
    with pytest.raises(InputError, match=r"its transform_ops make \[3, 8, 8\] of .*, it takes"):
        run_campaign(small, [HostDevice()], output=None, read_image=lambda *_: np.zeros((3, 8, 8)))
    with pytest.raises(InputError, match="give read_image too"):
        run_campaign(small, [HostDevice()], output=None)
