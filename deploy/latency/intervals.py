"""The median of a campaign and its interval, where rounds depend on each other.

A device is in a fast state for a while, then in a slow one, or becomes slower all along. Rounds of
one state are no independent values, so an interval that takes them as such is too short; a drift on
the other hand spreads values without making their median less certain. What is estimated is the
median of this campaign's own time: that of as many inferences as could have been run meanwhile.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
#: fewer independent values have no order statistics that reach 95 %
MIN_ROUNDS = 6
#: shares of dependent values that the widest interval leaves out at each end
_WIDEST = 0.05
#: standard deviations from which on fewer changes than by chance are no chance
_FEW_RUNS = 1.3
#: the slope of a drift is believed where it is not 0 with this confidence, and in so many rounds
_SLOPE_CONFIDENCE, _SLOPE_ROUNDS = 0.9, 12
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

    How often neighbours lie on different sides of the median tells how far they depend on each
    other (a chain of two states; Wald and Wolfowitz's runs): n values that change sides with
    probability s are worth n s / (1 - s). The interval is by order statistics, as that of so many
    independent values. A steady drift is taken out before: its median is that of the middle.

    Args:
        values: a latency of each round, in the order of time; at least one.
    """
    import numpy as np

    x = _without_drift(np.asarray(values, float))
    median = float(np.median(x))
    if x.size < MIN_ROUNDS:
        return CampaignMedian(median, None, None)
    effective = _effective(x)
    low, high = _levels(effective)
    if effective < x.size:
        low, high = max(low, _WIDEST), min(high, 1 - _WIDEST)
    ordered = np.sort(x)
    # outwards to the next value
    first = int(np.floor(low * (x.size - 1) + 1e-9))
    last = int(np.ceil(high * (x.size - 1) - 1e-9))
    return CampaignMedian(median, (float(ordered[first]), float(ordered[last])), effective)


def _levels(effective: float) -> tuple[float, float]:
    """Shares of the values that lie below the ends of an interval of so many independent ones."""
    from scipy import stats

    n = max(round(effective), 1)
    rank = int(stats.binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
    # the order statistics `rank` and n + 1 - rank; 0: there are none
    if n < MIN_ROUNDS or rank < 1:
        return 0.0, 1.0
    return (rank - 1) / (n - 1), (n - rank) / (n - 1)


def _effective(x: "np.ndarray") -> float:
    """How many independent values these are worth; all where nothing speaks against it."""
    import numpy as np

    above = x > np.median(x)
    n, many = x.size, int(above.sum())
    changes = int(np.sum(above[1:] != above[:-1]))
    expected = 2 * many * (n - many) / n
    variance = expected * (expected - 1) / (n - 1)
    # many equal values have no sides
    if not n / 4 <= many <= 3 * n / 4 or expected - changes < _FEW_RUNS * variance**0.5:
        return float(n)
    switch = changes / (2 * expected)
    return max(n * switch / (1 - switch), 1.0)


def _without_drift(x: "np.ndarray") -> "np.ndarray":
    """The values without a steady drift, if they are better explained by one than by a step."""
    import numpy as np
    from scipy import stats

    if x.size < _SLOPE_ROUNDS:
        return x
    moments = np.arange(x.size, dtype=float)
    slope, _, low, high = stats.theilslopes(x, moments, _SLOPE_CONFIDENCE)
    if low <= 0 <= high:
        return x
    steady = x - slope * (moments - moments.mean())
    if _effective(steady) < x.size or _spread(steady) > _CHOICE * _step_spread(x):
        return x
    return steady


def _spread(x: "np.ndarray") -> float:
    import numpy as np

    return float(np.abs(x - np.median(x)).sum())


def _step_spread(x: "np.ndarray") -> float:
    """What is left where the values are cut in two at the best place."""
    return min(_spread(x[:cut]) + _spread(x[cut:]) for cut in range(2, x.size - 1))
