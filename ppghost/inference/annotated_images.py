"""Images with annotated boxes as an exported detector's inputs, and how well it finds the boxes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ppghost.data.datasets.coco import COCODataSet
from ppghost.data.datasets.list_files import read_list
from ppghost.data.datasets.voc import VOCDataSet
from ppghost.errors import InputError
from ppghost.inference.preprocess import ImageReader, ListedImages, detects
from ppghost.tasks.detection.evaluation import Found, coco_metrics

#: the classes of a data set of VOC's form, beside its lists
LABEL_LIST = "label_list.txt"


class AnnotatedImages:
    """The images of an annotation file as network inputs: (float32 [C, H, W], None) each.

    Args:
        model_dir: the folder of an exported detector.
        annotations: a COCO file (.json), or a VOC list of `image xml` lines with a label_list.txt
            beside it (VOC's own classes without one).
        root: what the paths are relative to; the folder of `annotations` if None.

    Raises:
        InputError: no model, broken annotations, or other classes than the model's.
    """

    def __init__(self, model_dir: Path, annotations: Path, root: Path | None = None) -> None:
        self._read = ImageReader(model_dir)
        self._dataset = _open(annotations, annotations.parent if root is None else root)
        names = (self._read.description["PostProcess"]["MultiClassNMS"] or {}).get("label_list")
        if names and names != self._dataset.class_names:
            raise InputError(
                "{annotations}: its classes ({class_names}, ...) are not those of "
                "{model_dir} ({names}, ...)",
                annotations=annotations,
                class_names=", ".join(self._dataset.class_names[:5]),
                model_dir=model_dir,
                names=", ".join(names[:5]),
            )
        self._scales: dict[int, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> tuple[np.ndarray, None]:
        image, self._scales[index] = self._read.with_scale(self._dataset.ground_truth(index).path)
        return image, None

    def average_precisions(
        self, places: Sequence[int], rows: Sequence[np.ndarray]
    ) -> dict[str, float]:
        """COCO's average precisions of what was found in some of the images (`coco_metrics`).

        Args:
            places: of the images; each was asked for before.
            rows: in each, (class, score, x1, y1, x2, y2) in pixels of the input, float32 [R, 6].
        """
        truth = [self._dataset.ground_truth(place) for place in places]
        found = [_found(part, self._scales[at]) for at, part in zip(places, rows, strict=True)]
        return coco_metrics(truth, found, self._dataset.class_names)[0]


def calibration_images(
    model_dir: Path, file: Path, root: Path | None = None
) -> ListedImages | AnnotatedImages:
    """The images of a file in any of the forms that a model of its kind takes.

    Args:
        model_dir: the folder of an exported model.
        file: a list, or annotations where the model is a detector.
        root: what its paths are relative to; its folder if None.

    Raises:
        InputError: as `ListedImages` and `AnnotatedImages`.
    """
    if detects(ImageReader(model_dir).description) and _is_annotated(file):
        return AnnotatedImages(model_dir, file, root)
    return ListedImages(model_dir, file, root)


def _is_annotated(file: Path) -> bool:
    if file.suffix.lower() == ".json":
        return True
    lines = read_list(file)
    return bool(lines) and lines[0][1].lower().endswith(".xml")


def _open(annotations: Path, root: Path) -> COCODataSet | VOCDataSet:
    path, where = annotations.absolute(), str(annotations)
    if annotations.suffix.lower() == ".json":
        return COCODataSet(root, path, allow_empty=True, where=where)
    labels = path.with_name(LABEL_LIST)
    label_list = labels if labels.is_file() else None
    return VOCDataSet(root, path, label_list, allow_empty=True, where=where)


def _found(rows: np.ndarray, scale: tuple[float, float]) -> Found:
    rows = rows[np.argsort(-rows[:, 1], kind="stable")]
    boxes = rows[:, 2:] / np.tile(np.array(scale, np.float32), 2)
    return Found(rows[:, 0].astype(np.int64), rows[:, 1], boxes)
