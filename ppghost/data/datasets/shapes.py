"""A small labelled detection set, in VOC's and COCO's form: shapes on photos of scikit-learn's.

It can be learnt within minutes and needs no download: for tests, a demo, and trying things out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import simplejpeg

from ppghost.data.datasets.written_folder import content, write_once
from ppghost.data.transforms.parameters import whole_number
from ppghost.errors import InputError
from ppghost.i18n import message_of, tr

NAMES = ("circle", "square", "triangle")
EVERY_FIFTH = 5  # image is for validation
MOST_OBJECTS = 4  # in an image
#: side of an object as a share of the image's shorter side
SMALLEST, LARGEST = 0.22, 0.5
SMALLEST_IMAGE = 32  # pixels
_ATTEMPTS = 20  # to find a place that nothing lies on yet
_QUALITY = 92  # of the JPEGs


class _Shape(NamedTuple):
    label: int
    box: tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels


class _Picture(NamedTuple):
    name: str  # of the file, without its ending
    pixels: np.ndarray  # uint8 [H, W, 3]
    shapes: list[_Shape]


def write_shapes(
    directory: Path,
    images: int = 150,
    size: int = 320,
    seed: int = 0,
    force: bool = False,
    *,
    one_class: bool = False,
) -> dict:
    """Write `images` JPEG files with circles, squares and triangles, and where these are.

    Layout: `images/{train,val}/<number>.jpg`, `annotations/{train,val}/<number>.xml`, the lists
    `train.txt` and `val.txt` of `image xml` lines and `label_list.txt` (PaddleDetection's
    VOCDataSet), and the same as `train.json` and `val.json` (COCODataSet). Every fifth image is for
    validation. An image is up to `size` wide and high and holds one to four objects, in colours,
    sizes and places that depend on `seed` and its number alone.

    The folder appears whole or not at all: it is written under another name beside its place.

    Args:
        directory: where to; may exist if it is empty or holds these data already.
        images: how many, for training and validation together; at least 5.
        size: the longer side in pixels, at least 32; the shorter one is three quarters of it or
            more.
        seed: another one gives other images.
        force: write again over an earlier copy, also over a damaged one.
        one_class: call all of them "shape".

    Returns:
        {"directory", "train", "val", "classes", "boxes", "written"}; "written" is False when the
        complete data were there already.

    Raises:
        InputError: a number that makes no sense, the folder holds something else, or it cannot be
            written.
    """
    directory = Path(directory)
    _check(images, size, seed)
    split: dict[str, list[_Picture]] = {"train": [], "val": []}
    for number, picture in enumerate(_draw_all(images, size, seed), start=1):
        split["val" if number % EVERY_FIFTH == 0 else "train"].append(picture)
    names = ("shape",) if one_class else NAMES
    texts = dict(_texts(split, names))
    written = write_once(
        directory,
        lambda new: _fill(new, split, texts),
        lambda: _holds(directory, split, texts),
        entries={"images", "annotations", *(name for name in texts if "/" not in name)},
        what=tr("these shapes"),
        force=force,
    )
    counts = {part: len(pictures) for part, pictures in split.items()}
    boxes = sum(len(picture.shapes) for pictures in split.values() for picture in pictures)
    return {
        "directory": str(directory), **counts, "classes": len(names), "boxes": boxes,
        "written": written,
    }  # fmt: skip


def _check(images: int, size: int, seed: int) -> None:
    for name, value, least in (
        ("images", images, EVERY_FIFTH),
        ("size", size, SMALLEST_IMAGE),
        ("seed", seed, 0),
    ):
        try:
            whole_number(name, value, least)
        except ValueError as error:
            raise InputError(message_of(error)) from error


def _draw_all(images: int, size: int, seed: int) -> Iterator[_Picture]:
    from sklearn.datasets import load_sample_images  # takes a second to import

    photos = load_sample_images().images
    for number in range(images):
        rng = np.random.default_rng((seed, number))
        yield _draw(f"{number:05d}", photos[rng.integers(len(photos))], size, rng)


def _draw(name: str, photo: np.ndarray, size: int, rng: np.random.Generator) -> _Picture:
    """A piece of the photo with shapes on it, none of which lies on another."""
    sides = [size, int(rng.integers(size * 3 // 4, size + 1))]
    height, width = sides if rng.integers(2) else sides[::-1]
    canvas = _background(photo, height, width, rng)
    shapes: list[_Shape] = []
    for _ in range(rng.integers(1, MOST_OBJECTS + 1)):
        for _ in range(_ATTEMPTS):
            side = int(min(height, width) * rng.uniform(SMALLEST, LARGEST))
            left, top = rng.integers(1, width - side), rng.integers(1, height - side)
            label = int(rng.integers(len(NAMES)))
            mask = _mask(label, side, rng.uniform(0, 2 * np.pi))
            box = _box_of(mask, int(left), int(top))
            if all(_are_apart(box, other.box) for other in shapes):
                area = canvas[top : top + side, left : left + side]
                area += mask[..., None] * (_color(rng) - area)
                shapes.append(_Shape(label, box))
                break
    return _Picture(name, np.rint(canvas).astype(np.uint8), shapes)


def _background(photo: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A random piece of the photo, scaled without a filter: float64 [H, W, 3]."""
    share = rng.uniform(0.4, 1)
    step = share * min(photo.shape[0] / height, photo.shape[1] / width)
    top = rng.uniform(0, photo.shape[0] - step * height)
    left = rng.uniform(0, photo.shape[1] - step * width)
    rows = (top + step * np.arange(height)).astype(int)
    columns = (left + step * np.arange(width)).astype(int)
    return photo[rows][:, columns].astype(np.float64)


def _mask(label: int, side: int, angle: float) -> np.ndarray:
    """How much of each pixel a shape covers: float64 [side, side] of 0 to 1."""
    fine = 4  # points per pixel and direction
    points = (np.arange(side * fine) + 0.5) / (side * fine) * 2 - 1
    y, x = np.meshgrid(points, points, indexing="ij")
    if NAMES[label] == "circle":
        inside = x**2 + y**2 < 1
    else:
        corners = {"square": 4, "triangle": 3}[NAMES[label]]
        directions = angle + 2 * np.pi * np.arange(corners) / corners
        reach = np.cos(np.pi / corners)  # from the middle to a side, where a corner has 1
        sides = [np.cos(d) * x + np.sin(d) * y < reach for d in directions]
        inside = np.logical_and.reduce(sides)
    return inside.reshape(side, fine, side, fine).mean(axis=(1, 3))


def _box_of(mask: np.ndarray, left: int, top: int) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        left + int(columns[0]),
        top + int(rows[0]),
        left + int(columns[-1]) + 1,
        top + int(rows[-1]) + 1,
    )


def _are_apart(box: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return (
        box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]
    )  # fmt: skip


def _color(rng: np.random.Generator) -> np.ndarray:
    """A strong colour: one channel bright, one dark."""
    return rng.permutation([rng.uniform(200, 255), rng.uniform(0, 60), rng.uniform(0, 255)])


def _texts(split: dict[str, list[_Picture]], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every file but the images, as (name, content); a single name is that of every shape."""
    yield "label_list.txt", "\n".join(names) + "\n"
    for part, pictures in split.items():
        lines = (f"images/{part}/{p.name}.jpg annotations/{part}/{p.name}.xml" for p in pictures)
        yield f"{part}.txt", "\n".join(lines) + "\n"
        yield f"{part}.json", json.dumps(_coco(part, pictures, names), indent=1) + "\n"
        for picture in pictures:
            yield f"annotations/{part}/{picture.name}.xml", _voc(picture, names)


def _voc(picture: _Picture, names: Sequence[str]) -> str:
    height, width = picture.pixels.shape[:2]
    lines = [
        "<annotation>",
        f"  <filename>{escape(picture.name)}.jpg</filename>",
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
    ]
    for label, (x1, y1, x2, y2) in picture.shapes:
        corners = f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
        lines += [
            "  <object>",
            f"    <name>{names[label % len(names)]}</name><difficult>0</difficult>",
            f"    <bndbox>{corners}</bndbox>",
            "  </object>",
        ]
    return "\n".join([*lines, "</annotation>"]) + "\n"


def _coco(part: str, pictures: list[_Picture], names: Sequence[str]) -> dict:
    images: list[dict] = []
    annotations: list[dict] = []
    for number, picture in enumerate(pictures, start=1):
        height, width = picture.pixels.shape[:2]
        name = f"images/{part}/{picture.name}.jpg"
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for label, (x1, y1, x2, y2) in picture.shapes:
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": number,
                    "category_id": label % len(names) + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )  # fmt: skip
    categories = [{"id": label + 1, "name": name} for label, name in enumerate(names)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _jpeg(pixels: np.ndarray) -> bytes:
    return simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), _QUALITY, colorsubsampling="444")


def _holds(directory: Path, split: dict[str, list[_Picture]], texts: dict[str, str]) -> bool:
    """Say whether the folder has every file as it would be written."""
    if any(content(directory / name) != text.encode() for name, text in texts.items()):
        return False
    return all(
        content(directory / f"images/{part}/{picture.name}.jpg") == _jpeg(picture.pixels)
        for part, pictures in split.items()
        for picture in pictures
    )


def _fill(directory: Path, split: dict[str, list[_Picture]], texts: dict[str, str]) -> None:
    for part, pictures in split.items():
        for kind in ("images", "annotations"):
            (directory / kind / part).mkdir(parents=True)
        for picture in pictures:
            path = directory / f"images/{part}/{picture.name}.jpg"
            path.write_bytes(_jpeg(picture.pixels))
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
