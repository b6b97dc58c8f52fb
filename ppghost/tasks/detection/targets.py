"""What each anchor of an image is to predict, assigned where batches are made: no Paddle here."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ppghost.data.annotations import Target
from ppghost.data.workers import Labels
from ppghost.models.anchors import AnchorGrid

#: overlap (IoU) from which an anchor is an object's, and below which it is background
POSITIVE, NEGATIVE = 0.5, 0.4
#: an anchor between the two: no part of the loss
IGNORED = -1
#: exp(dh) is at most this, so that no box grows without bounds (Detectron's)
MAX_LOG_RATIO = float(np.log(1000 / 16))


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [N, 4] and [M, 4] (x1, y1, x2, y2): float32 [N, M]."""
    upper = np.maximum(first[:, None, :2], second[None, :, :2])
    lower = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(lower - upper, 0, None), axis=-1)
    union = _areas(first)[:, None] + _areas(second)[None] - shared
    return np.where(shared > 0, shared / np.where(union > 0, union, 1), 0).astype(np.float32)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def assign(anchors: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Each anchor's object: its index, IGNORED, or -2 for background; int64 [A].

    As in PaddleDetection's MaxIoUAssigner: that of the highest overlap if it is at least POSITIVE;
    an anchor that no other one exceeds for some object is not left out, however small the overlap.

    Args:
        anchors: [A, 4].
        boxes: of the objects, [G, 4].
    """
    if not len(boxes):
        return np.full(len(anchors), -2, np.int64)
    iou = overlaps(boxes, anchors)
    best, value = iou.argmax(axis=0), iou.max(axis=0)
    highest = iou.max(axis=1, keepdims=True)
    chosen = ((iou == highest) & (iou > 0)).any(axis=0) | (value >= POSITIVE)
    return np.where(chosen, best, np.where(value < NEGATIVE, -2, IGNORED))


def encode(anchors: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The deltas (dx, dy, dw, dh) that move anchors [A, 4] to boxes [A, 4]; float32 [A, 4]."""
    own, wanted = _centers_and_sizes(anchors), _centers_and_sizes(boxes)
    shift = (wanted[0] - own[0]) / own[1]
    return np.concatenate([shift, np.log(wanted[1] / own[1])], axis=1).astype(np.float32)


def _centers_and_sizes(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    corners, sizes = boxes[:, :2].astype(np.float64), (boxes[:, 2:] - boxes[:, :2])
    return corners + sizes / 2, sizes.astype(np.float64)


@lru_cache(maxsize=8)
def _anchors(grid: AnchorGrid, height: int, width: int) -> np.ndarray:
    return grid.boxes(height, width)


class AnchorFit(NamedTuple):
    """How many objects an image has, and of them those without an anchor or with a loose one.

    Attributes:
        objects: all that count.
        unserved: no anchor learns these: their best ones are those of other objects.
        loose: no anchor overlaps these by half; the best one learns them all the same.
    """

    objects: int
    unserved: int
    loose: int


@dataclass(frozen=True)
class RetinaTargets:
    """Makes a batch's labels: what `Detection.labels` says."""

    grid: AnchorGrid

    def __call__(self, targets: Sequence[Target], image_shape: tuple[int, int, int]) -> Labels:
        anchors = _anchors(self.grid, *image_shape[1:])
        made = [self._of_image(target, anchors) for target in targets]
        classes, deltas, weights = (np.stack(parts) for parts in zip(*made, strict=True))
        return {
            "classes": classes,
            "deltas": deltas,
            "weights": weights,
            "index": np.array([[target.index] for target in targets], np.int64),
            "scale": np.array([target.scale for target in targets], np.float32),
        }

    def fit(self, target: Target, image_shape: tuple[int, int, int]) -> AnchorFit:
        """How an image's objects and the anchors go together."""
        anchors = _anchors(self.grid, *image_shape[1:])
        wanted = target.objects.select(~target.objects.ignored)
        if not len(wanted):
            return AnchorFit(0, 0, 0)
        given = assign(anchors, wanted.boxes)
        best = overlaps(wanted.boxes, anchors).max(axis=1)
        served = np.unique(given[given >= 0])
        return AnchorFit(len(wanted), len(wanted) - len(served), int((best < POSITIVE).sum()))

    def _of_image(self, target: Target, anchors: np.ndarray) -> tuple[np.ndarray, ...]:
        """Classes [A], 0 for background and c + 1 for class c; deltas [A, 4]; weights [A]."""
        objects = target.objects
        wanted = objects.select(~objects.ignored)
        given = assign(anchors, wanted.boxes)
        held = given >= 0
        classes, deltas = np.zeros(len(anchors), np.int64), np.zeros((len(anchors), 4), np.float32)
        classes[held] = wanted.classes[given[held]] + 1
        deltas[held] = encode(anchors[held], wanted.boxes[given[held]])
        weights = np.full(len(anchors), target.weight, np.float32)
        weights[given == IGNORED] = 0
        hidden = objects.select(objects.ignored)
        if len(hidden):  # what covers something that is not to be judged is no background
            covered = overlaps(anchors, hidden.boxes).max(axis=1) >= NEGATIVE
            weights[covered & ~held] = 0
        return classes, deltas, weights
