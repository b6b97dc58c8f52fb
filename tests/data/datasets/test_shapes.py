"""The labelled shapes as files."""

import json
import os

import cv2
import numpy as np
import pytest

from ppghost.cli.main import main
from ppghost.data.datasets import written_folder
from ppghost.data.datasets.coco import COCODataSet
from ppghost.data.datasets.shapes import NAMES, write_shapes
from ppghost.data.datasets.voc import VOCDataSet
from ppghost.errors import InputError


@pytest.fixture(scope="module", autouse=True)
def quick_flush():
    """Flushing files to the disk takes seconds and shows nothing to a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Twenty images that the tests only read."""
    directory = tmp_path_factory.mktemp("shapes") / "data"
    return directory, write_shapes(directory, images=20, size=96)


def voc(directory, part):
    return VOCDataSet(directory, f"{part}.txt", "label_list.txt", class_num=3)


def load(data, index):
    image, target = data.load(index, np.random.default_rng(0))
    return image.astype(int), target.objects


def test_both_forms_say_the_same(whole):
    directory, result = whole
    counts = 0
    for part in ("train", "val"):
        one, other = voc(directory, part), COCODataSet(directory, f"{part}.json", class_num=3)
        assert len(one) == len(other) == result[part]
        assert one.files() == other.files()
        assert one.class_names == other.class_names == list(NAMES)
        for index in range(len(one)):
            boxes = one.ground_truth(index).objects, other.ground_truth(index).objects
            np.testing.assert_array_equal(boxes[0].boxes, boxes[1].boxes)
            np.testing.assert_array_equal(boxes[0].classes, boxes[1].classes)
            counts += len(boxes[0])
    assert result == {
        "directory": str(directory), "train": 16, "val": 4, "classes": 3, "boxes": counts,
        "written": True,
    }  # fmt: skip


def test_images_are_as_large_as_asked_and_objects_large_enough(whole):
    data = voc(whole[0], "train")
    for index in range(len(data)):
        truth = data.ground_truth(index)
        assert max(truth.size) == 96
        assert min(truth.size) >= 72
        sides = truth.objects.boxes[:, 2:] - truth.objects.boxes[:, :2]
        assert sides.min() >= 10


def test_boxes_are_tight_around_one_colour(whole):
    """What a circle covers in the middle of its box ends where the box does."""
    data = voc(whole[0], "train")
    checked = 0
    for index in range(len(data)):
        image, objects = load(data, index)
        for x1, y1, x2, y2 in objects.select(objects.classes == 0).boxes.astype(int):
            colour = image[:, (y1 + y2) // 2, (x1 + x2) // 2]
            row = abs(image[:, (y1 + y2) // 2] - colour[:, None]).max(axis=0) < 30
            assert row[x1 + 2 : x2 - 2].all()
            assert not row[max(0, x1 - 3) : x1 - 1].any()
            checked += 1
    assert checked > 5


def test_all_classes_are_in_both_parts(whole):
    assert (voc(whole[0], "train").class_counts() >= 5).all()
    assert voc(whole[0], "val").class_counts().sum() >= 4


def test_images_depend_on_the_seed_and_their_number_alone(whole, tmp_path):
    write_shapes(tmp_path / "more", images=25, size=96)
    write_shapes(tmp_path / "other", images=5, size=96, seed=1)
    name = "images/train/00002.jpg"
    assert (tmp_path / "more" / name).read_bytes() == (whole[0] / name).read_bytes()
    assert (tmp_path / "other" / name).read_bytes() != (whole[0] / name).read_bytes()


def test_complete_data_are_left_and_damaged_ones_renewed_by_force(tmp_path):
    directory = tmp_path / "data"
    first = write_shapes(directory, images=5, size=32)
    assert write_shapes(directory, images=5, size=32) == first | {"written": False}
    (directory / "images/val/00004.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="an incomplete copy of these shapes"):
        write_shapes(directory, images=5, size=32)
    assert write_shapes(directory, images=5, size=32, force=True) == first
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_something_else_is_never_touched(tmp_path, force):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds something else"):
        write_shapes(tmp_path, images=5, size=32, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_interrupted_run_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(directory):
        assert list(directory.rglob("*.jpg"))
        raise KeyboardInterrupt

    monkeypatch.setattr(written_folder, "flush", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_shapes(tmp_path / "data", images=5, size=32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("numbers", "message"),
    [({"images": 4}, "images is 4"), ({"size": 31}, "size is 31"), ({"seed": -1}, "seed is -1")],
)
def test_numbers_that_make_no_sense_are_refused(tmp_path, numbers, message):
    with pytest.raises(InputError, match=message):
        write_shapes(tmp_path / "data", **numbers)


def test_the_command_says_what_it_wrote(tmp_path, capsys):
    arguments = ["--images", "5", "--size", "40", "--seed", "3", "--json", "-"]
    assert main(["data", "shapes", str(tmp_path / "data"), *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["train"], result["val"], result["written"]) == (4, 1, True)
    image = cv2.imread(str(tmp_path / "data/images/val/00004.jpg"))
    assert max(image.shape) == 40
