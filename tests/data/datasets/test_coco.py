"""Data sets in COCO's form, and what is said about a wrong one."""

import json
import logging

import cv2
import numpy as np
import pytest

from ppghost.data.datasets.coco import COCODataSet
from ppghost.errors import InputError


@pytest.fixture
def root(tmp_path):
    """Four images, whose annotations are not in their order; the third has a crowd alone."""
    (tmp_path / "images").mkdir()
    for name in "abcd":
        pixels = np.zeros((20, 30, 3), np.uint8)
        (tmp_path / f"images/{name}.png").write_bytes(cv2.imencode(".png", pixels)[1])
    return tmp_path


def content():
    images = [
        {"id": 10 * place, "file_name": f"{name}.png", "width": 30, "height": 20, "license": 1}
        for place, name in enumerate("abcd", start=1)
    ]
    annotations = [
        {"id": 1, "image_id": 20, "category_id": 7, "bbox": [1, 2, 3, 4], "area": 12},
        {"id": 2, "image_id": 10, "category_id": 3, "bbox": [0.5, 0, 10.25, 20], "iscrowd": 0},
        {"id": 3, "image_id": 20, "category_id": 3, "bbox": [20, 10, 30, 30]},
        {"id": 4, "image_id": 30, "category_id": 3, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        {"id": 5, "image_id": 20, "category_id": 7, "bbox": [9, 9, 5, 5], "iscrowd": 1},
    ]
    categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat", "supercategory": "pet"}]
    return {"images": images, "annotations": annotations, "categories": categories, "info": {}}


def dataset(root, document=None, **options):
    text = document if isinstance(document, str) else json.dumps(document or content())
    (root / "a.json").write_text(text)
    return COCODataSet(root, "a.json", "images", **options)


def test_boxes_find_their_images(root):
    data = dataset(root, class_num=2)
    assert data.class_names == ["cat", "dog"]
    assert data.category_ids == [3, 7]
    assert data.image_ids == [10, 20]
    first, second = data.ground_truth(0), data.ground_truth(1)
    assert first.objects.boxes.tolist() == [[0.5, 0, 10.75, 20]]
    assert first.objects.classes.tolist() == [0]
    assert first.where == f"{root / 'a.json'}: image id 10"
    assert second.objects.boxes.tolist() == [[1, 2, 4, 6], [20, 10, 30, 20], [9, 9, 14, 14]]
    assert second.objects.classes.tolist() == [1, 0, 1]


def test_sizes_may_be_written_as_floats_or_left_out(root):
    document = content()
    document["images"][0].update(width=30.0, height=20.0)
    del document["images"][1]["width"]
    data = dataset(root, document)
    assert [data.ground_truth(place).size for place in range(2)] == [(20, 30), (20, 30)]


def test_crowds_are_ignored_and_not_trained_on(root):
    data = dataset(root)
    assert data.ground_truth(1).objects.ignored.tolist() == [False, False, True]
    image, target = data.load(1, np.random.default_rng(0))
    assert image.shape == (3, 20, 30)
    assert target.objects.classes.tolist() == [1, 0]
    assert data.class_counts().tolist() == [2, 1]


def test_images_without_objects_but_crowds_are_left_out_unless_allowed(root, caplog):
    caplog.set_level(logging.INFO)
    assert len(dataset(root)) == 2
    assert "2 of 4 images have no box" in caplog.text
    data = dataset(root, allow_empty=True)
    assert len(data) == 4
    assert len(data.ground_truth(2).objects) == 1
    assert len(data.load(2, np.random.default_rng(0))[1].objects) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, 0, 4]}, r"annotation 3 \(category 3\): the box .* is without area"),
        ({"bbox": [30, 2, 4, 4]}, "outside of its image"),
        ({"bbox": [1, 2, 4]}, "not four numbers"),
        ({"bbox": None}, "not four numbers"),
        ({"bbox": [1, 2, "3", True]}, "not four numbers"),
        ({"category_id": 8}, r"annotation 3 \(category 8\).*of an unknown class"),
        ({"image_id": 99}, "annotation 3.*no image has the id 99"),
        ({"image_id": 99, "id": None}, r"annotations\[2\].*no image has the id 99"),
    ],
)
def test_a_bad_box_is_named_or_skipped(root, change, message, caplog):
    document = content()
    document["annotations"][2].update(change)
    with pytest.raises(InputError, match=rf"a.json: .*{message}.*set Global.bad_boxes: skip"):
        dataset(root, document)
    data = dataset(root, document, on_bad_box="skip")
    assert data.ground_truth(1).objects.classes.tolist() == [1, 1]
    assert "going on without" in caplog.text


def test_the_first_bad_box_is_that_of_the_first_image(root):
    document = content()
    for annotation in document["annotations"][:2]:
        annotation["bbox"] = [0, 0, 0, 0]
    with pytest.raises(InputError, match=r"annotation 2 .*2 of 5 boxes are bad: 2 without area"):
        dataset(root, document)


def _twice(key):
    document = content()
    document[key].append(document[key][0] | {"file_name": "c.png"})
    return document


def _same_file():
    document = content()
    document["images"][3]["file_name"] = "./a.png"
    return document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "a.json: not a file of COCO's form"),
        ("[]", "a.json: not a file of COCO's form"),
        ('{"images": []}', "missing required field `categories`"),
        ('{"images": [{"id": 1}], "categories": []}', "missing required field `file_name`"),
        (
            json.dumps(content()).replace('"id": 10,', f'"id": {2**60},'),
            "`int` <= 9007199254740992",
        ),
        ("[" * 100_000, "not a file of COCO's form"),
        ('{"images": [], "categories": []}', "no categories"),
        (_twice("images"), "two of image id 10"),
        (_twice("categories"), "two of category id 7"),
        (_same_file(), "image id 40: image a.png has been named before, at .* id 10"),
        (content() | {"annotations": []}, "no image in it that has a box"),
    ],
)
def test_a_wrong_file_is_one_line(root, document, message):
    with pytest.raises(InputError, match=message):
        dataset(root, document)


def test_another_number_of_classes_is_refused(root):
    with pytest.raises(InputError, match=r"2 classes .* but Arch.class_num is 3"):
        dataset(root, class_num=3)


def test_a_missing_image_is_named_or_skipped(root):
    (root / "images/a.png").unlink()
    with pytest.raises(InputError, match=r"image id 10: image .*a.png does not exist"):
        dataset(root)
    data = dataset(root, on_bad_image="skip")
    assert data.image_ids == [20]
    assert data.ground_truth(0).objects.classes.tolist() == [1, 0, 1]
