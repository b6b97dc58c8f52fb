"""Images labelled by people, and beside them images labelled by a teacher (`ppghost label`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ppghost.data.annotations import Target
from ppghost.data.datasets.detection import DetectionDataSet
from ppghost.errors import InputError
from ppghost.i18n import tr


class MixedDataSet:
    """A data set, and behind its images those of a second one, which count `weight` times.

    Args:
        labelled: by people.
        pseudo: by a teacher; its classes have the same names, in any order.
        weight: of its images in the loss: of their objects and of their background.
        where: key of `pseudo` in the config, for messages.

    Raises:
        InputError: a teacher of other classes.
    """

    def __init__(
        self, labelled: DetectionDataSet, pseudo: DetectionDataSet, weight: float, where: str
    ) -> None:
        self._labelled, self._pseudo, self._weight = labelled, pseudo, weight
        self.transforms = labelled.transforms
        self.class_names, self.category_ids = labelled.class_names, labelled.category_ids
        self._classes = _renumbering(pseudo, self.class_names, where)

    @property
    def parts(self) -> tuple[int, int]:
        """How many images each of the two has."""
        return len(self._labelled), len(self._pseudo)

    def __len__(self) -> int:
        return sum(self.parts)

    def class_counts(self) -> np.ndarray:
        """How many objects people have labelled of each class: int64 [class_num]."""
        return self._labelled.class_counts()

    def files(self) -> list[str]:
        """The images' full paths, in their order."""
        return self._labelled.files() + self._pseudo.files()

    def fingerprint(self) -> str:
        """The images' names and objects in their order, as a short hash; not where they lie."""
        parts = (self._labelled.fingerprint(), self._pseudo.fingerprint())
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]

    def load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, Target]:
        """Read, decode and transform image `index`: float32 [C, H, W] and its target.

        Raises:
            TrainingError: see `DetectionDataSet.load`.
        """
        first = len(self._labelled)
        if index < first:
            return self._labelled.load(index, rng)
        image, target = self._pseudo.load(index - first, rng)
        objects = replace(target.objects, classes=self._classes[target.objects.classes])
        place = first + target.index
        return image, replace(target, objects=objects, index=place, weight=self._weight)


def _renumbering(pseudo: DetectionDataSet, names: Sequence[str], where: str) -> np.ndarray:
    """The number among `names` of each of the teacher's classes; InputError for other ones."""
    theirs = pseudo.class_names
    differences = [
        text.format(only=", ".join(only))
        for text, only in (
            (tr("only the teacher has {only}"), [name for name in theirs if name not in names]),
            (
                tr("only the labelled images have {only}"),
                [name for name in names if name not in theirs],
            ),
        )
        if only
    ]
    if differences:
        raise InputError(
            "{where}.anno_path: {anno_file} is of a teacher of other classes: {differences}",
            where=where,
            anno_file=pseudo.anno_file,
            differences=tr("; ").join(differences),
        )
    return np.array([list(names).index(name) for name in theirs], np.int64)
