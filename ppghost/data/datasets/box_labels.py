"""What an annotation file says of images and the boxes in them, in arrays, and its checks.

Arrays, since COCO has 118,000 images and 860,000 boxes: as objects they take a gigabyte, and
minutes on their way to workers.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ppghost.errors import InputError
from ppghost.i18n import Message, tr

logger = logging.getLogger(__name__)

_GOOD, _NO_NUMBERS, _UNKNOWN_CLASS, _NO_AREA, _OUTSIDE = range(5)
_FAULTS = {
    _NO_NUMBERS: tr("not four numbers"),
    _UNKNOWN_CLASS: tr("of an unknown class"),
    _NO_AREA: tr("without area"),
    _OUTSIDE: tr("outside of its image"),
}


class BoxLabels(NamedTuple):
    """N images and B boxes.

    `owners` says of each box in which image it is, in ascending order; `numbers` which of the
    file's boxes it is, which `place` puts into words.
    """

    paths: list[str]  # of the images, below their folder
    keys: np.ndarray  # int64 [N]: line or id of each image
    sizes: np.ndarray  # int64 [N, 2]: height and width, 0 where it is not said
    owners: np.ndarray  # int64 [B]
    numbers: np.ndarray  # int64 [B]
    corners: np.ndarray  # float64 [B, 4]: x1, y1, x2, y2; NaN for what is no number
    classes: np.ndarray  # int64 [B]; -1 for an unknown one
    ignored: np.ndarray  # bool [B]
    place: Callable[[int], str]

    def with_images(self, kept: np.ndarray) -> BoxLabels:
        """Only the images, and their boxes, that the mask `kept` [N] says."""
        boxes = self.with_boxes(kept[self.owners])
        return boxes._replace(
            paths=list(itertools.compress(self.paths, kept)),
            keys=self.keys[kept],
            sizes=self.sizes[kept],
            owners=(np.cumsum(kept) - 1)[boxes.owners],
        )

    def with_boxes(self, kept: np.ndarray) -> BoxLabels:
        """All images, and only the boxes that the mask `kept` [B] says."""
        return self._replace(
            owners=self.owners[kept],
            numbers=self.numbers[kept],
            corners=self.corners[kept],
            classes=self.classes[kept],
            ignored=self.ignored[kept],
        )


def good_boxes(labels: BoxLabels, margin: int, skips: bool) -> BoxLabels:
    """The boxes that can be learnt from, cut at the edges of their images.

    Args:
        labels: with all sizes known.
        margin: pixels before the right and the lower edge at which they are cut.
        skips: leave bad boxes out with one warning.

    Raises:
        InputError: a box that is bad, if they are not to be skipped; the first one is named.
    """
    limits = labels.sizes[labels.owners][:, ::-1] - margin
    cut = np.clip(labels.corners, 0, np.tile(limits, 2))
    faults = _faults(labels, cut)
    bad = np.flatnonzero(faults)
    if len(bad):
        _report(labels, faults, bad, skips)
    return labels._replace(corners=cut).with_boxes(faults == _GOOD)


def _faults(labels: BoxLabels, cut: np.ndarray) -> np.ndarray:
    """What is wrong with each box: int [B]."""
    conditions = [
        ~np.isfinite(labels.corners).all(axis=1),
        labels.classes < 0,
        ~_have_area(labels.corners),
        ~_have_area(cut),
    ]
    return np.select(conditions, list(_FAULTS), _GOOD)


def _have_area(corners: np.ndarray) -> np.ndarray:
    return (corners[:, 2:] > corners[:, :2]).all(axis=1)


def _report(labels: BoxLabels, faults: np.ndarray, bad: np.ndarray, skips: bool) -> None:
    first = bad[0]
    height, width = labels.sizes[labels.owners[first]]
    corners = ", ".join(f"{value:g}" for value in labels.corners[first])
    counts = Counter(faults[bad].tolist())
    kinds = Message(", ").join(
        tr("{count} {fault}").format(count=count, fault=_FAULTS[fault])
        for fault, count in sorted(counts.items())
    )
    problem = tr(
        "{place}: the box ({corners}) in an image of {width}x{height} is {faults} "
        "({count} of {faults_count} boxes are bad: {kinds})"
    ).format(
        place=labels.place(int(labels.numbers[first])),
        corners=corners,
        width=width,
        height=height,
        faults=_FAULTS[int(faults[first])],
        count=len(bad),
        faults_count=len(faults),
        kinds=kinds,
    )
    report_bad_boxes(problem, skips)


def report_bad_boxes(problem: str, skips: bool) -> None:
    """Warn of boxes that are left out; InputError if they are not to be skipped."""
    if not skips:
        raise InputError("{problem}; mend it, or set Global.bad_boxes: skip", problem=problem)
    logger.warning("%s; going on without", problem)
