"""The test nets of design guidelines against the first of each, on every device."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ppghost.deploy.latency.results import LatencyResult, Result, shared_rounds
from ppghost.deploy.latency.schema import GuidelineNet
from ppghost.deploy.latency.stats import Estimate, Stats, paired_ratio


@dataclass(frozen=True)
class GuidelineRow:
    """One net on one device.

    Attributes:
        stats: its latency; None if it was not timed.
        ratio: how many times as long as the first net of its guideline, in the same rounds; None
            for that one, and without figures.
    """

    net: GuidelineNet
    stats: Stats | None
    ratio: Estimate | None

    @property
    def images_per_second(self) -> float | None:
        """One image at a time."""
        return 1e3 / self.stats.median if self.stats else None


@dataclass(frozen=True)
class Guidelines:
    """The nets on one device at one thread count, by guideline, in the plan's order."""

    device: dict[str, Any]
    threads: int
    rows: dict[str, list[GuidelineRow]]


def guideline_ratios(measured: LatencyResult) -> list[Guidelines]:
    """Every net against the first of its guideline, for each device and thread count.

    Args:
        measured: by a campaign that timed the test nets.
    """
    groups: dict[tuple[str, int], dict[str, Result]] = {}
    for result in measured.results if measured.plan.guidelines else ():
        groups.setdefault((result.device["serial"], result.threads), {})[result.model] = result
    return [
        Guidelines(
            next(iter(results.values())).device,
            threads,
            {
                guideline: list(_rows(list(nets), results))
                for guideline, nets in groupby(
                    measured.plan.guidelines, key=lambda net: net.guideline
                )
            },
        )
        for (_, threads), results in groups.items()
    ]


def guideline_models(measured: LatencyResult) -> set[str]:
    """What the results of test nets are called: no networks that anybody uses."""
    return {net.model for net in measured.plan.guidelines}


def _rows(nets: list[GuidelineNet], results: dict[str, Result]) -> Iterator[GuidelineRow]:
    first = results.get(nets[0].model)
    for net in nets:
        result = results.get(net.model)
        ratio = None
        if result and first and result is not first and result.stats and first.stats:
            own_ms, first_ms = shared_rounds(result, first)
            ratio = paired_ratio(own_ms, first_ms, first.model) if own_ms else None
        yield GuidelineRow(net, result.stats if result else None, ratio)
