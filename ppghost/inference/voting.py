"""Boxes that a detector has found in several forms of one image, merged into one answer."""

from collections.abc import Sequence

import numpy as np

from ppghost.tasks.detection.targets import overlaps

#: overlap (IoU) from which boxes of one class are taken for the same object
SAME_OBJECT = 0.5


def vote(found: Sequence[np.ndarray], same_object: float = SAME_OBJECT) -> np.ndarray:
    """Merge what was found in each form of an image.

    As non-maximum suppression does, the best box of a class takes all others of that class that
    overlap it. With it votes the best of these from each other form: the box is the mean of the
    voters' boxes, weighted by their scores (box voting, Gidaris and Komodakis 2015,
    https://arxiv.org/abs/1505.01749), the score the sum of theirs over the number of forms, so that
    a form in which the object was not found votes with 0.

    Args:
        found: of each form, rows (class, score, x1, y1, x2, y2) in pixels of the image.
        same_object: the least overlap.

    Returns:
        Such rows, the best first.
    """
    rows = np.concatenate(found) if found else np.empty((0, 6))
    forms = np.repeat(np.arange(len(found)), [len(part) for part in found])
    order = np.argsort(-rows[:, 1], kind="stable")
    rows, forms = rows[order], forms[order]
    merged = [
        row
        for kind in np.unique(rows[:, 0])
        for mine in [rows[:, 0] == kind]
        for row in _of_class(rows[mine], forms[mine], len(found), same_object)
    ]
    result = np.array(merged).reshape(-1, 6)
    return result[np.argsort(-result[:, 1], kind="stable")]


def _of_class(
    rows: np.ndarray, forms: np.ndarray, count: int, same_object: float
) -> list[np.ndarray]:
    """The merged rows of one class; `rows` [R, 6] best first."""
    merged, left = [], np.ones(len(rows), bool)
    while left.any():
        best = int(left.argmax())
        same = left & (overlaps(rows[best : best + 1, 2:], rows[:, 2:])[0] >= same_object)
        same[best] = True
        _, firsts = np.unique(forms[same], return_index=True)
        voters = rows[same][firsts]
        box = np.average(voters[:, 2:], axis=0, weights=voters[:, 1])
        merged.append(np.array([rows[best, 0], voters[:, 1].sum() / count, *box]))
        left &= ~same
    return merged
