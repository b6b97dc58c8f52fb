"""Objects in images, as boxes with classes: what detectors learn from and are measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np


@dataclass
class Objects:
    """The labelled objects of one image.

    Args:
        boxes: float32 [G, 4], x1, y1, x2, y2 in pixels; continuous coordinates, so that a box over
            the whole of an image is (0, 0, width, height).
        classes: int64 [G], from 0.
        ignored: bool [G]; counts neither as hit nor as miss in an evaluation (VOC's difficult,
            COCO's iscrowd).
    """

    boxes: np.ndarray
    classes: np.ndarray
    ignored: np.ndarray

    @classmethod
    def of(
        cls,
        boxes: Sequence | np.ndarray,
        classes: Sequence[int] | np.ndarray,
        ignored: Sequence[bool] | np.ndarray | None = None,
    ) -> Objects:
        """Make arrays of lists; by default nothing is ignored."""
        count = len(classes)
        return cls(
            np.array(boxes, np.float32).reshape(count, 4),
            np.array(classes, np.int64),
            np.zeros(count, bool) if ignored is None else np.array(ignored, bool),
        )

    @classmethod
    def empty(cls) -> Objects:
        """No objects."""
        return cls.of([], [])

    def __len__(self) -> int:
        return len(self.classes)

    def select(self, which: np.ndarray) -> Objects:
        """Return the objects that `which` says, a bool mask [G] or indices."""
        return Objects(self.boxes[which], self.classes[which], self.ignored[which])

    def moved(self, boxes: np.ndarray) -> Objects:
        """Return the same objects at other places, `boxes` [G, 4]."""
        return replace(self, boxes=boxes.astype(np.float32, copy=False))


@dataclass
class Target:
    """What comes with a transformed image.

    Args:
        objects: in pixels of the network's input.
        index: place in the data set of the image that was used; where a broken one is skipped, of
            the one that took its place.
        scale: (x, y), pixels of the input for one of the original image: original = input / scale.
        size: (height, width) of the original image in pixels.
        weight: of the whole image in a loss, its background included; 1 for what people have
            labelled. A teacher may be wrong also where it says that there is nothing.
    """

    objects: Objects
    index: int
    scale: tuple[float, float]
    size: tuple[int, int]
    weight: float = 1.0


@dataclass
class Annotation:
    """What a data set says of one image, in pixels of the original.

    Args:
        path: of the image file.
        size: (height, width) in pixels; of the image's header if the annotation does not say it.
        objects: all of them, also those that are ignored.
        where: file and line, or file and id, for messages.
    """

    path: Path
    size: tuple[int, int]
    objects: Objects
    where: str
