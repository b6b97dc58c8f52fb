"""Average precision of detections: COCO's by pycocotools, and PASCAL VOC's."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ppghost.data.annotations import Annotation
from ppghost.errors import InputError
from ppghost.tasks.detection.voc import average_precision
from ppghost.tasks.task import Processes


class BoxDataset(Protocol):
    """A data set of images with boxes."""

    class_names: list[str]

    def __len__(self) -> int: ...

    def ground_truth(self, index: int) -> Annotation:
        """What the set says of image `index`, in pixels of the original."""


class Found(NamedTuple):
    """What was detected in one image, best first; pixels of the original."""

    classes: np.ndarray  # int64 [R]
    scores: np.ndarray  # [R]
    boxes: np.ndarray  # [R, 4]: x1, y1, x2, y2


class DetectionEvaluation:
    """Collects the detections of a data set, each process its share, and rates them together.

    Args:
        dataset: the images and their boxes.
        entries: `Metric.Eval`.
        most: detections of an image.
    """

    def __init__(self, dataset: BoxDataset, entries: list[dict], most: int) -> None:
        self._dataset, self._entries = dataset, entries
        self._seen = np.zeros(len(dataset))
        # a place for each, so that processes can add them up; rows are class + 1, score, box
        self._rows = np.zeros((len(dataset), most, 6))
        self._losses: dict[str, float] = dict.fromkeys(("loss", "loss_cls", "loss_box"), 0.0)
        self._images = 0

    def add(self, values: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> None:
        """Take in the losses and the detections of a batch."""
        index, scale = labels["index"][:, 0], labels["scale"]
        for name in self._losses:
            self._losses[name] += float(values[name]) * len(index)
        self._images += len(index)
        ends = np.cumsum(values["detection_counts"])
        for image, factor, rows in zip(
            index, scale, np.split(values["detections"], ends[:-1]), strict=True
        ):
            if self._seen[image]:  # a broken image's place was given to this one
                continue
            self._seen[image] = 1
            rows = rows[np.argsort(-rows[:, 1], kind="stable")]
            self._rows[image, : len(rows), 0] = rows[:, 0] + 1
            self._rows[image, : len(rows), 1] = rows[:, 1]
            self._rows[image, : len(rows), 2:] = rows[:, 2:] / np.tile(factor, 2)

    def metrics(self, processes: Processes) -> dict[str, Any]:
        """The losses, "samples", what `Metric.Eval` asks for, and "classes" with each class's."""
        *losses, images = processes.sum(np.array([*self._losses.values(), self._images])).tolist()
        rows, seen = processes.sum(self._rows), processes.sum(self._seen)
        indices = np.flatnonzero(seen).tolist()
        # more than one process may have been given an image in a broken one's place
        found = [_found(rows[index] / seen[index]) for index in indices]
        truth = [self._dataset.ground_truth(index) for index in indices]
        metrics: dict[str, Any] = {
            name: total / images for name, total in zip(self._losses, losses, strict=True)
        }
        names = self._dataset.class_names
        classes: dict[str, dict[str, float]] = {}
        for entry in self._entries:
            [(kind, settings)] = entry.items()
            if kind == "COCOMetric":
                whole, classes = coco_metrics(truth, found, names)
                metrics |= whole
            else:
                metrics |= _voc_metrics(settings, truth, found, len(names))
        return {**metrics, "samples": int(images)} | ({"classes": classes} if classes else {})


def _found(rows: np.ndarray) -> Found:
    rows = rows[rows[:, 0] > 0]
    return Found(np.rint(rows[:, 0]).astype(np.int64) - 1, rows[:, 1], rows[:, 2:])


def coco_metrics(
    truth: Sequence[Annotation], found: Sequence[Found], names: Sequence[str]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """COCO's average precisions: of all classes, of objects whatever their class, of each class.

    "AP" is the mean over overlaps of 0.5, 0.55, ... 0.95, "AP50" and "AP75" are those at one;
    "class_agnostic_AP50" takes every object and every detection as of one class. -1 where there is
    no object.

    Args:
        truth: of each image.
        found: in each image.
        names: of the classes.

    Returns:
        The metrics by name, and {name of a class: {"AP", "AP50"}}.
    """
    precision = _coco_precision(truth, found, len(names))
    merged = [part._replace(classes=np.zeros_like(part.classes)) for part in found]
    agnostic = _coco_precision(truth, merged, 1)
    whole = {
        "AP": _mean(precision),
        "AP50": _mean(precision[0]),
        "AP75": _mean(precision[5]),
        "class_agnostic_AP50": _mean(agnostic[0]),
        "class_agnostic_AP": _mean(agnostic),
    }
    of_each = {
        name: {"AP": _mean(precision[:, :, k]), "AP50": _mean(precision[0, :, k])}
        for k, name in enumerate(names)
    }
    return whole, of_each


def _mean(precision: np.ndarray) -> float:
    """pycocotools marks a class without objects by -1."""
    known = precision[precision > -1]
    return float(known.mean()) if len(known) else -1.0


def _coco_precision(
    truth: Sequence[Annotation], found: Sequence[Found], class_num: int
) -> np.ndarray:
    """Precision by overlap, recall and class, [10, 101, class_num]; of objects of any size."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    objects = [
        _entry(image, 0 if class_num == 1 else int(kind), box, iscrowd=int(ignored))
        for image, annotation in enumerate(truth)
        for box, kind, ignored in zip(
            annotation.objects.boxes, annotation.objects.classes, annotation.objects.ignored,
            strict=True,
        )
    ]  # fmt: skip
    detections = [
        _entry(image, int(kind), box, score=float(score))
        for image, part in enumerate(found)
        for kind, score, box in zip(part.classes, part.scores, part.boxes, strict=True)
    ]
    if not detections or not objects:
        known = {entry["category_id"] for entry in objects}
        precision = np.full((10, 101, class_num), -1.0)
        precision[:, :, sorted(known)] = 0.0
        return precision
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints what it does
        images = [{"id": image} for image in range(len(truth))]
        categories = [{"id": number} for number in range(class_num)]
        evaluation = COCOeval(
            _coco(COCO, images, categories, objects),
            _coco(COCO, images, categories, detections),
            "bbox",
        )
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, 2]


def _entry(image: int, kind: int, box: np.ndarray, **more: Any) -> dict[str, Any]:
    x1, y1, x2, y2 = (float(value) for value in box)
    bbox = [x1, y1, x2 - x1, y2 - y1]
    area = bbox[2] * bbox[3]
    return {"image_id": image, "category_id": kind, "bbox": bbox, "area": area, "iscrowd": 0} | more


def _coco(make: Any, images: list[dict], categories: list[dict], entries: list[dict]) -> Any:
    """A pycocotools.coco.COCO of these; ids count from 1, for it takes 0 for no match."""
    numbered = [entry | {"id": number} for number, entry in enumerate(entries, start=1)]
    coco = make()
    coco.dataset = {"images": images, "categories": categories, "annotations": numbered}
    coco.createIndex()
    return coco


def _voc_metrics(
    settings: dict, truth: Sequence[Annotation], found: Sequence[Found], class_num: int
) -> dict[str, float]:
    """PASCAL VOC's mean average precision, under a name that says which one."""
    by_class = []
    for kind in range(class_num):
        value = average_precision(
            [
                (part.objects.boxes[mine], part.objects.ignored[mine])
                for part in truth
                for mine in [part.objects.classes == kind]
            ],
            [
                (part.scores[mine], part.boxes[mine])
                for part in found
                for mine in [part.classes == kind]
            ],
            overlap=settings["overlap_thresh"],
            map_type=settings["map_type"],
        )
        if value is not None:
            by_class.append(value)
    return {voc_name(settings): float(np.mean(by_class)) if by_class else -1.0}


def voc_name(settings: dict) -> str:
    """What the figure of a VOCMetric is called: which of VOC's ways it is."""
    return f"VOC_AP_{settings['map_type']}"


def check_metrics(entries: list[dict]) -> None:
    """Raise InputError for a `Metric.Eval` with metrics that are not for detectors."""
    for name in (name for entry in entries for name in entry):
        if name not in ("COCOMetric", "VOCMetric"):
            raise InputError(
                "Metric.Eval is {name}: a detector takes `- COCOMetric:` or `- VOCMetric:`",
                name=name,
            )


def primary_name(entries: list[dict]) -> str:
    """The first average precision of a `Metric.Eval`."""
    [(kind, settings)] = entries[0].items()
    return "AP" if kind == "COCOMetric" else voc_name(settings)
