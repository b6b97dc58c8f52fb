"""Figures of a latency sample, by ranks only: latencies are skewed, so no means and no t-tests."""

from collections.abc import Sequence
from typing import Any

CONFIDENCE = 0.95
#: an interval wider than this share of the median cannot tell apart models 5 % from each other
MAX_RELATIVE_WIDTH = 0.05
#: fewer independent values have no order statistics that reach 95 %
FEWEST = 6


def summarize(
    samples_ms: Sequence[float], rounds: int = 1, *, percentiles: bool = True
) -> dict[str, Any]:
    """n, median, mad, p90, p99, min (ms) and ci95 of the median, of a non-empty sample.

    `samples_ms` holds `rounds` bursts of equal length, one after the other. Inferences of one
    burst are no independent samples (the machine is in one state), so with several rounds the
    interval is that of the median of the rounds' medians. It is exact for the coverage, by order
    statistics (scipy's `quantile_test`), and None below 6 rounds, where no order statistics
    reach 95 %. `rounds=1` takes each sample as independent. Without `percentiles`, p90 and p99
    are None: where a sample is the mean of several inferences it says nothing about the slow ones.
    Raises ValueError for no samples or a number of them that `rounds` does not divide.
    """
    import numpy as np
    from scipy import stats

    values = np.asarray(samples_ms, float)
    if not values.size or values.size % rounds:
        raise ValueError(f"{values.size} samples do not make {rounds} rounds")
    independent = values if rounds == 1 else np.median(values.reshape(rounds, -1), axis=1)
    return {
        "n": int(values.size),
        "median": float(np.median(values)),
        "mad": float(stats.median_abs_deviation(values)),
        "p90": float(np.percentile(values, 90)) if percentiles else None,
        "p99": float(np.percentile(values, 99)) if percentiles else None,
        "min": float(values.min()),
        "ci95": median_interval(independent),
    }


def median_interval(values: Sequence[float]) -> list[float] | None:
    """The 95 % interval of the median of independent values; None if they are too few."""
    import numpy as np
    from scipy import stats

    interval = stats.quantile_test(values, q=float(np.median(values)), p=0.5).confidence_interval(
        CONFIDENCE
    )
    return None if np.isnan(interval.low) else [float(interval.low), float(interval.high)]


def paired_ratio(ours: Sequence[float], reference: Sequence[float]) -> dict[str, Any]:
    """Median of the ratios within each round, with its interval: {"median", "ci95", "rounds"}.

    Both were timed in the same rounds, so what slows a round down cancels out.
    """
    import numpy as np

    ratios = np.asarray(ours, float) / np.asarray(reference, float)
    return {
        "median": float(np.median(ratios)),
        "ci95": median_interval(ratios),
        "rounds": int(ratios.size),
    }


def unpaired_ratio(new: Sequence[float], old: Sequence[float]) -> tuple[float, list[float] | None]:
    """How many times as long `new` takes as `old`, with a 95 % interval, by ranks.

    The Hodges-Lehmann estimate (median of all pairwise ratios) with the interval that inverts
    the Mann-Whitney test, in its normal approximation, rounded outwards. The interval is None
    where the samples are too small for any.
    """
    import numpy as np
    from scipy import stats

    new, old = np.asarray(new, float), np.asarray(old, float)
    ratios = np.sort((new[:, None] / old[None, :]).ravel())
    m, n = new.size, old.size
    deviation = float(np.sqrt(m * n * (m + n + 1) / 12))
    rank = int(np.floor(m * n / 2 - stats.norm.ppf((1 + CONFIDENCE) / 2) * deviation))
    interval = [float(ratios[rank - 1]), float(ratios[-rank])] if rank >= 1 else None
    return float(np.median(ratios)), interval


def relative_width(stats: dict[str, Any]) -> float | None:
    """Width of the interval as a share of the median; None without an interval."""
    if stats["ci95"] is None:
        return None
    low, high = stats["ci95"]
    return (high - low) / stats["median"]


def too_wide(stats: dict[str, Any]) -> bool:
    """Whether the median is not known well enough to be compared with another model's."""
    width = relative_width(stats)
    return width is None or width > MAX_RELATIVE_WIDTH
