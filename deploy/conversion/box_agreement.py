"""How well an int8 detector agrees with the float32 one that it was made of."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ppghost.i18n import tr

if TYPE_CHECKING:
    import numpy as np

    #: average precisions by name, of the rows found in some images, given by their places in the
    #: list: (places, rows [R, 6] of each: class, score, x1, y1, x2, y2 in pixels of the input)
    RateBoxes = Callable[[Sequence[int], Sequence[np.ndarray]], Mapping[str, float]]

#: boxes of at least this score are compared; `ppghost predict` shows them
SURE = 0.5
#: least intersection over union of boxes that are of one object
_SAME = 0.5


@dataclass(frozen=True)
class BoxAgreement:
    """How well two detectors agree.

    Attributes:
        box_agreement: of the boxes of a score of 0.5 or more that either finds, the share that both
            do: of the same class, and overlapping by half or more. None where there are none.
        fp32_boxes, int8_boxes: how many such boxes each finds.
        fp32, int8: their average precisions, as named in COCO's and our evaluation; {} without
            annotations.
    """

    box_agreement: float | None
    fp32_boxes: int
    int8_boxes: int
    fp32: Mapping[str, float]
    int8: Mapping[str, float]

    def least(self) -> float:
        """What a wanted agreement is held against: of annotated images the share of the AP that
        is left, else the boxes' agreement; NaN where nothing can be said."""
        if self.fp32:
            return self.int8["AP"] / self.fp32["AP"] if self.fp32["AP"] > 0 else math.nan
        return math.nan if self.box_agreement is None else self.box_agreement

    def figures(self) -> dict[str, float]:
        """What inference.yml keeps."""
        known = {} if self.box_agreement is None else {"box_agreement": self.box_agreement}
        return known | ({"fp32_AP": self.fp32["AP"], "AP": self.int8["AP"]} if self.fp32 else {})

    def describe(self) -> str:
        """Its figures for people."""
        boxes = tr("of {fp32_boxes} and {int8_boxes} boxes of score {sure:g} or more").format(
            fp32_boxes=self.fp32_boxes, int8_boxes=self.int8_boxes, sure=SURE
        )
        if self.box_agreement is None:
            return tr("{boxes} none can be compared").format(boxes=boxes)
        return tr("{box_agreement:.4f} {boxes} are in both").format(
            box_agreement=self.box_agreement, boxes=boxes
        )

    def describe_accuracy(self) -> str | None:
        """Each model's average precision for people; None without annotations."""
        named = {
            "AP": tr("COCO AP"),
            "AP50": tr("AP50"),
            "class_agnostic_AP50": tr("class-agnostic AP50"),
        }
        both = [
            f"{name} {self.fp32[key]:.4f} -> {self.int8[key]:.4f}"
            for key, name in named.items()
            if key in self.fp32
        ]
        return tr(", ").join(both) or None


@dataclass
class BoxJudge:
    """Collects what both models find, image by image.

    Attributes:
        output: which of their outputs holds the boxes.
        rate: gives average precisions; None without annotations.
    """

    output: int
    rate: "RateBoxes | None" = None
    _places: list[int] = field(default_factory=list)
    _rows: "tuple[list[np.ndarray], list[np.ndarray]]" = field(default_factory=lambda: ([], []))

    def add(self, fp32: "Sequence[np.ndarray]", int8: "Sequence[np.ndarray]", place: Any) -> None:
        """Take in the outputs of both for an image, and its place in the list."""
        self._places.append(place)
        for outputs, rows in zip((fp32, int8), self._rows, strict=True):
            rows.append(outputs[self.output].reshape(-1, 6))

    def agreement(self) -> BoxAgreement:
        """What all of them say."""
        sure = [[part[part[:, 1] >= SURE] for part in rows] for rows in self._rows]
        first, second = (sum(map(len, parts)) for parts in sure)
        common = sum(common_boxes(*parts) for parts in zip(*sure, strict=True))
        fp32, int8 = (self.rate(self._places, rows) if self.rate else {} for rows in self._rows)
        agreement = 2 * common / (first + second) if first + second else None
        return BoxAgreement(agreement, first, second, fp32, int8)


def common_boxes(first: "np.ndarray", second: "np.ndarray") -> int:
    """How many objects both of two sets of rows [R, 6] hold, each row standing for one.

    Args:
        first, second: rows (class, score, x1, y1, x2, y2).
    """
    import numpy as np

    taken = np.zeros(len(second), bool)
    for row in first[np.argsort(-first[:, 1], kind="stable")]:
        overlaps = _overlaps(row[2:], second[:, 2:])
        overlaps[taken | (second[:, 0] != row[0])] = 0
        if len(second) and overlaps.max() >= _SAME:
            taken[overlaps.argmax()] = True
    return int(taken.sum())


def _overlaps(box: "np.ndarray", boxes: "np.ndarray") -> "np.ndarray":
    """Intersection over union of a box with others, [R]."""
    import numpy as np

    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return shared / np.maximum(areas - shared, np.finfo(np.float32).tiny)
