"""PASCAL VOC's average precision of one class (Everingham et al. 2010 and 2015)."""

from collections.abc import Sequence

import numpy as np


def average_precision(
    truth: Sequence[tuple[np.ndarray, np.ndarray]],
    found: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    overlap: float,
    map_type: str,
) -> float | None:
    """Average precision of one class over a data set; None where it has no object.

    Args:
        truth: of each image, boxes [G, 4] and which of them are difficult, bool [G]: these count
            neither as hit nor as miss.
        found: in each image, scores [R] and boxes [R, 4].
        overlap: least intersection over union of a hit, counted in whole pixels, as VOC's
            development kit does.
        map_type: "11point", the mean precision at recalls of 0, 0.1, ... 1 (VOC 2007); "area"
            under the curve of the best precision at that recall or beyond (VOC 2010 and later);
            "integral", the precision at each hit, as PaddleDetection adds it up under that name: no
            more than "area".
    """
    objects = sum(int((~difficult).sum()) for _, difficult in truth)
    if objects == 0:
        return None
    scores, hits = [], []
    for (boxes, difficult), (of_image, detected) in zip(truth, found, strict=True):
        order = np.argsort(-of_image, kind="stable")
        judged = _judge(detected[order], boxes, difficult, overlap)
        counted = judged >= 0
        scores.append(of_image[order][counted])
        hits.append(judged[counted])
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit = np.concatenate(hits)[order]
    recall, precision = np.cumsum(hit) / objects, np.cumsum(hit) / (np.arange(len(hit)) + 1)
    if map_type == "11point":
        reached = [precision[recall >= t - 1e-12] for t in np.linspace(0, 1, 11)]
        return float(np.mean([part.max() if len(part) else 0.0 for part in reached]))
    if map_type == "area":
        precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _judge(
    detected: np.ndarray, boxes: np.ndarray, difficult: np.ndarray, overlap: float
) -> np.ndarray:
    """Of each detection of an image, best first: 1 a hit, 0 a miss, -1 not counted."""
    judged, taken = np.zeros(len(detected), np.int64), np.zeros(len(boxes), bool)
    if not len(boxes):
        return judged
    iou = _overlaps_in_pixels(detected, boxes)
    for number, row in enumerate(iou):
        best = int(row.argmax())
        if row[best] < overlap:
            continue
        if difficult[best]:
            judged[number] = -1
        elif not taken[best]:
            judged[number], taken[best] = 1, True
    return judged


def _overlaps_in_pixels(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union [N, M] of boxes whose last pixel belongs to them."""
    upper = np.maximum(first[:, None, :2], second[None, :, :2])
    lower = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(lower - upper + 1, 0, None), axis=-1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=-1) for boxes in (first, second)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)
