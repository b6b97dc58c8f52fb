"""Data sets in Pascal VOC's form, and what is said about a wrong one."""

import logging
import pickle

import cv2
import numpy as np
import pytest

from ppghost.data.datasets.voc import VOC_CLASSES, VOCDataSet
from ppghost.errors import InputError, TrainingError

XML = """<?xml version="1.0"?>
<annotation>
  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>
{objects}</annotation>
"""
OBJECT = (
    "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin>"
    "<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>\n"
)


def write_image(root, name, value, shape=(20, 30)):
    pixels = np.full((*shape, 3), value, np.uint8)
    (root / f"{name}.png").write_bytes(cv2.imencode(".png", pixels)[1])


def write_xml(root, name, *objects, width=30, height=20):
    content = "".join(OBJECT.format(*found) for found in objects)
    (root / f"{name}.xml").write_text(XML.format(width=width, height=height, objects=content))


def write_list(root, *lines):
    (root / "list.txt").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def root(tmp_path):
    """Three 30x20 images: a cat and a difficult dog, a dog, nothing."""
    for number, name in enumerate("abc"):
        write_image(tmp_path, name, 10 * number)
    write_xml(tmp_path, "a", ("cat", 0, 2, 3, 12, 13), ("dog", 1, 5, 5.5, 25, 18))
    write_xml(tmp_path, "b", ("dog", 0, 0, 0, 10, 10))
    write_xml(tmp_path, "c")
    write_list(tmp_path, "a.png a.xml", "", "b.png\tb.xml", "c.png c.xml")
    (tmp_path / "label_list.txt").write_text("cat\ndog\n\n")
    return tmp_path


def dataset(root, **options):
    return VOCDataSet(root, "list.txt", "label_list.txt", **options)


def load(data, index):
    return data.load(index, np.random.default_rng(0))


def test_an_image_comes_with_its_boxes(root):
    ops = [{"Decode": None}, {"Resize": {"target_size": [10, 60], "keep_ratio": False}}]
    image, target = load(dataset(root, transform_ops=ops), 0)
    assert image.shape == (3, 10, 60)
    assert target.objects.boxes.tolist() == [[4, 1.5, 24, 6.5], [10, 2.75, 50, 9]]
    assert target.objects.classes.tolist() == [0, 1]
    assert target.objects.ignored.tolist() == [False, True]
    assert target.weight == 1
    assert (target.index, target.scale, target.size) == (0, (2.0, 0.5), (20, 30))


def test_ground_truth_is_in_pixels_of_the_original(root):
    truth = dataset(root).ground_truth(1)
    assert truth.path == root / "b.png"
    assert truth.size == (20, 30)
    assert truth.objects.boxes.tolist() == [[0, 0, 10, 10]]
    assert truth.where == f"{root / 'list.txt'}:3"


def test_images_without_boxes_are_left_out_unless_allowed(root, caplog):
    caplog.set_level(logging.INFO)
    data = dataset(root)
    assert len(data) == 2
    assert "1 of 3 images have no box and are left out" in caplog.text
    empty = dataset(root, allow_empty=True)
    assert len(empty) == 3
    image, target = load(empty, 2)
    assert target.objects.boxes.shape == (0, 4)
    assert image.max() == 20


def test_classes_files_and_counts(root):
    data = dataset(root, class_num=2)
    assert data.class_names == ["cat", "dog"]
    assert data.class_counts().tolist() == [1, 1]  # the difficult dog does not count
    assert data.files() == [str(root / "a.png"), str(root / "b.png")]
    assert data.image_ids == [1, 3]


def test_the_fingerprint_follows_boxes_and_not_the_place(root, tmp_path_factory):
    first = dataset(root).fingerprint()
    other = tmp_path_factory.mktemp("other")
    for path in root.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    assert dataset(other).fingerprint() == first
    write_xml(other, "b", ("dog", 0, 0, 0, 10, 11))
    assert dataset(other).fingerprint() != first


def test_it_goes_through_pickle(root):
    ops = [*({name: None} for name in ("Decode", "RandomDistort", "RandomCrop", "RandomFlip"))]
    data = pickle.loads(pickle.dumps(dataset(root, transform_ops=ops)))
    assert load(data, 1)[1].objects.classes.tolist() == [1]


def test_boxes_are_cut_as_paddledetection_cuts_them(root):
    write_xml(root, "b", ("dog", 0, -5, -1, 30, 25))
    assert dataset(root).ground_truth(1).objects.boxes.tolist() == [[0, 0, 29, 19]]


def test_without_a_label_list_the_classes_are_vocs(root):
    data = VOCDataSet(root, "list.txt", class_num=20)
    assert data.class_names == list(VOC_CLASSES)
    assert data.ground_truth(0).objects.classes.tolist() == [7, 11]


def test_images_and_annotations_in_a_folder_of_their_own(root):
    (root / "inside").mkdir()
    for path in [*root.glob("*.png"), *root.glob("*.xml")]:
        path.rename(root / "inside" / path.name)
    assert len(dataset(root, image_dir="inside")) == 2
    with pytest.raises(InputError, match=r"train.image_dir: .*outside is not a folder"):
        dataset(root, image_dir="outside", where="train")


BAD = {
    "without area": ("dog", 0, 5, 5, 5, 9),
    "outside of its image": ("dog", 0, 29, 5, 35, 9),
    "of an unknown class": ("dug", 0, 5, 5, 9, 9),
    "not four numbers": ("dog", 0, 5, 5, "nine", 9),
    "not four numbers ": ("dog", 0, 5, 5, "nan", 9),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_box_is_named_or_skipped(root, fault, caplog):
    write_xml(root, "b", ("cat", 0, 1, 1, 4, 4), BAD[fault])
    place = f"{root / 'b.xml'}:5: '{BAD[fault][0]}'"
    with pytest.raises(InputError, match=r"set Global.bad_boxes: skip") as raised:
        dataset(root)
    assert str(raised.value).startswith(place)
    assert f"1 of 4 boxes are bad: 1 {fault.strip()}" in str(raised.value)
    data = dataset(root, on_bad_box="skip")
    assert place in caplog.text
    assert data.ground_truth(1).objects.classes.tolist() == [0]
    assert len(data) == 2


def test_an_unknown_class_has_a_hint(root):
    write_xml(root, "b", BAD["of an unknown class"])
    with pytest.raises(InputError, match=r"'dug' is not in .*label_list.txt, did you mean dog\?"):
        dataset(root)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"b\.xml does not exist"),
        ("<annotation>\n<size>", r"b\.xml:2: not XML \(no element found\)"),
        ("", r"b\.xml:1: not XML"),
        ('<!DOCTYPE a [\n<!ENTITY x "y">]>\n<a>&x;</a>', r"b\.xml:2: it declares an entity"),
    ],
)
def test_a_broken_annotation_is_a_bad_image(root, caplog, content, message):
    (root / "b.xml").unlink()
    if content is not None:
        (root / "b.xml").write_text(content)
    with pytest.raises(InputError, match=rf"list.txt:3: .*{message}.*Global.bad_images: skip"):
        dataset(root)
    data = dataset(root, on_bad_image="skip", allow_empty=True)
    assert data.image_ids == [1, 4]
    assert "1 of 3 cannot be used" in caplog.text


def test_a_missing_image_is_named_or_skipped(root, caplog):
    (root / "b.png").unlink()
    with pytest.raises(InputError, match=r"list.txt:3: image .*b.png does not exist \(1 of 3"):
        dataset(root)
    assert dataset(root, on_bad_image="skip").image_ids == [1]


def test_a_broken_image_is_found_when_it_is_loaded(root, caplog):
    (root / "a.png").write_bytes(b"no image")
    with pytest.raises(TrainingError, match=r"list.txt:1: image .*a.png cannot be decoded"):
        load(dataset(root), 0)
    _, target = load(dataset(root, on_bad_image="skip"), 0)
    assert target.index == 1
    assert target.objects.classes.tolist() == [1]


@pytest.mark.parametrize(
    ("shape", "hint"), [((21, 30), "30x21"), ((30, 20), "20x30.*its EXIF data turn it")]
)
def test_an_image_of_another_size_than_its_annotation_says(root, shape, hint):
    write_image(root, "a", 0, shape)
    with pytest.raises(TrainingError, match=rf"a.png is {hint}") as raised:
        load(dataset(root), 0)
    assert "but its annotation says 30x20" in str(raised.value)
    assert load(dataset(root, on_bad_image="skip"), 0)[1].index == 1


@pytest.mark.parametrize("size", [(0, 0), (-3, 20), ("?", 20), (1e30, 20)])
def test_a_size_that_is_not_said_is_that_of_the_image(root, size):
    write_xml(root, "b", ("dog", 0, 0, 0, 50, 50), width=size[0], height=size[1])
    truth = dataset(root).ground_truth(1)
    assert truth.size == (20, 30)
    assert truth.objects.boxes.tolist() == [[0, 0, 29, 19]]
    (root / "b.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"list.txt:3: image .*b.png cannot be read"):
        dataset(root)


def test_an_annotation_without_size_difficult_or_anything(root):
    (root / "b.xml").write_text("<annotation><object><name>dog</name></object></annotation>")
    with pytest.raises(InputError, match="not four numbers"):
        dataset(root)
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
    (root / "b.xml").write_text(f"<annotation><object><name>dog</name>{box}</object></annotation>")
    assert dataset(root).ground_truth(1).objects.boxes.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a.png"], r"list.txt:1: 'a.png' is no image and XML file"),
        (["a.png a.xml", "./a.png b.xml"], r"list.txt:2: image a.png .* before, at .*list.txt:1"),
        ([], "no image in it that has a box"),
        (["c.png c.xml"], "no image in it that has a box"),
    ],
)
def test_a_wrong_list_is_one_line(root, lines, message):
    write_list(root, *lines)
    with pytest.raises(InputError, match=message):
        dataset(root)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("cat\n\ndog", "label_list.txt:2: an empty line"),
        ("cat\ndog\ncat", "label_list.txt:3: 'cat' stands in line 1 too"),
        ("\n", "label_list.txt: no class name"),
        ("cat\ndog\ncow", r"3 classes \(cat, dog, cow\), but Arch.class_num is 2"),
    ],
)
def test_wrong_class_names_are_one_line(root, names, message):
    (root / "label_list.txt").write_text(names)
    with pytest.raises(InputError, match=message):
        dataset(root, class_num=2)


@pytest.mark.parametrize("key", ["dataset_dir", "anno_path", "label_list"])
def test_a_missing_file_is_named(root, key):
    arguments = {"dataset_dir": root, "anno_path": "list.txt", "label_list": "label_list.txt"}
    with pytest.raises(InputError, match="nowhere"):
        VOCDataSet(**arguments | {key: "nowhere"})
