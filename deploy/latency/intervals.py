"""The median of a campaign and its interval, where rounds depend on each other.

A device becomes slower all along, or is in a fast state for a while, then in a slow one. A steady
drift spreads the values without making their median less certain: it is taken out. States make it
less certain: which of them the device was in for most of the time hangs on few changes, however
many rounds there are. What is estimated is the median, over this campaign's own time, of what an
inference takes at each moment.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
#: fewer independent values have no order statistics that reach 95 %
MIN_ROUNDS = 6
#: with this confidence a slope or a dependence is believed, from so many rounds on
_BELIEVED, _TREND_ROUNDS = 0.9, 12
#: rounds between two values that may still tell of each other
_LAGS = 4
#: a step leaves less than a drift does by so much, as its place is chosen
_CHOICE = 1.05

#: the ends of a 95 % interval
Interval = tuple[float, float]


class CampaignMedian(NamedTuple):
    """A median, its 95 % interval, and how many independent rounds would tell as much.

    Of fewer than MIN_ROUNDS rounds there is no interval.
    """

    median: float
    ci95: Interval | None
    effective: float | None


def campaign_median(values: Sequence[float]) -> CampaignMedian:
    """The median of values that were measured one after the other.

    Independent values have the interval of the median by order statistics. Where values depend on
    each other each stay on one side of the median is worth one independent value, but the interval
    goes no further than the outer ends of the intervals of two states that share the time equally:
    the median is that of the one or of the other. A steady drift is taken out before: its median is
    that of the middle.

    Args:
        values: a latency of each round, in the order of time; at least one.
    """
    import numpy as np

    x = _without_drift(np.asarray(values, float))
    median = float(np.median(x))
    if x.size < MIN_ROUNDS:
        return CampaignMedian(median, None, None)
    if _is_dependent(x):
        effective = _stays(x)
        level = max(_level_of_stays(effective), _level_of_two_states(x.size))
    else:
        effective = x.size
        level = (_lower_rank(x.size, CONFIDENCE) - 1) / (x.size - 1)
    low, high = np.quantile(x, [level, 1 - level])
    return CampaignMedian(median, (float(low), float(high)), float(effective))


@lru_cache
def _lower_rank(n: int, confidence: float) -> float:
    """Where the interval of the median begins among n ordered independent values, from 1.

    Between the two order statistics whose intervals are the nearest in confidence (Hettmansperger
    and Sheather, Confidence intervals based on interpolated order statistics, 1986).

    Args:
        n: at least MIN_ROUNDS.
        confidence: of both ends together.
    """
    from scipy import stats

    rank = _outer_rank(n, confidence)
    wide, narrow = (1 - 2 * stats.binom.cdf(k - 1, n, 0.5) for k in (rank, rank + 1))
    share = (wide - confidence) / (wide - narrow)
    return float(rank + (n - rank) * share / (rank + (n - 2 * rank) * share))


def _outer_rank(n: int, confidence: float) -> int:
    """The last order statistic that begins an interval of at least the confidence; 0: none does."""
    from scipy import stats

    return int(stats.binom.ppf((1 - confidence) / 2, n, 0.5))


@lru_cache
def _level_of_stays(n: int) -> float:
    """The share of the values below the interval of so many stays: at least 95 %, or all of them.

    Not interpolated, as their number is an estimate.
    """
    return max(_outer_rank(n, CONFIDENCE) - 1, 0) / max(n - 1, 1)


@lru_cache
def _level_of_two_states(n: int) -> float:
    """The share of n values below the interval of the faster of two states with half of them each.

    The truth is at one end of an interval that holds both states, so each end may fail in 5 %.
    """
    return (_lower_rank(n // 2, 2 * CONFIDENCE - 1) - 1) / (n - 1)


def _is_dependent(x: "np.ndarray") -> bool:
    """Whether values tell of those after them, by ranks (Ljung and Box's test of 1978)."""
    import numpy as np
    from scipy import stats

    n = x.size
    ranks = stats.rankdata(x) - (n + 1) / 2
    total = ranks @ ranks
    if n < _TREND_ROUNDS or not total:
        return False
    lags = np.arange(1, _LAGS + 1)
    correlations = np.array([ranks[lag:] @ ranks[:-lag] for lag in lags]) / total
    statistic = n * (n + 2) * np.sum(correlations**2 / (n - lags))
    return bool(statistic > stats.chi2.ppf(_BELIEVED, _LAGS))


def _stays(x: "np.ndarray") -> int:
    """How often x was on one side of its median for a while; one value alone is no stay."""
    import numpy as np

    above = x > np.median(x)
    side = above.copy()
    # the side of most of three neighbours
    side[1:-1] = above[:-2].astype(int) + above[1:-1] + above[2:] >= 2
    return 1 + int(np.sum(side[1:] != side[:-1]))


def _without_drift(x: "np.ndarray") -> "np.ndarray":
    """The values without a steady drift, if they are better explained by one than by a step."""
    import numpy as np
    from scipy import stats

    if x.size < _TREND_ROUNDS:
        return x
    moments = np.arange(x.size, dtype=float)
    slope, _, low, high = stats.theilslopes(x, moments, _BELIEVED)
    if low <= 0 <= high:
        return x
    steady = x - slope * (moments - moments.mean())
    if _is_dependent(steady) or _spread(steady) > _CHOICE * _step_spread(x):
        return x
    return steady


def _spread(x: "np.ndarray") -> float:
    import numpy as np

    return float(np.abs(x - np.median(x)).sum())


def _step_spread(x: "np.ndarray") -> float:
    """What is left where the values are cut in two at the best place."""
    return min(_spread(x[:cut]) + _spread(x[cut:]) for cut in range(2, x.size - 1))
