"""The handwritten digits as files."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits

from ppghost.data.datasets import written_folder
from ppghost.data.datasets.digits import write_digits
from ppghost.data.datasets.image_list import ImageNetDataset
from ppghost.errors import InputError


@pytest.fixture(scope="module", autouse=True)
def quick_flush():
    """Flushing 1,800 files to the disk takes seconds and shows nothing to a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One complete copy that the tests only read."""
    directory = tmp_path_factory.mktemp("digits") / "data"
    return directory, write_digits(directory)


@pytest.fixture
def few(monkeypatch, tmp_path):
    """A folder to write to, and a data set cut to 60 images so that writing is quick."""
    data = load_digits()
    data.images, data.target = data.images[:60], data.target[:60]
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda: data)
    return tmp_path / "digits"


def snapshot(directory):
    return {p.relative_to(directory): p.stat().st_mtime_ns for p in directory.rglob("*")}


def test_the_counts_are_those_of_the_files(whole):
    directory, result = whole
    assert result == {
        "directory": str(directory), "train": 1442, "val": 355, "classes": 10, "written": True,
    }  # fmt: skip
    assert len(list(directory.glob("images/train/*.png"))) == 1442
    assert len(list(directory.glob("images/val/*.png"))) == 355
    assert sorted(path.name for path in directory.parent.iterdir()) == ["data"]


def test_every_image_is_there_once_with_its_pixels_and_label(whole):
    directory, _ = whole
    source = load_digits()
    seen = set()
    for part in ("train", "val"):
        for line in (directory / f"{part}_list.txt").read_text().splitlines():
            path, label = line.split(" ")
            number = int(Path(path).name.split("_")[0])
            pixels = cv2.imread(str(directory / path), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(pixels, np.rint(source.images[number] * 255 / 16))
            assert int(label) == source.target[number]
            seen.add(number)
    assert seen == set(range(1797))


def test_the_split_is_a_fifth_of_every_class(whole):
    directory, _ = whole
    totals = np.bincount(load_digits().target)
    lines = (directory / "val_list.txt").read_text().splitlines()
    held_out = np.bincount([int(line.split()[1]) for line in lines])
    np.testing.assert_array_equal(held_out, totals // 5)


def test_the_split_never_changes(whole):
    lines = (whole[0] / "val_list.txt").read_text().splitlines()
    assert lines[:3] == [
        "images/val/00033_5.png 5",
        "images/val/00036_0.png 0",
        "images/val/00037_9.png 9",
    ]


def test_labels_have_names(whole):
    lines = (whole[0] / "label_list.txt").read_text().splitlines()
    assert lines[0] == "0 zero"
    assert lines[9] == "9 nine"
    assert len(lines) == 10


def test_the_data_set_reads_what_was_written(whole):
    directory, _ = whole
    data = ImageNetDataset(directory, directory / "val_list.txt", class_num=10)
    image, label = data.load(0, np.random.default_rng(0))
    assert image.shape == (3, 8, 8)
    assert image.max() == 255
    assert label == 5


def test_complete_data_are_left_as_they_are(few):
    first = write_digits(few)
    before = snapshot(few)
    again = write_digits(few)
    assert first["written"] is True
    assert again == first | {"written": False}
    assert snapshot(few) == before


def test_force_writes_again(few):
    write_digits(few)
    before = snapshot(few)
    assert write_digits(few, force=True)["written"] is True
    assert snapshot(few) != before
    assert sorted(path.name for path in few.parent.iterdir()) == ["digits"]


@pytest.mark.parametrize("damage", ["missing", "truncated", "other pixels", "list"])
def test_a_damaged_copy_is_refused_and_renewed_by_force(few, damage):
    write_digits(few)
    image = next(few.glob("images/train/*.png"))
    if damage == "missing":
        image.unlink()
    elif damage == "truncated":
        image.write_bytes(image.read_bytes()[:20])
    elif damage == "other pixels":
        image.write_bytes(cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1])
    else:
        (few / "train_list.txt").write_text("images/0.png 0\n")
    with pytest.raises(InputError, match="something else or an incomplete copy"):
        write_digits(few)
    assert write_digits(few, force=True)["written"] is True
    assert write_digits(few)["written"] is False


def test_an_empty_folder_is_used_and_parents_are_made(few):
    few.mkdir()
    assert write_digits(few)["written"] is True
    assert write_digits(few / "deeper/folder")["written"] is True


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_something_else_is_never_touched(few, force):
    few.mkdir()
    (few / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds something else"):
        write_digits(few, force=force)
    assert (few / "thesis.tex").read_text() == "years of work"


def test_an_interrupted_run_leaves_nothing_behind(few, monkeypatch):
    def interrupt(directory):
        assert list(directory.rglob("*.png"))
        raise KeyboardInterrupt

    monkeypatch.setattr(written_folder, "flush", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_digits(few)
    assert list(few.parent.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(few):
    few.write_text("a file")
    with pytest.raises(InputError, match=r"digits: cannot be written \(Not a directory"):
        write_digits(few)
    with pytest.raises(InputError, match="below: cannot be written"):
        write_digits(few / "below")


def test_a_full_disk_is_named_and_leaves_nothing_behind(few, monkeypatch):
    def full(directory):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(written_folder, "flush", full)
    with pytest.raises(InputError, match=r"digits: cannot be written \(No space left on device"):
        write_digits(few)
    assert list(few.parent.iterdir()) == []
