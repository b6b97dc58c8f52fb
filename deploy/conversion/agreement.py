"""How well an int8 classifier agrees with the float32 one that it was made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from ppghost.i18n import tr

if TYPE_CHECKING:
    import numpy as np


class Accuracy(TypedDict):
    """Shares of the images with a label; None without any."""

    top1: float | None
    top5: float | None


@dataclass(frozen=True)
class Agreement:
    """How well the two models agree: the mean cosine of their scores, how often their best class
    is the same, and the accuracy of each."""

    cosine: float
    top1_agreement: float
    fp32: Accuracy
    int8: Accuracy

    def least(self) -> float:
        """What a wanted agreement is held against; NaN if one of its figures is."""
        return min(self.figures().values())

    def figures(self) -> dict[str, float]:
        """What inference.yml keeps."""
        return {"cosine": self.cosine, "top1_agreement": self.top1_agreement}

    def describe(self) -> str:
        """Its figures for people."""
        return tr("top-1 {top1_agreement:.4f}, cosine {cosine:.4f}").format(
            top1_agreement=self.top1_agreement, cosine=self.cosine
        )

    def describe_accuracy(self) -> str | None:
        """Each model's accuracy for people; None without labels."""
        if self.fp32["top1"] is None:
            return None
        return tr(
            "top-1 {top1:.4f} -> {int8_top1:.4f}, top-5 {top5:.4f} -> {int8_top5:.4f}"
        ).format(
            top1=self.fp32["top1"],
            int8_top1=self.int8["top1"],
            top5=self.fp32["top5"],
            int8_top5=self.int8["top5"],
        )


@dataclass
class ScoreJudge:
    """Collects the scores of both models, image by image."""

    _labels: "list[int | None]" = field(default_factory=list)
    _scores: "tuple[list[np.ndarray], list[np.ndarray]]" = field(default_factory=lambda: ([], []))

    def add(self, fp32: "Sequence[np.ndarray]", int8: "Sequence[np.ndarray]", label: Any) -> None:
        """Take in the outputs of both for an image, and its class if it is known."""
        self._labels.append(label)
        for outputs, scores in zip((fp32, int8), self._scores, strict=True):
            scores.append(outputs[0].ravel())

    def agreement(self) -> Agreement:
        """What all of them say."""
        import numpy as np

        reference, candidate = (np.stack(rows).astype(np.float64) for rows in self._scores)
        norms = np.linalg.norm(reference, axis=1) * np.linalg.norm(candidate, axis=1)
        return Agreement(
            cosine=float(np.mean((reference * candidate).sum(1) / norms)),
            top1_agreement=float(np.mean(reference.argmax(1) == candidate.argmax(1))),
            fp32=_accuracy(reference, self._labels),
            int8=_accuracy(candidate, self._labels),
        )


def _accuracy(scores: "np.ndarray", labels: Sequence[int | None]) -> Accuracy:
    known = [(row, label) for row, label in zip(scores, labels, strict=True) if label is not None]
    if not known:
        return {"top1": None, "top5": None}
    ranks = [(-row).argsort(kind="stable").tolist().index(label) for row, label in known]
    top1, top5 = (sum(rank < k for rank in ranks) / len(ranks) for k in (1, 5))
    return {"top1": top1, "top5": top5}
