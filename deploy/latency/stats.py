"""Figures of a latency sample, by ranks only: latencies are skewed, so no means and no t-tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppghost.deploy.latency.intervals import (
    CONFIDENCE,
    CampaignMedian,
    Interval,
    campaign_median,
)
from ppghost.i18n import tr

if TYPE_CHECKING:
    import numpy as np

#: an interval wider than this share of the median cannot tell apart models 5 % from each other
MAX_RELATIVE_WIDTH = 0.05
#: bursts, and inferences in each, that tell how the first inference differs
MIN_BURSTS, MIN_INFERENCES = 5, 3


@dataclass(frozen=True)
class Stats:
    """Figures of a sample, in ms.

    Attributes:
        n: how many samples they are made of.
        mad: the median absolute deviation.
        p90, p99: percentiles; None where a sample is the mean of several inferences.
        ci95: of the median; None for too few rounds.
        effective_rounds: how many independent rounds would tell as much; None in files of older
            versions, and for too few rounds.
        first_ratio: how many times as long as those after it the first inference of a burst takes;
            None where bursts are too short to tell, or a sample is the mean of several.
    """

    n: int
    median: float
    mad: float
    p90: float | None
    p99: float | None
    min: float
    ci95: Interval | None
    effective_rounds: float | None = None
    first_ratio: float | None = None

    @property
    def relative_width(self) -> float | None:
        """Width of the interval as a share of the median; None without an interval."""
        return None if self.ci95 is None else (self.ci95[1] - self.ci95[0]) / self.median

    @property
    def too_wide(self) -> bool:
        """Whether the median is not known well enough to be compared with another model's."""
        return self.relative_width is None or self.relative_width > MAX_RELATIVE_WIDTH


@dataclass(frozen=True)
class Estimate:
    """A ratio, with its 95 % interval; None for too few rounds."""

    median: float
    ci95: Interval | None


@dataclass(frozen=True)
class Ratio(Estimate):
    """How many times as long as the model `reference`, over the rounds that count for both."""

    reference: str
    rounds: int | None = None


def summarize(samples_ms: Sequence[float], rounds: int = 1, *, percentiles: bool = True) -> Stats:
    """Figures of a non-empty sample.

    Inferences of one burst are no independent samples (the machine is in one state, and the first
    may differ from the second), so with several rounds the median is that of the rounds' medians,
    with its interval for values in the order of time (`intervals.campaign_median`).

    Args:
        samples_ms: `rounds` bursts of equal length, one after the other.
        rounds: 1 takes each sample as independent.
        percentiles: without them p90 and p99 are None: where a sample is the mean of several
            inferences it says nothing about the slow ones.

    Returns:
        The figures, in ms.

    Raises:
        ValueError: no samples, or a number of them that `rounds` does not divide.
    """
    import numpy as np
    from scipy import stats

    values = np.asarray(samples_ms, float)
    if not values.size or values.size % rounds:
        raise ValueError(
            tr("{size} samples do not make {rounds} rounds").format(size=values.size, rounds=rounds)
        )
    if rounds == 1:
        samples = values.tolist()
        found = CampaignMedian(float(np.median(values)), median_interval(samples), None)
    else:
        found = campaign_median(np.median(values.reshape(rounds, -1), axis=1).tolist())
    return Stats(
        n=int(values.size),
        median=found.median,
        mad=float(stats.median_abs_deviation(values)),
        p90=float(np.percentile(values, 90)) if percentiles else None,
        p99=float(np.percentile(values, 99)) if percentiles else None,
        min=float(values.min()),
        ci95=found.ci95,
        effective_rounds=found.effective,
        first_ratio=_first_ratio(values.reshape(rounds, -1)) if percentiles else None,
    )


def _first_ratio(bursts: "np.ndarray") -> float | None:
    """The median over bursts [rounds, inferences] of the first over the median of the others."""
    import numpy as np

    if len(bursts) < MIN_BURSTS or bursts.shape[1] < MIN_INFERENCES:
        return None
    return float(np.median(bursts[:, 0] / np.median(bursts[:, 1:], axis=1)))


def median_interval(values: Sequence[float]) -> Interval | None:
    """The 95 % interval of the median of independent values; None if they are too few."""
    import numpy as np
    from scipy import stats

    interval = stats.quantile_test(values, q=float(np.median(values)), p=0.5).confidence_interval(
        CONFIDENCE
    )
    return None if np.isnan(interval.low) else (float(interval.low), float(interval.high))


def paired_ratio(candidate: Sequence[float], reference: Sequence[float], name: str) -> Ratio:
    """Median of the ratios within each round, with its interval.

    Both were timed in the same rounds, so what slows a round down cancels out.

    Args:
        candidate: a latency of each round.
        reference: the reference model's, in the same rounds.
        name: the reference model's.
    """
    import numpy as np

    ratios = np.asarray(candidate, float) / np.asarray(reference, float)
    return Ratio(
        median=float(np.median(ratios)),
        ci95=median_interval(ratios.tolist()),
        reference=name,
        rounds=int(ratios.size),
    )


def unpaired_ratio(new: Sequence[float], old: Sequence[float]) -> Estimate:
    """How many times as long `new` takes as `old`, by ranks.

    The Hodges-Lehmann estimate (median of all pairwise ratios) with the interval that inverts
    the Mann-Whitney test, in its normal approximation, rounded outwards.

    Args:
        new, old: independent values, at least one of each.

    Returns:
        The ratio; without an interval where the samples are too small for any.
    """
    import numpy as np
    from scipy import stats

    ratios = np.sort((np.asarray(new, float)[:, None] / np.asarray(old, float)[None, :]).ravel())
    m, n = len(new), len(old)
    deviation = float(np.sqrt(m * n * (m + n + 1) / 12))
    rank = int(np.floor(m * n / 2 - stats.norm.ppf((1 + CONFIDENCE) / 2) * deviation))
    interval = (float(ratios[rank - 1]), float(ratios[-rank])) if rank >= 1 else None
    return Estimate(float(np.median(ratios)), interval)
