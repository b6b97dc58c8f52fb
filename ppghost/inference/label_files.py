"""A teacher's labels in the forms that data sets read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: of each image its name, and what the teacher says
Answers = Mapping[str, Mapping[str, Any]]


def coco_content(
    answers: Answers, names: Sequence[str], category_ids: Sequence[int], limits: Sequence[float]
) -> dict[str, Any]:
    """A file of COCO's form, for `COCODataSet`.

    Args:
        answers: "size" and "boxes" of each image.
        names: of the classes.
        category_ids: of the classes.
        limits: of each class, the least score of a label.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, answer) in enumerate(answers.items(), start=1):
        height, width = answer["size"]
        images.append({"id": number, "file_name": name, "height": height, "width": width})
        for kind, score, x1, y1, x2, y2 in labels_of(answer, limits):
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


def labels_of(answer: Mapping[str, Any], limits: Sequence[float]) -> list[list]:
    """The boxes that are taken for labels."""
    return [box for box in answer["boxes"] if box[1] >= limits[box[0]]]


def soft_content(answers: Answers, class_num: int, least: float) -> dict[str, Any]:
    """A file of soft labels (`ppghost.data.datasets.soft_labels`).

    Args:
        answers: "shares" of each image.
        class_num: how many classes there are.
        least: share of a class that is told; the first is always.
    """
    images = []
    for name, answer in answers.items():
        told = [
            pair for place, pair in enumerate(answer["shares"]) if not place or pair[1] >= least
        ]
        classes, scores = (list(part) for part in zip(*told, strict=True))
        images.append({"file_name": name, "classes": classes, "scores": scores})
    return {"class_num": class_num, "images": images}


def list_text(answers: Answers) -> str:
    """PaddleClas's list of the images, each with the class of the largest share."""
    return "".join(f"{name} {answer['shares'][0][0]}\n" for name, answer in answers.items())


def beside(output: Path, ending: str) -> Path:
    """The output's path with another ending."""
    return output.with_suffix(ending)
