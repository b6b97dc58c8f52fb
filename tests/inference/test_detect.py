"""`ppghost predict` with a detector: places, files, drawings."""

import json

import cv2
import numpy as np
import pytest
from support.detectors import SIDE, detector_config, draw_weights

from ppghost.config import loading
from ppghost.errors import CheckFailed, InputError
from ppghost.inference.detect import Detector
from ppghost.inference.export import export


@pytest.fixture(scope="module")
def model(box_images, tmp_path_factory):
    """An exported detector with drawn weights, which finds boxes in any image."""
    folder = tmp_path_factory.mktemp("detector")
    config = loading.load_config(detector_config(box_images, folder / "out"))
    draw_weights(config, folder / "drawn")
    config["Global"]["pretrained_model"] = str(folder / "drawn")
    export(config, folder / "model")
    return folder / "model"


@pytest.fixture
def images(box_images):
    return sorted((box_images / "images" / "val").iterdir())


def test_boxes_are_those_of_the_image_as_it_was(model, monkeypatch):
    detector = Detector(model)
    rows = np.array([[2, 0.6, 0, 16, SIDE, 32], [0, 0.9, 0, 0, SIDE, SIDE]], np.float32)
    monkeypatch.setattr(detector, "_engine", lambda inputs: [rows.copy()])
    best, other = detector(np.zeros((100, 200, 3), np.uint8))
    assert (best.class_id, best.label, best.bbox) == (0, "circle", [0, 0, 200, 100])
    assert (other.label, other.bbox) == ("triangle", [0, 25, 200, 25])
    assert (best.score, other.score) == (pytest.approx(0.9), pytest.approx(0.6))


def test_a_model_of_several_images_at_once_answers_one(model, box_images, tmp_path, images):
    config = loading.load_config(detector_config(box_images, tmp_path / "out"))
    config["Global"]["pretrained_model"] = str(model.parent / "drawn")
    export(config, tmp_path / "three", batch=3)
    alone, of_three = (Detector(folder)(images[0]) for folder in (model, tmp_path / "three"))
    assert len(of_three) == len(alone) > 0
    for one, other in zip(alone, of_three, strict=True):
        assert other.class_id == one.class_id
        assert other.bbox == pytest.approx(one.bbox, abs=0.05)


def test_scores_of_nan_are_no_boxes(model, monkeypatch):
    detector = Detector(model)
    rows = np.full((1, 6), np.nan, np.float32)
    monkeypatch.setattr(detector, "_engine", lambda inputs: [rows])
    with pytest.raises(CheckFailed, match="the scores are NaN"):
        detector(np.zeros((64, 64, 3), np.uint8))


def test_pixels_of_another_type_are_refused(model):
    with pytest.raises(InputError, match="give RGB pixels"):
        Detector(model)(np.zeros((64, 64, 3), np.float32))


def test_results_are_cocos_and_drawings_stand_beside(run, model, images, tmp_path):
    coco, drawn = tmp_path / "boxes.json", tmp_path / "drawn"
    code, out, err = run("predict", model, *images, "--output", coco, "--draw", drawn,
                         "--threshold", 0, "--json", "-")  # fmt: skip
    assert code == 0, err
    results = json.loads(out)
    assert [result["image"] for result in results] == [str(image) for image in images]
    entries = json.loads(coco.read_text())
    assert len(entries) == sum(len(result["boxes"]) for result in results) > 3
    first = results[0]["boxes"][0]
    # the files are named by numbers, which then are COCO's ids
    assert entries[0] == {
        "image_id": int(images[0].stem), "category_id": first["category_id"],
        "bbox": first["bbox"], "score": first["score"], "file_name": images[0].name,
    }  # fmt: skip
    for image in images:
        before, after = (cv2.imread(str(file)) for file in (image, drawn / image.name))
        assert before.shape == after.shape
        assert (np.abs(before.astype(int) - after).max(axis=2) > 60).sum() > 50


def test_a_table_has_a_row_for_each_box(run, model, images, tmp_path):
    code, out, _ = run("predict", model, images[0], "--output", tmp_path / "b.csv", "--json", "-")
    assert code == 0
    head, *rows = (tmp_path / "b.csv").read_text().splitlines()
    assert head == "image,class_id,label,score,x,y,width,height,error"
    assert len(rows) == len(json.loads(out)[0]["boxes"])


def test_a_broken_image_is_reported_and_the_others_answered(run, model, images, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    code, out, err = run("predict", model, tmp_path / "broken.jpg", images[0], "--json", "-",
                         "--draw", tmp_path / "drawn")  # fmt: skip
    assert code == 2
    assert "1 of 2 images could not be answered" in err
    assert [bool(result["boxes"]) for result in json.loads(out)] == [False, True]
    assert [file.name for file in (tmp_path / "drawn").iterdir()] == [images[0].name]


def test_what_is_below_the_threshold_is_not_shown(run, model, images):
    code, out, _ = run("predict", model, images[0], "--threshold", 1)
    assert (code, out.strip()) == (0, f"{images[0]}: nothing with a score of 1 or more")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--topk", 3), "--topk is for classifiers"),
        (("--batch-size", 2), "takes one image at once"),
    ],
)
def test_options_of_classifiers_are_refused(run, model, images, options, message):
    code, _, err = run("predict", model, images[0], *options)
    assert (code, message in err) == (2, True)


def test_drawings_never_take_the_place_of_the_images(run, model, images):
    before = images[0].read_bytes()
    code, _, err = run("predict", model, images[0], "--draw", images[0].parent)
    assert (code, "draw into another folder" in err) == (2, True)
    assert images[0].read_bytes() == before


def test_classes_are_not_drawn(run, config_file, trained, shapes_dir, tmp_path):
    config = ["-c", config_file, "-o", f"Global.pretrained_model={trained}"]
    code, _, err = run("predict", *config, shapes_dir / "0.png", "--draw", tmp_path / "d")
    assert (code, "--draw is for detectors" in err) == (2, True)
