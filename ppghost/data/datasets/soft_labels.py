"""Soft labels: what share of each class a teacher sees in an image (`ppghost label`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from ppghost.errors import InputError
from ppghost.i18n import tr

#: how far the shares of an image, which are rounded, may be above 1 together
_ROUNDED = 1e-3


class SoftImage(msgspec.Struct, gc=False):
    """The classes with the largest shares; what is left to 1 is shared equally by all others."""

    file_name: str
    classes: list[Annotated[int, msgspec.Meta(ge=0)]]
    scores: list[Annotated[float, msgspec.Meta(ge=0, le=1)]]


class SoftFile(msgspec.Struct, gc=False):
    """The file's form; further keys are not looked at."""

    class_num: Annotated[int, msgspec.Meta(ge=1)]
    images: list[SoftImage]


class SoftLabels:
    """The shares of the classes for each image of a list.

    Args:
        path: the file.
        names: of the list's images, as the file says them.
        labels: the list's class ids, int64 [N], of images that the file does not have.
        class_num: the network's; the file's if None.

    Raises:
        InputError: not such a file, one of another number of classes, or of none of the images.
    """

    def __init__(
        self, path: Path, names: Sequence[str], labels: np.ndarray, class_num: int | None
    ) -> None:
        content = _read(path)
        self.class_num = content.class_num
        if class_num not in (None, self.class_num):
            raise InputError(
                "{path} is of a teacher of {class_num} classes, Arch.class_num is {class_num2}",
                path=path,
                class_num=self.class_num,
                class_num2=class_num,
            )
        of_name = {image.file_name: image for image in content.images}
        found = [of_name.get(name) for name in names]
        if not any(found):
            raise InputError(
                "{path} has none of the {count} images of the list: {first}",
                path=path,
                count=len(names),
                first=names[0],
            )
        parts = list(_shares(found, labels))
        #: the classes and shares of image i stand from _starts[i] to _starts[i + 1]
        self._starts = np.cumsum([0, *(len(classes) for classes, _ in parts)])
        self._classes = np.concatenate([np.array(classes, np.int64) for classes, _ in parts])
        self._scores = np.concatenate([np.array(scores, np.float32) for _, scores in parts])

    def __getitem__(self, index: int) -> np.ndarray:
        """The label of an image, float32 [class_num], whose sum is 1."""
        start, end = self._starts[index : index + 2]
        classes, scores = self._classes[start:end], self._scores[start:end]
        others = max(self.class_num - len(classes), 1)
        row = np.full(self.class_num, max(1 - scores.sum(), 0) / others, np.float32)
        row[classes] = scores
        return row / row.sum()

    def digest(self) -> bytes:
        """A hash of all labels."""
        digest = hashlib.sha256()
        for values in (self._starts, self._classes, self._scores):
            digest.update(values.tobytes())
        return digest.digest()


def _shares(found: Sequence[SoftImage | None], labels: np.ndarray) -> Iterator[tuple[list, list]]:
    for image, label in zip(found, labels.tolist(), strict=True):
        yield ([label], [1.0]) if image is None else (image.classes, image.scores)


def _read(path: Path) -> SoftFile:
    try:
        content = msgspec.json.decode(path.read_bytes(), type=SoftFile)
    except OSError as error:
        raise InputError(
            "{path}: cannot be read ({strerror})", path=path, strerror=error.strerror or error
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "{path}: not a file of soft labels ({error})", path=path, error=error
        ) from error
    for image in content.images:
        if problem := _problem(image, content.class_num):
            raise InputError(
                "{path}: image {file_name}: {problem}",
                path=path,
                file_name=image.file_name,
                problem=problem,
            )
    return content


def _problem(image: SoftImage, class_num: int) -> str | None:
    if len(image.classes) != len(image.scores) or not image.classes:
        return tr("{count} classes and {image_count} scores").format(
            count=len(image.classes), image_count=len(image.scores)
        )
    if max(image.classes) >= class_num:
        return tr("class id {classes} is not in 0..{class_num}").format(
            classes=max(image.classes), class_num=class_num - 1
        )
    if len(set(image.classes)) < len(image.classes):
        return tr("names a class twice")
    if sum(image.scores) > 1 + _ROUNDED:
        return tr("the scores' sum is {scores:g}, above 1").format(scores=sum(image.scores))
    return None
