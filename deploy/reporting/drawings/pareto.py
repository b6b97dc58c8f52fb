"""Which models no other beats in accuracy and latency, as far as the intervals can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Point:
    """A model on a curve.

    Attributes:
        latency_ms: the median, `interval_ms` its interval (None: unknown).
        top1: accuracy, a share.
    """

    model: str
    family: str
    latency_ms: float
    interval_ms: tuple[float, float] | None
    top1: float


class Front(NamedTuple):
    """The Pareto front, by latency.

    Attributes:
        best: no other has both a lower median and at least the accuracy.
        ties: some other has, but its interval overlaps or is unknown, so nothing is claimed.
    """

    best: list[Point]
    ties: list[Point]


def pareto_front(points: Sequence[Point]) -> Front:
    """The Pareto front of `points`, and those that cannot be told from it."""
    best = [point for point in points if not any(_beats(other, point) for other in points)]
    ties = [
        point
        for point in points
        if point not in best and not any(_surely_beats(other, point) for other in points)
    ]
    return Front(sorted(best, key=_order), sorted(ties, key=_order))


def _beats(point: Point, other: Point) -> bool:
    """By the medians: as good in both, better in one."""
    return (
        point.latency_ms <= other.latency_ms
        and point.top1 >= other.top1
        and (point.latency_ms < other.latency_ms or point.top1 > other.top1)
    )


def _surely_beats(point: Point, other: Point) -> bool:
    """`_beats` with the slow end of one interval against the fast end of the other."""
    if not (point.interval_ms and other.interval_ms):
        return False
    slowest, fastest = point.interval_ms[1], other.interval_ms[0]
    return (
        slowest <= fastest
        and point.top1 >= other.top1
        and (slowest < fastest or point.top1 > other.top1)
    )


def _order(point: Point) -> tuple[float, float]:
    return point.latency_ms, point.top1
