"""A teacher's labels in the forms that data sets read, with a page to look at."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ppghost.i18n import say
from ppghost.inference.label_page import write_page
from ppghost.utils.files import finite, write_text

#: of each image its name, and what the teacher says (`ppghost.inference.multi_transform.Answer`)
Answers = Mapping[str, Mapping[str, Any]]


def write_boxes(
    output: Path,
    files: Mapping[str, Path],
    answers: Answers,
    names: Sequence[str],
    category_ids: Sequence[int],
    limits: Sequence[float],
) -> dict[str, Any]:
    """Write a file of COCO's form, for `COCODataSet`, and the page.

    Args:
        output: the file.
        files: the images by name.
        answers: "size" and "boxes" of each image.
        names: of the classes.
        category_ids: of the classes.
        limits: of each class, the least score of a label.

    Returns:
        The result of `ppghost label`.

    Raises:
        InputError: the place cannot be written to.
    """
    labels = {
        name: [box for box in answer["boxes"] if box[1] >= limits[box[0]]]
        for name, answer in answers.items()
    }
    _write(output, _coco(answers, labels, names, category_ids))
    counts = np.bincount(
        [box[0] for boxes in labels.values() for box in boxes], minlength=len(names)
    ).tolist()
    pictures = [
        (
            files[name],
            [_drawn(box, names) for box in boxes],
            say("{count} labels", count=len(boxes)),
        )
        for name, boxes in labels.items()
    ]
    _write_page(output, list(zip(names, counts, limits, strict=True)), pictures)
    return _result(output, len(answers), sum(counts), min(limits)) | {
        "thresholds": finite(dict(zip(names, limits, strict=True)))
    }


def scores_by_class(answers: Answers, classes: int) -> list[np.ndarray]:
    """Of each class the scores of all its boxes."""
    boxes = [box[:2] for answer in answers.values() for box in answer["boxes"]]
    rows = np.array(boxes, np.float64).reshape(-1, 2)
    return [rows[rows[:, 0] == kind, 1] for kind in range(classes)]


def _coco(
    answers: Answers,
    labels: Mapping[str, list],
    names: Sequence[str],
    category_ids: Sequence[int],
) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, answer) in enumerate(answers.items(), start=1):
        height, width = answer["size"]
        images.append({"id": number, "file_name": name, "height": height, "width": width})
        for kind, score, x1, y1, x2, y2 in labels[name]:
            box = [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": category_ids[kind],
                    "bbox": box,
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                    "score": score,
                }
            )
    categories = [
        {"id": number, "name": name} for number, name in zip(category_ids, names, strict=True)
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def _drawn(box: list, names: Sequence[str]) -> dict[str, Any]:
    kind, score, x1, y1, x2, y2 = box
    bbox = [x1, y1, x2 - x1, y2 - y1]
    return {"class_id": kind, "label": names[kind], "score": score, "bbox": bbox}


def write_shares(
    output: Path, files: Mapping[str, Path], answers: Answers, class_num: int, least: float
) -> dict[str, Any]:
    """Write a file of soft labels (`ppghost.data.datasets.soft_labels`), a list, and the page.

    Args:
        output: the file; PaddleClas's list of the images, each with the class of the largest
            share, is beside it.
        files: the images by name.
        answers: "shares" of each image.
        class_num: how many classes there are.
        least: share of a class that is told; the first one always is.

    Returns:
        The result of `ppghost label`.

    Raises:
        InputError: the place cannot be written to.
    """
    images, best = [], {}
    for name, answer in answers.items():
        first, *rest = answer["shares"]
        told = [first, *(pair for pair in rest if pair[1] >= least)]
        classes, scores = (list(part) for part in zip(*told, strict=True))
        images.append({"file_name": name, "classes": classes, "scores": scores})
        best[name] = first[0]
    _write(output, {"class_num": class_num, "images": images})
    lines = "".join(f"{name} {kind}\n" for name, kind in best.items())
    write_text(output.with_suffix(".txt"), lines)
    counts = np.bincount(list(best.values()), minlength=class_num).tolist()
    pictures: list[tuple[Path, list, str]] = [
        (files[name], [], ", ".join(f"{kind} {share:.2f}" for kind, share in answer["shares"][:3]))
        for name, answer in answers.items()
    ]
    rows = [(str(kind), count, least) for kind, count in enumerate(counts) if count]
    _write_page(output, rows, pictures)
    return _result(output, len(answers), len(answers), least)


def _write(output: Path, content: dict[str, Any]) -> None:
    write_text(output, json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n")


def _write_page(output: Path, rows: Sequence[tuple], pictures: Sequence[tuple]) -> None:
    table = [
        {
            "name": name,
            "labels": count,
            "threshold": f"{limit:.4f}" if math.isfinite(limit) else say("none is taken"),
        }
        for name, count, limit in rows
    ]
    write_page(
        output.with_suffix(".html"), say("Labels of {name}", name=output.name), table, pictures
    )


def _result(output: Path, images: int, labels: int, least: float) -> dict[str, Any]:
    result = {"images": images, "labels": labels, "threshold": least, "output": str(output)}
    return finite(result)
