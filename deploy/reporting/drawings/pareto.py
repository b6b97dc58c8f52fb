"""Which models no other beats in accuracy and latency, as far as the intervals can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Point:
    """A model on a curve: latency in ms with its interval (None: unknown), accuracy as a share."""

    model: str
    family: str
    latency_ms: float
    interval_ms: tuple[float, float] | None
    top1: float


class Front(NamedTuple):
    """`best`: no other has both a lower median and at least the accuracy; by latency.

    `ties`: some other has, but its interval overlaps or is unknown, so nothing is claimed.
    """

    best: list[Point]
    ties: list[Point]


def pareto_front(points: Sequence[Point]) -> Front:
    """The Pareto front of `points`, and those that cannot be told from it."""
    best = [one for one in points if not any(_beats(other, one) for other in points)]
    ties = [
        one
        for one in points
        if one not in best and not any(_surely_beats(other, one) for other in points)
    ]
    return Front(sorted(best, key=_order), sorted(ties, key=_order))


def _beats(one: Point, other: Point) -> bool:
    """By the medians: as good in both, better in one."""
    return (
        one.latency_ms <= other.latency_ms
        and one.top1 >= other.top1
        and (one.latency_ms < other.latency_ms or one.top1 > other.top1)
    )


def _surely_beats(one: Point, other: Point) -> bool:
    """`_beats` with the slow end of one's interval against the fast end of the other's."""
    if not (one.interval_ms and other.interval_ms):
        return False
    slowest, fastest = one.interval_ms[1], other.interval_ms[0]
    return (
        slowest <= fastest
        and one.top1 >= other.top1
        and (slowest < fastest or one.top1 > other.top1)
    )


def _order(point: Point) -> tuple[float, float]:
    return point.latency_ms, point.top1
