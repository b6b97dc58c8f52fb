"""Pascal VOC's form: a list of images with an XML file each (PaddleDetection's `VOCDataSet`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppghost.data.datasets import voc_xml
from ppghost.data.datasets.box_labels import BoxLabels
from ppghost.data.datasets.detection import DetectionDataSet
from ppghost.data.datasets.image_files import are_files
from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.text import nearest

#: VOC's own classes, which count where no label list is given
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip


class _Line(NamedTuple):
    image: str
    xml: str
    number: int  # counted from 1


class VOCDataSet(DetectionDataSet):
    """Images listed as `IMAGE XML` lines, both below `image_dir`.

    Boxes are cut at the last pixel but one (width - 1), as in PaddleDetection; what is marked
    difficult is trained on and ignored in an evaluation.

    Args:
        dataset_dir: folder that the other paths are relative to.
        anno_path: the list.
        label_list: file of the classes' names, one a line; VOC's 20 if None.
        image_dir: folder of images and XML files below `dataset_dir`; that one itself if None.
        allow_empty, transform_ops, class_num, on_bad_image, on_bad_box, where: as in
            `DetectionDataSet`. An XML file that is missing or broken is a bad image.

    Raises:
        InputError: as there; a malformed line, a label list with a name twice or none in a line.
    """

    margin = 1

    def __init__(
        self,
        dataset_dir: str | Path,
        anno_path: str | Path,
        label_list: str | Path | None = None,
        image_dir: str | Path | None = None,
        allow_empty: bool = False,
        transform_ops: list[dict] | None = None,
        *,
        class_num: int | None = None,
        on_bad_image: str = "stop",
        on_bad_box: str = "stop",
        where: str = "DataLoader.Train.dataset",
    ) -> None:
        self.label_file = None if label_list is None else Path(dataset_dir) / label_list
        self.class_names = _read_names(self.label_file) if self.label_file else list(VOC_CLASSES)
        self.category_ids = list(range(len(self.class_names)))
        super().__init__(
            dataset_dir, anno_path, image_dir, allow_empty, transform_ops,
            class_num=class_num, on_bad_image=on_bad_image, on_bad_box=on_bad_box, where=where,
        )  # fmt: skip

    def _where(self, key: int) -> str:
        return f"{self.anno_file}:{key}"

    def _read(self) -> BoxLabels:
        lines, contents = self._read_xml_files(_read_lines(self.anno_file))
        numbered = {name: number for number, name in enumerate(self.class_names)}
        owners, places, objects = [], [], []
        for owner, (line, content) in enumerate(zip(lines, contents, strict=True)):
            for found in content.objects:
                owners.append(owner)
                places.append(f"{self.image_root / line.xml}:{found.line}: {found.name!r}")
                objects.append(found)
        return BoxLabels(
            paths=[line.image for line in lines],
            keys=np.array([line.number for line in lines], np.int64),
            sizes=np.array([content[:2] for content in contents], np.int64).reshape(-1, 2),
            owners=np.array(owners, np.int64),
            numbers=np.arange(len(owners)),
            corners=np.array([found.corners for found in objects], np.float64).reshape(-1, 4),
            classes=np.array([numbered.get(found.name, -1) for found in objects], np.int64),
            ignored=np.array([found.difficult for found in objects], bool),
            place=lambda number: f"{places[number]}{self._hint(objects[number].name)}",
        )

    def _hint(self, name: str) -> str:
        if name in self.class_names:
            return ""
        return tr(" is not in {label_file}{nearest}").format(
            label_file=self.label_file or "VOC", nearest=nearest(name, self.class_names)
        )

    def _read_xml_files(self, lines: list[_Line]) -> tuple[list[_Line], list[voc_xml.VOCFile]]:
        """The lines whose XML file can be read, and what it says."""
        good, contents, problems = [], [], []
        exists = are_files(self.image_root, [line.xml for line in lines])
        for line, there in zip(lines, exists, strict=True):
            path = self.image_root / line.xml
            try:
                if not there:
                    raise ValueError(tr(" does not exist"))
                contents.append(_read_xml(path))
                good.append(line)
            except ValueError as error:
                problems.append(f"{self._where(line.number)}: {path}{error}")
        self.bad_images.leave_out(problems, len(lines))
        return good, contents


def read_classes(settings: dict) -> tuple[list[str], list[int]]:
    """Names and category ids of a config's data set, without its images. Raises InputError."""
    label_list = settings.get("label_list")
    names = _read_names(Path(settings["dataset_dir"]) / label_list) if label_list else VOC_CLASSES
    return list(names), list(range(len(names)))


def _read_xml(path: Path) -> voc_xml.VOCFile:
    """Raises ValueError that goes on from the path."""
    try:
        return voc_xml.parse(path.read_bytes())
    except OSError as error:
        raise ValueError(
            tr(" cannot be read ({strerror})").format(strerror=error.strerror)
        ) from error
    except ValueError as error:
        raise ValueError(tr(":{error}").format(error=error)) from error


def _read_text(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()  # Windows writes a BOM
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or tr("not UTF-8 text")
        raise InputError("{path}: cannot be read ({reason})", path=path, reason=reason) from error


def _read_lines(path: Path) -> list[_Line]:
    """The lines of a list; PaddleDetection's rule: two columns, further ones are not looked at."""
    lines = []
    for number, text in enumerate(_read_text(path), start=1):
        if not (columns := text.split()):
            continue
        if len(columns) < 2:
            raise InputError(
                "{path}:{number}: {text!r} is no image and XML file",
                path=path,
                number=number,
                text=text.strip(),
            )
        image, xml = (os.path.normpath(column) for column in columns[:2])
        lines.append(_Line(image, xml, number))
    return lines


def _read_names(path: Path) -> list[str]:
    """One name a line. PaddleDetection counts empty lines too: at the end they mean nothing."""
    names = [line.strip() for line in _read_text(path)]
    while names and not names[-1]:
        names.pop()
    for number, name in enumerate(names, start=1):
        if not name:
            raise InputError(
                "{path}:{number}: an empty line, where a class name has to stand",
                path=path,
                number=number,
            )
        if name in names[: number - 1]:
            raise InputError(
                "{path}:{number}: {name!r} stands in line {index} too",
                path=path,
                number=number,
                name=name,
                index=names.index(name) + 1,
            )
    if not names:
        raise InputError("{path}: no class name in it", path=path)
    return names
