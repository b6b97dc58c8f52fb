"""The tables of a report, the same for the page and for Markdown; every cell is finished text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ppghost.deploy.devices.notes import format_note
from ppghost.deploy.latency.results import Result
from ppghost.deploy.latency.stats import Estimate
from ppghost.deploy.latency.tables import milliseconds
from ppghost.deploy.reporting.groups import Group, files_measured, speedups
from ppghost.deploy.reporting.messages import Messages
from ppghost.formats.exported import RANDOM_WEIGHTS

NOTHING = "-"


@dataclass(frozen=True)
class Table:
    """Headers and cells. The first column and those in `words` are text, the others figures."""

    headers: list[str]
    rows: list[list[str]]
    words: frozenset[int] = frozenset()


def latency_table(group: Group, t: Messages) -> Table:
    """A line a result: the figures, or that there are none."""
    reference = group.reference
    ratio = t["ratio"].format(reference=reference) if reference else t["ratio_any"]
    headers = [
        t["model"], t["threads"], t["median_ms"], t["interval_ms"], ratio, t["mad_ms"], t["p90_ms"],
        t["samples"], t["precision"], t["status"],
    ]  # fmt: skip
    return Table(headers, [_latency_row(row, t) for row in group.rows], frozenset({8, 9}))


def _latency_row(row: Result, t: Messages) -> list[str]:
    stats = row.stats
    status = t.get(f"status_{row.status}", row.status)
    if row.status == "ok" and (row.warning or row.notes):
        status = t["see_warning"]
    return [
        row.model,
        str(row.threads),
        _ms(stats.median if stats else None),
        _interval(stats.ci95 if stats else None, t),
        _with_interval(row.ratio, t),
        _ms(stats.mad if stats else None),
        _ms(stats.p90 if stats else None),
        str(stats.n if stats else 0),
        row.precision,
        status,
    ]


def scaling_table(group: Group, t: Messages) -> Table | None:
    """Speed-ups over 1 thread; None where no model was timed with 1 thread and more."""
    scaled = speedups(group)
    if not scaled:
        return None
    several = group.threads[1:]
    headers = [t["model"], t["precision"], t["threads_ms"].format(threads=t.in_threads(1))]
    rows = [
        [
            scaling.single.model,
            scaling.single.precision,
            _ms(scaling.single.stats.median if scaling.single.stats else None),
            *(_with_interval(scaling.more[threads], t, t["times"]) for threads in several),
        ]
        for scaling in scaled
    ]
    return Table([*headers, *map(t.in_threads, several)], rows, frozenset({1}))


def size_table(groups: Sequence[Group], t: Messages) -> Table:
    """A line a file: its size, and what its network costs."""
    headers = [
        t["model"], t["precision"], t["input"], t["size_mb"], t["params_m"], t["macs_m"],
        t["weights"],
    ]  # fmt: skip
    rows = [
        [
            row.model,
            row.precision,
            shape_text(row) or NOTHING,
            _millions(row.nb_bytes),
            _millions(row.params),
            _millions(row.macs),
            weights_text(row, t),
        ]
        for row in files_measured(groups)
    ]
    return Table(headers, rows, frozenset({1, 6}))


def checks_table(groups: Sequence[Group], t: Messages) -> Table:
    """What every file's outputs were compared with; a line a device, file and outcome."""
    headers = [t["model"], t["device"], t["compared"], t["difference"], t["outcome"]]
    rows = [
        [row.model, group.device["serial"], *_check(row.output_check, t)]
        for group in groups
        for row in group.rows
    ]
    return Table(headers, list(map(list, dict.fromkeys(map(tuple, rows)))), frozenset({1, 2, 4}))


def _check(check: Mapping[str, Any] | None, t: Messages) -> list[str]:
    if not check:
        return [t["not_compared"], NOTHING, NOTHING]
    difference = check["max_abs_diff"]
    if check.get("ok") is None:
        reason = check.get("why")
        return [t["not_compared"], NOTHING, format_note(reason, t.lang) if reason else NOTHING]
    where = t["on_device"] if check.get("where") == "device" else t["at_conversion"]
    shown = NOTHING if difference is None else f"{difference:.2g}"
    return [where, shown, t["agrees"] if check["ok"] else t["differs"]]


def published_table(published: dict[str, Any], t: Messages) -> Table:
    """The figures of others, as published."""
    headers = [
        t["model"], t["top1"], t["top5"],
        *(t["threads_ms"].format(threads=t.in_threads(count)) for count in published["threads"]),
        t["mflops"], t["params_m"],
    ]  # fmt: skip
    rows = [
        [
            row["name"],
            f"{100 * row['top1']:.2f}",
            f"{100 * row['top5']:.2f}",
            *map(_ms, row["sd855_ms"] or [None] * len(published["threads"])),
            f"{row['mflops']:.2f}",
            f"{row['params_m']:.2f}",
        ]
        for row in published["models"]
    ]
    return Table(headers, rows)


def files_table(groups: Sequence[Group], t: Messages) -> Table:
    """What identifies the files measured."""
    headers = [t["model"], t["precision"], t["opt_version"], t["nb_sha"], t["source_sha"]]
    rows = [
        [
            row.model,
            row.precision,
            row.opt_version or NOTHING,
            row.nb_sha256,
            row.source_sha256 or NOTHING,
        ]
        for row in files_measured(groups)
    ]
    return Table(headers, rows, frozenset({1, 2, 3, 4}))


def shape_text(row: Result) -> str:
    """'1x3x224x224', one for each input."""
    return " ".join("x".join(map(str, tensor["shape"])) for tensor in row.inputs)


def weights_text(row: Result, t: Messages) -> str:
    """Where the weights are from, as far as it is known."""
    if row.weights == RANDOM_WEIGHTS:
        return t["weights_random"]
    return row.weights or t["weights_unknown"]


def _ms(value: float | None) -> str:
    return NOTHING if value is None else milliseconds(value)


def _millions(value: int | None) -> str:
    return NOTHING if value is None else f"{value / 1e6:.2f}"


def _interval(ci95: Sequence[float] | None, t: Messages) -> str:
    return _range(map(milliseconds, ci95), t) if ci95 else NOTHING


def _range(ends: Iterable[str], t: Messages) -> str:
    low, high = ends
    return t["interval"].format(low=low, high=high)


def _with_interval(estimate: Estimate | None, t: Messages, form: str = "{value}") -> str:
    """A ratio with its interval, its median put into `form`."""
    if not estimate:
        return NOTHING
    value = form.format(value=f"{estimate.median:.3f}")
    if not estimate.ci95:
        return value
    interval = _range((f"{end:.3f}" for end in estimate.ci95), t)
    return t["with_interval"].format(value=value, interval=interval)
