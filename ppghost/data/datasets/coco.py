"""COCO's form: one JSON file with images, categories and annotations (`COCODataSet`)."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from ppghost.data.datasets.box_labels import BoxLabels, report_bad_boxes
from ppghost.data.datasets.detection import DetectionDataSet
from ppghost.errors import InputError
from ppghost.i18n import tr

#: what arrays hold exactly, as numbers of JSON do
_Id = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_Side = Annotated[float, msgspec.Meta(ge=-(2**53), le=2**53)]


class _Image(msgspec.Struct, gc=False):
    id: _Id
    file_name: str
    height: _Side = 0
    width: _Side = 0


class _Category(msgspec.Struct, gc=False):
    id: _Id
    name: str


class _Annotation(msgspec.Struct, gc=False):
    image_id: int
    category_id: int
    bbox: Any = None  # x, y, width, height; what is wrong is named with its id
    id: int | None = None
    iscrowd: int | bool = 0
    ignore: int | bool = 0


class _File(msgspec.Struct, gc=False):
    """The keys that are read: without segmentations a file takes a tenth of the memory."""

    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation] = []


class COCODataSet(DetectionDataSet):
    """Images, categories and boxes out of a JSON file of COCO's form.

    Classes are the categories in the order of their ids. What is marked iscrowd (or ignore) is not
    trained on, and ignored in an evaluation. `area` is not looked at.
    """

    trains_on_ignored = False

    def _where(self, key: int) -> str:
        return tr("{anno_file}: image id {key}").format(anno_file=self.anno_file, key=key)

    def _read(self) -> BoxLabels:
        content = _decode(self.anno_file)
        images = content.images
        _check_unique("image", [image.id for image in images], self.anno_file)
        self.class_names, self.category_ids = _classes(content.categories, self.anno_file)
        places = {image.id: place for place, image in enumerate(images)}
        annotations = self._of_images(content.annotations, places.keys())
        owners = np.array([places[found.image_id] for found in annotations], np.int64)
        in_order = np.argsort(owners, kind="stable")
        classes = {number: place for place, number in enumerate(self.category_ids)}
        numbered = np.array([classes.get(found.category_id, -1) for found in annotations], np.int64)
        ignored = np.array([bool(found.iscrowd or found.ignore) for found in annotations], bool)
        return BoxLabels(
            paths=[os.path.normpath(image.file_name) for image in images],
            keys=np.array([image.id for image in images], np.int64),
            sizes=np.array([(image.height, image.width) for image in images], np.int64)
            .reshape(-1, 2),
            owners=owners[in_order],
            numbers=in_order,
            corners=_corners([found.bbox for found in annotations])[in_order],
            classes=numbered[in_order],
            ignored=ignored[in_order],
            place=lambda number: self._annotation_place(annotations[number], number),
        )  # fmt: skip

    def _of_images(self, annotations: list[_Annotation], ids: Set[int]) -> list[_Annotation]:
        """Those of an image in the file; others are bad boxes."""
        lost = [number for number, found in enumerate(annotations) if found.image_id not in ids]
        if lost:
            first = annotations[lost[0]]
            report_bad_boxes(
                tr(
                    "{annotation_place}: no image has the id {image_id} ({count} of "
                    "{annotations_count} annotations)"
                ).format(
                    annotation_place=self._annotation_place(first, lost[0]),
                    image_id=first.image_id,
                    count=len(lost),
                    annotations_count=len(annotations),
                ),
                self.skips_boxes,
            )
        return [found for found in annotations if found.image_id in ids]

    def _annotation_place(self, annotation: _Annotation, number: int) -> str:
        name = (
            tr("annotations[{number}]").format(number=number)
            if annotation.id is None
            else tr("annotation {id}").format(id=annotation.id)
        )
        return tr("{anno_file}: {name} (category {category_id})").format(
            anno_file=self.anno_file, name=name, category_id=annotation.category_id
        )


def read_classes(settings: dict) -> tuple[list[str], list[int]]:
    """Names and category ids of a config's data set, without its images. Raises InputError."""
    path = Path(settings["dataset_dir"]) / settings["anno_path"]
    return _classes(_decode(path).categories, path)


def _classes(categories: list[_Category], path: Path) -> tuple[list[str], list[int]]:
    categories = sorted(categories, key=lambda category: category.id)
    if not categories:
        raise InputError("{path}: no categories in it", path=path)
    ids = [category.id for category in categories]
    _check_unique("category", ids, path)
    return [category.name for category in categories], ids


def _decode(path: Path) -> _File:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise InputError(
            "{path}: cannot be read ({strerror})", path=path, strerror=error.strerror or error
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "{path}: not a file of COCO's form ({error})", path=path, error=error
        ) from error


def _check_unique(what: str, ids: list[int], path: Path) -> None:
    seen: set[int] = set()
    for number in ids:
        if number in seen:
            raise InputError(
                "{path}: two of {what} id {number}", path=path, what=what, number=number
            )
        seen.add(number)


def _corners(boxes: Sequence[Any]) -> np.ndarray:
    """x1, y1, x2, y2 of [x, y, width, height]: float64 [B, 4]; NaN for anything else."""
    values = np.array([box if _is_box(box) else (np.nan,) * 4 for box in boxes], np.float64)
    values = values.reshape(-1, 4)
    return np.concatenate((values[:, :2], values[:, :2] + values[:, 2:]), axis=1)


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and set(map(type, value)) <= {int, float}
