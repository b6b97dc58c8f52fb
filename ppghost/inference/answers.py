"""Answers to many images: with a bar, and with one error at the end for those that have none."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ppghost.errors import CheckFailed, InputError
from ppghost.i18n import message_of, say, tr

logger = logging.getLogger(__name__)

Image = str | Path | np.ndarray
#: what a user can mend, or a model that computes nonsense
Failure = InputError | CheckFailed


def name_of(image: Image) -> str:
    """An image, for messages."""
    return tr("image") if isinstance(image, np.ndarray) else str(image)


def answer_or_error(function: Callable, *arguments: Any) -> Any:
    """What a function returns, or the expected error that it raises."""
    try:
        return function(*arguments)
    except (InputError, CheckFailed) as error:
        return error


def collect(
    images: Sequence[str | Path],
    answers: Iterator[list | Failure],
    key: str,
    describe: Callable[[Any], dict[str, Any]],
) -> list[dict[str, Any]]:
    """The results of images, as `ppghost predict` tells them.

    Args:
        images: image files.
        answers: to each, in order.
        key: of what was found.
        describe: says what was found, one by one.

    Returns:
        [{"image", key: [...]}]; an image that cannot be answered has none and "error", one line.

    Raises:
        InputError: images that cannot be answered, after all others were: its `result` is what
            would have been returned.
        CheckFailed: the same, where what the model says of an image is no number.
    """
    results: list[dict[str, Any]] = []
    failures: list[Failure] = []
    for image, answer in zip(images, with_bar(answers, len(images)), strict=True):
        result: dict[str, Any] = {"image": str(image), key: []}
        if isinstance(answer, list):
            result[key] = [describe(found) for found in answer]
        else:
            failures.append(answer)
            result["error"] = message_of(answer)
        results.append(result)
    if failures:
        raise summary(failures, len(results), results)
    return results


def with_bar(answers: Iterator, count: int) -> Iterable:
    """The answers, with a bar on a terminal if they take more than a second."""
    from tqdm import tqdm

    hidden = None if logger.isEnabledFor(logging.INFO) else True  # None: shown on a terminal alone
    return tqdm(answers, total=count, unit=say("image"), delay=1, leave=False, disable=hidden)


def summary(failures: list[Failure], images: int, result: Any) -> Failure:
    """What is raised for some of `images` that have no answer; scores of NaN count most."""
    worst = next((error for error in failures if isinstance(error, CheckFailed)), failures[0])
    error = type(worst)(
        tr("{count} of {images} images could not be answered, for instance {worst}").format(
            count=len(failures), images=images, worst=worst
        )
        if images > 1
        else message_of(worst)
    )
    error.result = result
    return error
