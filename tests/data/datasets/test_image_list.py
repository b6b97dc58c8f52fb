"""Reading PaddleClas's list files, and what is said about a wrong one."""

import logging

import cv2
import numpy as np
import pytest

from ppghost.data.datasets.image_files import MAX_BAD_IN_A_ROW
from ppghost.data.datasets.image_list import ImageNetDataset
from ppghost.data.datasets.list_files import read_list
from ppghost.errors import InputError, TrainingError


@pytest.fixture
def root(tmp_path):
    """Five 6x4 images whose pixels are 10 times their number, and a list with labels 0..4."""
    (tmp_path / "images").mkdir()
    for number in range(5):
        pixels = np.full((4, 6, 3), 10 * number, np.uint8)
        (tmp_path / f"images/{number}.png").write_bytes(cv2.imencode(".png", pixels)[1])
    write_list(tmp_path, *(f"images/{number}.png {number}" for number in range(5)))
    return tmp_path


def write_list(root, *lines):
    (root / "list.txt").write_text("".join(f"{line}\n" for line in lines))


def dataset(root, **options):
    return ImageNetDataset(root, root / "list.txt", **options)


def load(data, index):
    return data.load(index, np.random.default_rng(0))


def test_an_item_is_the_transformed_image_and_its_label(root):
    data = dataset(root, transform_ops=[{"DecodeImage": None}, {"ResizeImage": {"size": [3, 2]}}])
    image, label = load(data, 2)
    assert len(data) == 5
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, np.full((3, 2, 3), 20))
    assert label == 2


@pytest.mark.parametrize("none", [None, []])
def test_without_operations_images_are_only_decoded(root, none):
    image, _ = load(dataset(root, transform_ops=none), 1)
    np.testing.assert_array_equal(image, np.full((3, 4, 6), 10))


def test_a_grey_png_gives_three_channels(root):
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    (root / "images/0.png").write_bytes(cv2.imencode(".png", grey)[1])
    image, _ = load(dataset(root), 0)
    np.testing.assert_array_equal(image, np.stack([grey] * 3))


def test_a_delimiter_allows_spaces_in_names_and_further_columns_are_ignored(root):
    (root / "images/0.png").rename(root / "images/the first.png")
    write_list(root, "images/the first.png\t3\tcamera 7", "", "images/1.png\t1")
    data = dataset(root, delimiter="\t")
    assert [load(data, index)[1] for index in range(len(data))] == [3, 1]


def test_a_bom_and_two_blanks_change_nothing(root):
    (root / "list.txt").write_bytes(b"\xef\xbb\xbfimages/0.png  4\r\nimages/1.png 2\r\n")
    data = dataset(root)
    assert [load(data, index)[1] for index in range(2)] == [4, 2]


def test_relabel_numbers_the_labels_in_ascending_order(root):
    write_list(root, "images/0.png 30", "images/1.png -2", "images/2.png 7", "images/3.png 30")
    data = dataset(root, relabel=True, class_num=3)
    assert [load(data, index)[1] for index in range(4)] == [2, 0, 1, 2]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["images/0.png 0", "images/1.png"],
            r"list\.txt:2: 'images/1\.png' is no path and class id with ' ' between them: the key",
        ),
        (["", "images/0.png zero"], r"list\.txt:2: 'images/0\.png zero' .*: 'zero' is no whole"),
        (["images/0.png 0,3"], r"'0,3' is no whole number \(an image has one class here\)$"),
        (["my images/0.png,3"], r"key delimiter, .*: ',' it would be one"),
        (
            ["images/0.png\t4"],
            r"list\.txt:1: 'images/0\.png\\t4' .* key delimiter, .*: '\\t' it would be one",
        ),
        (["images/0.png 4", "images/1.png 5"], r"list\.txt:2: class id 5 is not in 0\.\.4"),
        (["images/0.png -1"], r"list\.txt:1: class id -1 is not in 0\.\.4"),
        (["", ""], r"Eval\.dataset\.cls_label_path: .*list\.txt names no image"),
        (
            ["images/0.png 0", "images/7.png 1", "images/8.png 1"],
            r"list\.txt:2: image .*7\.png does not exist \(2 of 3 are missing\)",
        ),
        (["images 0"], r"list\.txt:1: image .*images does not exist"),
    ],
)
def test_a_wrong_list_is_refused_with_file_and_line(root, lines, message):
    write_list(root, *lines)
    with pytest.raises(InputError, match=message) as caught:
        dataset(root, class_num=5, where="DataLoader.Eval.dataset")
    assert "\n" not in str(caught.value)


def test_without_class_num_a_label_only_must_not_be_negative(root):
    write_list(root, "images/0.png 99999")
    assert load(dataset(root), 0)[1] == 99999
    write_list(root, "images/0.png -1")
    with pytest.raises(InputError, match="class id -1 is not 0 or more"):
        dataset(root)


def test_a_missing_list_or_root_is_refused(root):
    with pytest.raises(InputError, match=r"cls_label_path: .*none\.txt: cannot be read \(No"):
        ImageNetDataset(root, root / "none.txt")
    with pytest.raises(InputError, match=r"Train\.dataset\.image_root: .*none is not a folder"):
        ImageNetDataset(root / "none", root / "list.txt")


def test_a_list_that_is_not_text_is_refused(root):
    (root / "list.txt").write_bytes(b"\xff\xd8\xff\xe0 0\n")
    with pytest.raises(InputError, match="not UTF-8 text"):
        dataset(root)


def test_operations_must_start_with_decoding(root):
    with pytest.raises(InputError, match=r"Train\.dataset\.transform_ops\.0: .*DecodeImage first"):
        dataset(root, transform_ops=[{"ResizeImage": {"size": 3}}])


def test_missing_images_can_be_skipped_with_one_warning(root, caplog):
    write_list(root, "images/0.png 0", "images/7.png 1", "images/8.png 1", "images/3.png 3")
    with caplog.at_level(logging.WARNING):
        data = dataset(root, on_bad_image="skip")
    assert [load(data, index)[1] for index in range(len(data))] == [0, 3]
    [record] = caplog.records
    assert "list.txt:2" in record.getMessage()
    assert "2 of 4" in record.getMessage()


def test_skipping_every_image_leaves_an_empty_data_set(root):
    write_list(root, "images/7.png 1")
    with pytest.raises(InputError, match="names no image"):
        dataset(root, on_bad_image="skip")


def test_a_broken_image_stops_the_run_with_file_and_line(root):
    (root / "images/3.png").write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match=r"list\.txt:4: image .*3\.png cannot be decoded"):
        load(dataset(root), 3)


def test_an_image_that_disappears_stops_the_run(root):
    data = dataset(root)
    (root / "images/3.png").unlink()
    with pytest.raises(TrainingError, match=r"list\.txt:4: .*cannot be read \(No such file"):
        load(data, 3)


def test_a_truncated_png_stops_the_run(root):
    path = root / "images/0.png"
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    whole = cv2.imencode(".png", noise)[1].tobytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match=r"0\.png cannot be decoded"):
        load(dataset(root), 0)


def test_a_skipped_broken_image_is_replaced_by_the_next_good_one_with_one_warning(root, caplog):
    for number in (3, 4):
        (root / f"images/{number}.png").write_bytes(b"nonsense")
    data = dataset(root, on_bad_image="skip")
    with caplog.at_level(logging.WARNING):
        results = [load(data, 3) for _ in range(3)]
    for image, label in results:  # past the end of the list the first one comes next
        assert label == 0
        np.testing.assert_array_equal(image, np.zeros((3, 4, 6)))
    assert [record.getMessage().split(": ")[0] for record in caplog.records] == [
        f"{root / 'list.txt'}:4",
        f"{root / 'list.txt'}:5",
    ]


def test_operations_that_fit_no_image_end_the_run_although_images_are_skipped(root):
    write_list(root, *["images/0.png 0"] * (MAX_BAD_IN_A_ROW + 50))
    ops = [{"DecodeImage": None}, {"CropImage": {"size": 10}}]
    data = dataset(root, transform_ops=ops, on_bad_image="skip")
    with pytest.raises(TrainingError, match=r"100 images in a row.*smaller than the crop 10x10"):
        load(data, 0)


@pytest.mark.parametrize(
    ("line", "delimiter", "expected"),
    [
        ("a.png 3", None, ("a.png", 3)),
        ("a.png 3 extra", None, ("a.png", 3)),
        ("a.png 3 4", None, ("a.png", 3)),
        ("b c.png 3", None, ("b c.png", 3)),
        ("b  c.png  -1", None, ("b  c.png", -1)),
        ("b c.png", None, ("b c.png", None)),
        ("a.png", None, ("a.png", None)),
        ("b c.png\t3\textra", "\t", ("b c.png", 3)),
        ("b,c.png,3", ",", ("b,c.png", 3)),
        ("a.png 3", ",", ("a.png 3", None)),
    ],
)
def test_one_reader_of_list_lines(tmp_path, line, delimiter, expected):
    """For training, evaluation and calibration; PaddleClas's rule wins where it finds a label."""
    file = tmp_path / "list.txt"
    file.write_text(f"\n{line}\n\n")
    assert read_list(file, delimiter) == [(2, *expected)]
