"""Figures of a latency sample, by ranks only: latencies are skewed, so no means and no t-tests."""

from collections.abc import Sequence
from typing import Any

CONFIDENCE = 0.95
#: an interval wider than this share of the median cannot tell apart models 5 % from each other
MAX_RELATIVE_WIDTH = 0.05


def summarize(samples_ms: Sequence[float], rounds: int = 1) -> dict[str, Any]:
    """n, median, mad, p90, p99, min (ms) and ci95 of the median, of a non-empty sample.

    `samples_ms` holds `rounds` bursts of equal length, one after the other. Inferences of one
    burst are no independent samples (the machine is in one state), so with several rounds the
    interval is that of the median of the rounds' medians. It is exact for the coverage, by order
    statistics (scipy's `quantile_test`), and None below 6 rounds, where no order statistics
    reach 95 %. `rounds=1` takes each sample as independent.
    Raises ValueError for no samples or a number of them that `rounds` does not divide.
    """
    import numpy as np
    from scipy import stats

    values = np.asarray(samples_ms, float)
    if not values.size or values.size % rounds:
        raise ValueError(f"{values.size} samples do not make {rounds} rounds")
    independent = values if rounds == 1 else np.median(values.reshape(rounds, -1), axis=1)
    interval = stats.quantile_test(
        independent, q=float(np.median(independent)), p=0.5
    ).confidence_interval(CONFIDENCE)
    return {
        "n": int(values.size),
        "median": float(np.median(values)),
        "mad": float(stats.median_abs_deviation(values)),
        "p90": float(np.percentile(values, 90)),
        "p99": float(np.percentile(values, 99)),
        "min": float(values.min()),
        "ci95": None if np.isnan(interval.low) else [float(interval.low), float(interval.high)],
    }


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
