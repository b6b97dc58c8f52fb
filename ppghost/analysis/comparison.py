"""Two networks side by side, stage by stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ppghost.analysis.complexity import Complexity, analyze, is_exported
from ppghost.analysis.parts import Part
from ppghost.analysis.stages import HEAD


@dataclass(frozen=True)
class StagePair:
    """A stage of either network; None where one has no layer at that resolution."""

    stage: str
    first: Part | None
    second: Part | None

    def to_json(self) -> dict[str, Any]:
        """As `ppghost analyze --json` writes it."""
        return {
            "stage": self.stage,
            "first": self.first.to_json() if self.first else None,
            "second": self.second.to_json() if self.second else None,
        }


def analyze_beside(
    target: str, first: Complexity, image_size: Sequence[int] | None, class_num: int | None
) -> Complexity:
    """A second network, at the size of the first where it is free to have it.

    Args:
        target: as for `analyze`.
        first: what it is to be compared with.
        image_size, class_num: what was asked for of both.

    Raises:
        InputError: no such target, or a size that it cannot have.
    """
    if is_exported(target):
        return analyze(target, image_size=image_size)
    if image_size is None and len(first.input_shape) == 3:
        image_size = first.input_shape[1:]
    return analyze(target, image_size=image_size, class_num=class_num)


def compare_stages(first: Complexity, second: Complexity) -> list[StagePair]:
    """The stages of two networks, each beside that of the same resolution."""
    ours, theirs = ({part.name: part for part in net.stages} for net in (first, second))
    names = sorted(dict.fromkeys([*ours, *theirs]), key=_coarseness)
    return [StagePair(name, ours.get(name), theirs.get(name)) for name in names]


def _coarseness(stage: str) -> float:
    """Fine stages before coarse ones, the head last."""
    if stage == HEAD:
        return float("inf")
    part, _, whole = stage.partition("/")
    return float(whole) / float(part) if whole else 0.0
