"""Labels for images that have none, by a trained teacher (`ppghost label`).

What the teacher says of each image is kept in a journal beside the output as soon as it is known.
The labels are made of the journal when all images have been looked at: with another threshold they
come out of it at once.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ppghost.data.build import mean_objects
from ppghost.errors import InputError
from ppghost.inference.answers import Failure, answer_or_error, summary, with_bar
from ppghost.inference.images import find_images
from ppghost.inference.journal import Journal
from ppghost.inference.label_files import Answers, scores_by_class, write_boxes, write_shares
from ppghost.inference.multi_transform import SCALES, Answer, at_scale, identify, load_teacher
from ppghost.inference.thresholds import thresholds_by_count
from ppghost.tasks.factory import task_of
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
    _check(config, Path(images), output)
    if objects_per_image is not None and not detects:
        raise InputError("--objects-per-image is for detectors; a classifier labels each image")
    files = _by_name(Path(images))
    means = _means(config, objects_per_image) if detects and threshold is None else None
    configs = [at_scale(config, scale) for scale in scales or (SCALES if detects else (1.0,))]
    identity = identify(configs, flip)
    class_num = config["Arch"]["class_num"]
    classes = _classes(identity, class_num) if detects else None
    journal = Journal(output.with_name(f"{output.name}.journal"), identity)
    with contextlib.closing(journal):
        failures = _answer_all(configs, flip, files, journal, threads)
        found = {name: journal.answer(name, file) for name, file in files.items()}
    answers = {name: answer for name, answer in found.items() if answer is not None}
    if not answers:
        raise summary(failures, len(files), None)
    if classes is not None:
        limits = _limits(answers, class_num, threshold, means)
        result = write_boxes(output, files, answers, *classes, limits)
    else:
        least = LEAST_SHARE if threshold is None else threshold
        result = write_shares(output, files, answers, class_num, least)
    if failures:
        raise summary(failures, len(files), result)
    return result


def _check(config: dict[str, Any], images: Path, output: Path) -> None:
    if output.suffix != ".json":
        raise InputError("{output}: write to a file that ends in .json", output=output)
    if output.is_dir():
        raise InputError("{output}: is a folder; name a file", output=output)
    if images.resolve() == output.with_suffix(".txt").resolve():
        raise InputError(
            "{images}: a list of that name is written beside {output}; rename one",
            images=images,
            output=output,
        )
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


def _means(config: dict[str, Any], objects_per_image: float | None) -> list[float]:
    """How many objects of each class an image has, in the mean."""
    try:
        means = mean_objects(config)
    except InputError as error:
        raise InputError(
            "how many objects of each class an image has is not known: {error}; give --threshold",
            error=error,
        ) from error
    if objects_per_image is None:
        return means
    return [objects_per_image * mean / sum(means) for mean in means]


def _classes(identity: dict[str, Any], count: int) -> tuple[list[str], list[int]]:
    """Names and category ids of a detector's classes."""
    post = identity["post-processing"]["MultiClassNMS"]
    names = post.get("label_list") or []
    if len(names) != count or None in names:
        raise InputError(
            "the names of the teacher's classes are not known: DataLoader.Eval.dataset is not "
            "here, or of others; give them by Infer.PostProcess.class_id_map_file"
        )
    return names, post.get("category_ids") or list(range(count))


def _answer_all(
    configs: list[dict[str, Any]],
    flip: bool,
    files: Mapping[str, Path],
    journal: Journal,
    threads: int | None,
) -> list[Failure]:
    """Ask for what the journal does not have yet; the errors of images without an answer."""
    left = [name for name, file in files.items() if journal.answer(name, file) is None]
    if len(left) < len(files):
        logger.info("%d of %d images are in %s", len(files) - len(left), len(files), journal.path)
    if not left:
        return []
    failures, tasks = [], [files[name] for name in left]
    teacher, threads = load_teacher(configs, flip), threads or len(os.sched_getaffinity(0))
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


def _limits(
    answers: Answers, classes: int, threshold: float | None, means: Sequence[float] | None
) -> list[float]:
    """Of each class the least score of a label."""
    if means is not None:
        return thresholds_by_count(scores_by_class(answers, classes), means, len(answers))
    return [threshold or 0.0] * classes
