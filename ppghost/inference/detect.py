"""Boxes with classes and scores for images, from an exported detector and nothing else."""

import copy
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ppghost.errors import CheckFailed, InputError
from ppghost.inference.answers import Failure, Image, answer_or_error, collect, name_of
from ppghost.inference.image_model import ImageModel
from ppghost.inference.labels import read_labels
from ppghost.inference.preprocess import ImageReader
from ppghost.utils.paddle_inference import Engine, run_in_threads


class DetectedBox(NamedTuple):
    """An object in an image.

    Attributes:
        class_id: from 0.
        category_id: what the annotations call the class.
        label: its name, None where it has no known one.
        score: above the model's threshold, up to 1.
        bbox: x, y, width, height in pixels of the image, as COCO has it.
    """

    class_id: int
    category_id: int
    label: str | None
    score: float
    bbox: list[float]


class Detector:
    """An exported detector, ready for images; as `ppghost.inference.predict.Predictor` is.

    Args:
        model_dir: the folder of an exported detector with its inference.yml.

    Raises:
        InputError: a file is missing or damaged, or the program holds an operator that does more
            than compute.
    """

    def __init__(self, model_dir: str | Path) -> None:
        self._model_dir = Path(model_dir)
        self._read = ImageReader(self._model_dir)
        post = self._read.description["PostProcess"]["MultiClassNMS"] or {}
        self.labels: list[str | None] = post.get("label_list") or []
        self._categories: list[int] = post.get("category_ids") or []
        self._model = ImageModel(self._model_dir)
        self._engine = self._model.engine
        if self._read.description.get("Global", {}).get("exclude_post_process"):
            raise InputError(
                "{model_dir}: gives what its network computes, and no boxes; export it "
                "without --exclude-post-process",
                model_dir=model_dir,
            )

    def clone(self) -> "Detector":
        """The same for another thread, with the same weights in memory."""
        other = copy.copy(self)
        other._engine = self._engine.clone()
        return other

    def __call__(self, image: Image) -> list[DetectedBox]:
        """The objects of one image, the surest first.

        Args:
            image: an image file, or RGB pixels, uint8 [H, W, 3], of any size.

        Raises:
            InputError: not an image that can be read, or one that the model does not take.
            CheckFailed: the scores are no numbers.
        """
        return self._detect(self._engine, image)

    def of_each(
        self, images: Sequence[Image], threads: int
    ) -> Iterator[list[DetectedBox] | Failure]:
        """A call's answer for each of many images, or the error that it would raise."""

        def answer(engine: Engine, image: Image) -> list[DetectedBox] | Failure:
            return answer_or_error(self._detect, engine, image)

        return run_in_threads(self._engine, threads, answer, images)

    def _detect(self, engine: Engine, image: Image) -> list[DetectedBox]:
        tensor, scale = self._read.with_scale(image)
        rows, *counts = self._model.run(engine, [self._model.check(tensor, image)])
        if rows.ndim != 2 or rows.shape[1] != 6:
            raise InputError(
                "{model_dir}: gives {shape}, no rows of detections",
                model_dir=self._model_dir,
                shape=list(rows.shape),
            )
        if np.isnan(rows).any():
            raise CheckFailed(
                "{name_of}: the scores are NaN; are the model's weights?", name_of=name_of(image)
            )
        if counts:  # of a model that takes several images at once: those of the first
            rows = rows[: int(counts[0][0])]
        rows = rows[np.argsort(-rows[:, 1], kind="stable")]
        rows[:, 2:] /= np.tile(np.array(scale, np.float32), 2)
        return [self._box(row.tolist()) for row in rows]

    def _box(self, row: list[float]) -> DetectedBox:
        number, score, x1, y1, x2, y2 = row
        index = int(number)
        return DetectedBox(
            class_id=index,
            category_id=self._categories[index] if index < len(self._categories) else index,
            label=self.labels[index] if index < len(self.labels) else None,
            score=score,
            bbox=[round(value, 2) for value in (x1, y1, x2 - x1, y2 - y1)],
        )


def detect(
    model_dir: str | Path,
    images: Sequence[str | Path],
    labels: str | Path | None = None,
    *,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """The objects in image files, as `ppghost predict` tells them.

    Args:
        model_dir: the folder of an exported detector.
        images: image files.
        labels: a file of class names in place of those of inference.yml.
        threads: of the CPU; as many as this process may use if None.

    Returns:
        [{"image", "boxes": [{"class_id", "category_id", "label", "score", "bbox"}]}], as
        `ppghost.inference.answers.collect` says.

    Raises:
        InputError: no such model or label file; or images that cannot be answered.
        CheckFailed: the scores of an image are no numbers.
    """
    detector = Detector(model_dir)
    if labels is not None:
        detector.labels = read_labels(Path(labels))
    threads = threads or len(os.sched_getaffinity(0))
    answers = detector.of_each(images, threads)
    return collect(images, answers, "boxes", DetectedBox._asdict)
