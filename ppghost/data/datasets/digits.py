"""scikit-learn's handwritten digits as image files and lists, the way PaddleClas reads data."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ppghost.data.datasets.written_folder import content, write_once
from ppghost.i18n import tr

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LARGEST_INK = 16  # the data set counts 0..16 inked points per pixel
EVERY_FIFTH = 5  # image of a class is for validation


class _Picture(NamedTuple):
    path: str  # relative to the folder
    label: int
    pixels: np.ndarray  # uint8 [8, 8]


def write_digits(directory: Path, force: bool = False) -> dict:
    """Write 1,797 real 8x8 images as PNG files with train, val and label lists.

    Layout: `images/{train,val}/<number>_<digit>.png`, `train_list.txt` and `val_list.txt` of
    `path label` lines, `label_list.txt` of `id name` lines (PaddleClas's class_id_map_file).
    Every fifth image of each digit is for validation, so the split is class-balanced and does not
    depend on a library's random numbers.

    The folder appears whole or not at all: it is written under another name beside its place.

    Args:
        directory: where to; may exist if it is empty or holds these data already.
        force: write again over an earlier copy, also over a damaged one.

    Returns:
        {"directory", "train", "val", "classes", "written"}; "written" is False when the complete
        data were there already.

    Raises:
        InputError: the folder holds something else, or it cannot be written.
    """
    directory = Path(directory)
    split = _split()
    files = _list_files(split)
    written = write_once(
        directory,
        lambda new: _fill(new, split, files),
        lambda: _holds(directory, split, files),
        entries={"images", *files},
        what=tr("the digits"),
        force=force,
    )
    counts = {name: len(pictures) for name, pictures in split.items()}
    return {"directory": str(directory), **counts, "classes": len(NAMES), "written": written}


def _split() -> dict[str, list[_Picture]]:
    from sklearn.datasets import load_digits  # takes a second to import

    data = load_digits()
    pixels = np.rint(data.images * (255 / LARGEST_INK)).astype(np.uint8)
    split: dict[str, list[_Picture]] = {"train": [], "val": []}
    seen = [0] * len(NAMES)
    for number, label in enumerate(data.target.tolist()):
        seen[label] += 1
        part = "val" if seen[label] % EVERY_FIFTH == 0 else "train"
        path = f"images/{part}/{number:05d}_{label}.png"
        split[part].append(_Picture(path, label, pixels[number]))
    return split


def _list_files(split: dict[str, list[_Picture]]) -> dict[str, str]:
    lines = {
        f"{part}_list.txt": [f"{picture.path} {picture.label}" for picture in pictures]
        for part, pictures in split.items()
    }
    lines["label_list.txt"] = [f"{label} {name}" for label, name in enumerate(NAMES)]
    return {name: "\n".join(content) + "\n" for name, content in lines.items()}


def _holds(directory: Path, split: dict[str, list[_Picture]], files: dict[str, str]) -> bool:
    """Say whether the folder has every list and every image, pixel for pixel."""
    if any(content(directory / name) != text.encode() for name, text in files.items()):
        return False
    return all(
        _shows(content(directory / picture.path), picture.pixels)
        for pictures in split.values()
        for picture in pictures
    )


def _shows(data: bytes | None, pixels: np.ndarray) -> bool:
    # not compared byte for byte: another zlib packs the same pixels in another way
    if not data:
        return False
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return image is not None and np.array_equal(image, pixels)


def _fill(directory: Path, split: dict[str, list[_Picture]], files: dict[str, str]) -> None:
    for part, pictures in split.items():
        (directory / "images" / part).mkdir(parents=True)
        for picture in pictures:
            (directory / picture.path).write_bytes(cv2.imencode(".png", picture.pixels)[1])
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
