"""What difference two campaigns can show, beyond what two campaigns of one model differ by."""

import math
from statistics import NormalDist

from ppghost.deploy.latency.intervals import CONFIDENCE, Interval

#: share of cases in which a difference that is called detectable is found
POWER = 0.8
#: by how much two campaigns of one unchanged model may differ beyond their intervals, as a share:
#: in ratios to a reference model, and in milliseconds. Measured on a host (docs/results.md), where
#: 95 % of them differ by no more; nobody has measured phones
RATIO_DRIFT, MS_DRIFT = 0.015, 0.05


def detectable(interval: Interval, drift: float) -> float:
    """The slowdown whose interval begins above the drift in 80 % of pairs of such campaigns.

    Args:
        interval: of the ratio of the two, at 95 %.
        drift: what two campaigns of one model may differ by, as a share.

    Returns:
        A share.
    """
    return (1 + drift) * math.exp(_reach() * _deviation(interval)) - 1


def detectable_by_two(interval: Interval, drift: float) -> float:
    """As `detectable`, for two campaigns of which one is measured.

    Args:
        interval: of the median of one, at 95 %; the other is expected to have one as wide.
        drift: what two campaigns of one model may differ by, as a share.
    """
    return (1 + drift) * math.exp(_reach() * math.sqrt(2) * _deviation(interval)) - 1


def _reach() -> float:
    normal = NormalDist()
    return normal.inv_cdf((1 + CONFIDENCE) / 2) + normal.inv_cdf(POWER)


def _deviation(interval: Interval) -> float:
    """The standard deviation of the logarithm that an interval is of."""
    return math.log(interval[1] / interval[0]) / 2 / NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
