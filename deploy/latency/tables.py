"""Results as text for people."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from ppghost.deploy.latency.compare import Comparison
from ppghost.deploy.latency.results import LatencyResult

Row = TypeVar("Row")


def latency_table(measured: LatencyResult) -> str:
    """A line a model: median and interval in ms and the ratio, or what went wrong."""
    lines = [
        f"{'model':<28} {'threads':>7} {'median ms':>10}  {'95 % interval':<18} {'p90':>8}  ratio"
    ]
    for heading, result in _by_device(measured.results, lambda row: row.device["serial"]):
        lines += heading
        head = f"{result.model:<28} {result.threads:>7}"
        stats, ratio = result.stats, result.ratio
        if result.status != "ok" or stats is None:
            lines.append(f"{head} {result.status}: {result.error}")
            continue
        interval = " to ".join(map(format_ms, stats.ci95)) if stats.ci95 else "-"
        p90 = "-" if stats.p90 is None else format_ms(stats.p90)
        times = f"{ratio.median:.3f} x {ratio.reference}" if ratio else "-"
        lines.append(f"{head} {format_ms(stats.median):>10}  {interval:<18} {p90:>8}  {times}")
    return "\n".join(lines)


def comparison_table(comparison: Comparison) -> str:
    """A line a model: the verdict, how many times as long, and why nothing can be said."""
    lines = [f"{'model':<28} {'threads':>7}  {'verdict':<12} {'new/old':>8}  95 % interval"]
    for heading, row in _by_device(comparison.rows, lambda row: row.device):
        lines += heading
        ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
        interval = "{:.3f} to {:.3f}".format(*row.ci95) if row.ci95 else ""
        note = ": ".join(filter(None, ("REGRESSION" if row.regression else "", row.why)))
        head = f"{row.model:<28} {row.threads:>7}"
        lines.append(f"{head}  {row.verdict:<12} {ratio:>8}  {interval:<18} {note}".rstrip())
    if references := sorted({row.reference for row in comparison.rows if row.reference}):
        lines.append(f"(compared by their ratios to {', '.join(references)} in the same rounds)")
    return "\n".join(lines)


def _by_device(
    rows: Iterable[Row], serial: Callable[[Row], str]
) -> Iterator[tuple[list[str], Row]]:
    """Rows grouped by device, each with the heading lines before it; none for a single device."""
    ordered = sorted(rows, key=serial)
    several = bool(ordered) and serial(ordered[0]) != serial(ordered[-1])
    last = None
    for row in ordered:
        heading = [f"{serial(row)}:"] if several and serial(row) != last else []
        last = serial(row)
        yield heading, row


def format_ms(value: float) -> str:
    """Two decimals, or three digits below 1 ms."""
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"
