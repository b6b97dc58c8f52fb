"""latency.csv: one line per result, figures unrounded, headers for programs."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from ppghost.deploy.latency.results import Result
from ppghost.deploy.latency.stats import Estimate
from ppghost.deploy.reporting.groups import Group, speedups
from ppghost.deploy.reporting.sections.cells import format_shapes

_COLUMNS = (
    "model", "device", "kind", "device_model", "soc", "abi", "lite_version", "power_mode",
    "affinity", "threads", "precision", "input", "status", "n", "median_ms", "mad_ms", "p90_ms",
    "p99_ms", "min_ms", "ci95_low_ms", "ci95_high_ms", "reference", "ratio", "ratio_low",
    "ratio_high", "speedup", "speedup_low", "speedup_high", "rounds", "throttled_rounds",
    "nb_bytes", "params", "macs", "max_abs_diff", "nb_sha256", "warning", "error",
)  # fmt: skip


def latency_csv(groups: Sequence[Group]) -> str:
    """The text of latency.csv.

    Of its columns `speedup` is over 1 thread and `ratio` to the model `reference`.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for group in groups:
        scaled = {scaling.single.nb_sha256: scaling.more for scaling in speedups(group)}
        for row in group.rows:
            speedup = scaled.get(row.nb_sha256, {}).get(row.threads)
            writer.writerow(_line(row, speedup))
    return buffer.getvalue()


def _line(row: Result, speedup: Estimate | None) -> dict[str, Any]:
    stats, device, ratio = row.stats, row.device, row.ratio
    low, high = (stats and stats.ci95) or (None, None)
    line = {key: getattr(row, key, None) for key in _COLUMNS}
    line |= {"device": device["serial"], "device_model": device["model"]}
    line |= {key: device[key] for key in ("kind", "soc", "abi", "lite_version")}
    line |= {
        f"{key}_ms": getattr(stats, key, None) for key in ("median", "mad", "p90", "p99", "min")
    }
    line |= {"n": stats and stats.n, "ci95_low_ms": low, "ci95_high_ms": high}
    line |= {"reference": ratio and ratio.reference, **_estimate("ratio", ratio)}
    line |= _estimate("speedup", speedup)
    line |= {
        "input": format_shapes(row),
        "rounds": len(row.rounds),
        "throttled_rounds": sum(bool(burst.throttled) for burst in row.rounds),
        "max_abs_diff": (row.output_check or {}).get("max_abs_diff"),
    }
    return line


def _estimate(name: str, estimate: Estimate | None) -> dict[str, Any]:
    low, high = (estimate and estimate.ci95) or (None, None)
    return {name: estimate and estimate.median, f"{name}_low": low, f"{name}_high": high}
