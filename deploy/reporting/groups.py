"""Results put together as a report shows them: by device, then by thread count."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ppghost.deploy.devices.base import format_cores
from ppghost.deploy.latency.results import LatencyResult, Result, device_identity
from ppghost.deploy.latency.stats import Estimate, unpaired_ratio
from ppghost.deploy.reporting.drawings.pareto import Point
from ppghost.deploy.reporting.messages import Messages


@dataclass
class Group:
    """Results of one device in one power mode; figures of two machines are never one group.

    `rows` by threads and median, `threads` ascending.
    """

    device: dict[str, Any]
    power_mode: str | None
    affinity: str | None
    rows: list[Result] = field(default_factory=list)

    @property
    def threads(self) -> list[int]:
        return sorted({row.threads for row in self.rows})

    @property
    def reference(self) -> str | None:
        """The model that all ratios are to; None without ratios or with several such models."""
        names = {row.ratio.reference for row in self.rows if row.ratio}
        return names.pop() if len(names) == 1 else None

    def at(self, threads: int) -> list[Result]:
        """The rows at one thread count."""
        return [row for row in self.rows if row.threads == threads]

    def title(self, t: Messages) -> str:
        """Who the device is."""
        device = self.device
        name = " ".join(filter(None, (device["model"], device["soc"], device["abi"])))
        version = device["lite_version"]
        runtime = t["runtime"].format(version=version) if version else t["runtime_unknown"]
        key = "host_title" if device["kind"] == "host" else "phone_title"
        return t[key].format(serial=device["serial"], name=name, runtime=runtime)

    def facts(self, t: Messages) -> str:
        """What else is known of it: Android, cores, and how threads were bound."""
        device, facts = self.device, []
        if device.get("android"):
            facts.append(t["android"].format(version=device["android"]))
        if device.get("cores"):
            facts.append(t["cores"].format(cores=format_cores(device["cores"])))
        if self.power_mode:
            facts.append(t["power_mode"].format(mode=self.power_mode))
        if self.affinity:
            facts.append(t["affinity"].format(mask=self.affinity))
        return t["comma"].join(facts)

    def panel_title(self, threads: int, t: Messages) -> str:
        """Device, threads and batch, short enough for a drawing; two lines."""
        device = self.device
        where = t["host_short"] if device["kind"] == "host" else device["serial"]
        head = t["panel_title"].format(where=where, threads=t.in_threads(threads))
        modes = [
            t[key].format(**{name: value})
            for key, name, value in (
                ("power_mode", "mode", self.power_mode),
                ("affinity", "mask", self.affinity),
            )
            if value
        ]
        return f"{head}\n{t['comma'].join([_shortened(device['model'] or ''), *modes])}"


def group_results(measured: Iterable[LatencyResult]) -> list[Group]:
    """All results, in the order in which their devices are met."""
    groups: dict[tuple, Group] = {}
    for each in measured:
        for result in each.results:
            binding = result.power_mode, result.affinity
            key = (*device_identity(result.device), *binding)
            groups.setdefault(key, Group(result.device, *binding)).rows.append(result)
    for group in groups.values():
        group.rows.sort(key=lambda row: (row.threads, row.stats.median if row.stats else 0.0))
    return list(groups.values())


def why_missing(row: Result, published: dict[str, Any], t: Messages) -> str | None:
    """Why a result has no place on the curve; None if it has one."""
    if row.status != "ok" or row.stats is None:
        return t["not_finished"]
    if row.model not in published["by_name"]:
        return t["no_accuracy"]
    if not row.inputs:
        return t["no_input"]
    if [tensor["shape"] for tensor in row.inputs] != [published["input"]]:
        return t["other_input"]
    if row.precision != "fp32":
        return t["other_precision"].format(precision=row.precision)
    return None


def measured_points(rows: Iterable[Result], published: dict[str, Any], t: Messages) -> list[Point]:
    """Measured latency and published accuracy of the rows that have both."""
    points = []
    for row in rows:
        if row.stats and not why_missing(row, published, t):
            known, stats = published["by_name"][row.model], row.stats
            points.append(
                Point(row.model, known["family"], stats.median, stats.ci95, known["top1"])
            )
    return points


@dataclass(frozen=True)
class Scaling:
    """A file timed with 1 thread and with more.

    Attributes:
        single: its result with 1 thread.
        more: by thread count, how many times as fast as with 1 thread; None if not measured.
    """

    single: Result
    more: dict[int, Estimate | None]


def speedups(group: Group) -> list[Scaling]:
    """Each file that was timed with 1 thread and with more.

    The estimates are by ranks of the counted rounds; without rounds they are the ratios of the
    medians, without an interval.
    """
    scaled = []
    for single in group.at(1):
        if not single.stats:
            continue
        more: dict[int, Estimate | None] = {}
        for threads in group.threads[1:]:
            same = [row for row in group.at(threads) if row.nb_sha256 == single.nb_sha256]
            more[threads] = _speedup(single, same[0]) if same else None
        if any(more.values()):
            scaled.append(Scaling(single, more))
    return scaled


def _speedup(single: Result, several: Result) -> Estimate | None:
    if not (single.stats and several.stats):
        return None
    slow, fast = (list(row.round_medians().values()) for row in (single, several))
    if not (slow and fast):
        return Estimate(single.stats.median / several.stats.median, None)
    return unpaired_ratio(slow, fast)


def files_measured(groups: Sequence[Group]) -> list[Result]:
    """One result for each file, by model."""
    files = {row.nb_sha256: row for group in groups for row in group.rows}
    return sorted(files.values(), key=lambda row: (row.model, row.precision))


def _shortened(text: str, most: int = 44) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
