"""Labels for images that have none, by a trained teacher (`ppghost label`).

What the teacher says of each image is kept in a journal beside the output as soon as it is known.
The labels are made of the journal when all images have been looked at: with another threshold they
come out of it at once.
"""

import contextlib
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ppghost.data.build import mean_objects
from ppghost.errors import InputError
from ppghost.inference.answers import Failure, answer_or_error, summary, with_bar
from ppghost.inference.images import find_images
from ppghost.inference.journal import Journal
from ppghost.inference.label_files import (
    Answers,
    beside,
    coco_content,
    labels_of,
    list_text,
    soft_content,
)
from ppghost.inference.label_page import write_page
from ppghost.inference.multi_transform import SCALES, Answer, DetectingTeacher, load_teacher
from ppghost.inference.thresholds import thresholds_by_count
from ppghost.tasks.factory import task_of
from ppghost.utils.files import finite, write_json, write_text
from ppghost.utils.paddle_inference import run_in_threads
from ppghost.weights.pretrained import pretrained_path

logger = logging.getLogger(__name__)

#: of a classifier: a class with a smaller share is not told apart from the others
LEAST_SHARE = 0.001


def label(
    config: dict[str, Any],
    images: str | Path,
    output: str | Path,
    *,
    threshold: float | None = None,
    objects_per_image: float | None = None,
    scales: Sequence[float] | None = None,
    flip: bool = True,
    threads: int | None = None,
) -> dict[str, Any]:
    """Label images by the network of a config.

    Of a detector `output` is a file of COCO's form, of a classifier one of soft labels with a list
    of the images (.txt) beside it. A page (.html) beside it shows a sample.

    Args:
        config: a checked configuration; `Global.pretrained_model` names the weights.
        images: a folder, a list of images (.txt), a glob or an image; names in the output are
            relative to the folder, or to that which the list is in.
        output: a .json file. Beside it lies the journal, from which a run that was interrupted goes
            on, and with it a run with another threshold.
        threshold: least score of a label; of a classifier the least share that is told.
        objects_per_image: how many labels an image has, in the mean, shared by the classes as in
            the training set. Without both each class has as many as there.
        scales: image sizes over the config's; `SCALES` of a detector, 1 of a classifier if None.
        flip: look at the mirrored image too.
        threads: of the CPU; as many as this process may use if None.

    Returns:
        {"images", "labels": how many each, "threshold": the least score of a label, None if there
        is none, "thresholds": of each class, by name, "output"}.

    Raises:
        InputError: no weights, no images, a place that cannot be written to, a journal of another
            teacher; or images that cannot be answered, after all others were and the files were
            written: its `result` is what would have been returned.
        CheckFailed: the same, where the scores of an image are no numbers.
    """
    output = Path(output)
    detects = task_of(config) == "detection"
    _check(config, output)
    if objects_per_image is not None and not detects:
        raise InputError("--objects-per-image is for detectors; a classifier labels each image")
    files = _by_name(Path(images))
    means = _means(config, objects_per_image) if detects and threshold is None else None
    teacher, identity = load_teacher(config, scales or (SCALES if detects else (1.0,)), flip)
    if detects and len(teacher.detectors[0].labels) != config["Arch"]["class_num"]:
        raise InputError(
            "the names of the teacher's classes are not known: DataLoader.Eval.dataset is not "
            "here; give them by Infer.PostProcess.class_id_map_file"
        )
    journal = Journal(output.with_name(f"{output.name}.journal"), identity)
    with contextlib.closing(journal):
        failures = _answer_all(teacher, files, journal, threads or len(os.sched_getaffinity(0)))
        found = {name: journal.answer(name, file) for name, file in files.items()}
    answers = {name: answer for name, answer in found.items() if answer is not None}
    if not answers:
        raise summary(failures, len(files), None)
    if detects:
        limits_of = partial(_limits, threshold=threshold, means=means)
        result = _write_boxes(output, files, answers, teacher, limits_of)
    else:
        least = LEAST_SHARE if threshold is None else threshold
        result = _write_shares(output, files, answers, config["Arch"]["class_num"], least)
    if failures:
        raise summary(failures, len(files), result)
    return result


def _check(config: dict[str, Any], output: Path) -> None:
    if output.suffix != ".json":
        raise InputError(f"{output}: write to a file that ends in .json")
    if output.is_dir():
        raise InputError(f"{output}: is a folder; name a file")
    if pretrained_path(config) is None:
        raise InputError(
            "Global.pretrained_model is missing; give the teacher's weights, with "
            "-o Global.pretrained_model=PATH"
        )


def _by_name(source: Path) -> dict[str, Path]:
    """The images by what the output calls them, each once."""
    root = source if source.is_dir() else source.parent
    found = find_images([source])
    return {Path(os.path.relpath(file, root)).as_posix(): file for file in found}


def _means(config: dict[str, Any], objects_per_image: float | None) -> dict[str, float]:
    """How many objects of each class an image has, in the mean."""
    try:
        means = mean_objects(config)
    except InputError as error:
        raise InputError(
            f"how many objects of each class an image has is not known: {error}; give --threshold"
        ) from error
    if objects_per_image is None:
        return means
    whole = sum(means.values())
    return {name: objects_per_image * mean / whole for name, mean in means.items()}


def _answer_all(
    teacher: Any, files: Mapping[str, Path], journal: Journal, threads: int
) -> list[Failure]:
    """Ask for what the journal does not have yet; the errors of images without an answer."""
    left = [name for name, file in files.items() if journal.answer(name, file) is None]
    if len(left) < len(files):
        logger.info("%d of %d images are in %s", len(files) - len(left), len(files), journal.path)
    failures = []
    tasks = [files[name] for name in left]
    answers: Iterator[Answer | Failure] = run_in_threads(teacher, threads, answer_or_error, tasks)
    try:
        for name, answer in zip(left, with_bar(answers, len(left)), strict=True):
            if isinstance(answer, Answer):
                journal.add(name, files[name], answer)
            else:
                logger.warning("%s", answer)
                failures.append(answer)
    except KeyboardInterrupt:
        logger.warning("the same command goes on from %s", journal.path)
        raise
    return failures


def _write_boxes(
    output: Path,
    files: Mapping[str, Path],
    answers: Answers,
    teacher: DetectingTeacher,
    limits_of: Callable[[dict[str, np.ndarray], int], list[float]],
) -> dict[str, Any]:
    detector = teacher.detectors[0]
    names = [str(name) for name in detector.labels]
    scores = _scores(answers, len(names))
    limits = limits_of(dict(zip(names, scores, strict=True)), len(answers))
    ids = detector.category_ids or list(range(len(names)))
    write_json(output, coco_content(answers, names, ids, limits))
    counts = [int((found >= limit).sum()) for found, limit in zip(scores, limits, strict=True)]
    rows = [
        {"name": name, "labels": count, "threshold": _shown(limit)}
        for name, count, limit in zip(names, counts, limits, strict=True)
    ]
    told = [(files[name], _drawn(answer, limits, names)) for name, answer in answers.items()]
    pictures = [(file, boxes, f"{len(boxes)} labels") for file, boxes in told]
    write_page(beside(output, ".html"), f"Labels of {output.name}", rows, pictures)
    return _result(output, len(answers), sum(counts), dict(zip(names, limits, strict=True)))


def _limits(
    scores: Mapping[str, np.ndarray],
    images: int,
    threshold: float | None,
    means: Mapping[str, float] | None,
) -> list[float]:
    """Of each class the least score of a label."""
    if threshold is not None or means is None:
        return [threshold or 0.0] * len(scores)
    of_each = [means.get(name, 0.0) for name in scores]
    return thresholds_by_count(list(scores.values()), of_each, images)


def _scores(answers: Answers, classes: int) -> list[np.ndarray]:
    """Of each class the scores of all its boxes."""
    boxes = [box[:2] for answer in answers.values() for box in answer["boxes"]]
    rows = np.array(boxes, np.float64).reshape(-1, 2)
    return [rows[rows[:, 0] == kind, 1] for kind in range(classes)]


def _drawn(
    answer: Mapping[str, Any], limits: Sequence[float], names: Sequence[str]
) -> list[dict[str, Any]]:
    return [
        {"class_id": kind, "label": names[kind], "score": score, "bbox": [x, y, right - x, end - y]}
        for kind, score, x, y, right, end in labels_of(answer, limits)
    ]


def _write_shares(
    output: Path, files: Mapping[str, Path], answers: Answers, class_num: int, least: float
) -> dict[str, Any]:
    write_json(output, soft_content(answers, class_num, least))
    write_text(beside(output, ".txt"), list_text(answers))
    best = [answer["shares"][0][0] for answer in answers.values()]
    rows = [
        {"name": kind, "labels": count, "threshold": _shown(least)}
        for kind, count in enumerate(np.bincount(best, minlength=class_num).tolist())
    ]
    pictures: list[tuple[Path, list, str]] = [
        (files[name], [], ", ".join(f"{kind} {share:.2f}" for kind, share in answer["shares"][:3]))
        for name, answer in answers.items()
    ]
    write_page(beside(output, ".html"), f"Labels of {output.name}", rows, pictures)
    return _result(output, len(answers), len(answers), {"": least}) | {"thresholds": {}}


def _shown(limit: float) -> str:
    return f"{limit:.4f}" if math.isfinite(limit) else "none is taken"


def _result(
    output: Path, images: int, labels: int, thresholds: Mapping[str, float]
) -> dict[str, Any]:
    least = min(thresholds.values())
    return {
        "images": images,
        "labels": labels,
        "threshold": finite(least),
        "thresholds": finite(dict(thresholds)),
        "output": str(output),
    }
