"""Results put together as a report shows them: by device, then by thread count."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ppghost.deploy.devices.base import format_cores
from ppghost.deploy.latency.guideline_ratios import guideline_models
from ppghost.deploy.latency.layer_shares import part_hashes
from ppghost.deploy.latency.results import LatencyResult, Result, device_identity
from ppghost.deploy.latency.stats import Estimate, unpaired_ratio
from ppghost.deploy.reporting.messages import Messages

#: the serial of the machine that ppghost itself runs on
_HOST = "host"
#: of a device's name in a drawing
_MAX_LETTERS = 44


@dataclass
class Group:
    """Results of one device in one power mode; figures of two machines are never one group.

    Attributes:
        device: its description.
        power_mode, affinity: how threads were bound to cores; None where nothing was said.
        rows: by threads and median.
    """

    device: dict[str, Any]
    power_mode: str | None
    affinity: str | None
    rows: list[Result] = field(default_factory=list)

    @property
    def threads(self) -> list[int]:
        """The thread counts, ascending."""
        return sorted({row.threads for row in self.rows})

    @property
    def reference(self) -> str | None:
        """The model that all ratios are to; None without ratios or with several such models."""
        names = {row.ratio.reference for row in self.rows if row.ratio}
        return names.pop() if len(names) == 1 else None

    def at(self, threads: int) -> list[Result]:
        """The rows at one thread count."""
        return [row for row in self.rows if row.threads == threads]

    @property
    def is_phone(self) -> bool | None:
        """Whether it runs Android; None if its description does not tell."""
        return bool(self.device["android"]) if "android" in self.device else None

    def format_device(self, t: Messages, form: str) -> str:
        """The device's name.

        Args:
            t: words.
            form: of this host, which has no other name: "name", "short" or "in_sentence".
        """
        serial = self.device["serial"]
        return t[f"host_{form}"] if serial == _HOST else serial

    def format_title(self, t: Messages) -> str:
        """Who the device is."""
        device = self.device
        name = " ".join(filter(None, (device["model"], device["soc"], device["abi"])))
        version = device["lite_version"]
        runtime = t["runtime"].format(version=version) if version else t["runtime_unknown"]
        head = self._format_head(t, "name")
        return t["device_title"].format(device=head, name=name, runtime=runtime)

    def format_facts(self, t: Messages) -> str:
        """What else is known of it: Android, cores, and how threads were bound."""
        device, facts = self.device, []
        if device.get("android"):
            facts.append(t["android"].format(version=device["android"]))
        if device.get("cores"):
            facts.append(t["cores"].format(cores=format_cores(device["cores"])))
        return t["comma"].join([*facts, *self._format_binding(t)])

    def format_panel_title(self, threads: int, t: Messages) -> str:
        """Device, threads and batch, short enough for a drawing; two lines."""
        head = t["panel_title"].format(
            device=self._format_head(t, "short"), threads=t.format_threads(threads)
        )
        model = _shorten(self.device["model"] or "")
        return f"{head}\n{t['comma'].join([model, *self._format_binding(t)])}"

    def _format_head(self, t: Messages, form: str) -> str:
        name = self.format_device(t, form)
        return t["no_phone"].format(device=name) if self.is_phone is False else name

    def _format_binding(self, t: Messages) -> list[str]:
        """How threads were bound to cores, as far as it was said."""
        binding = []
        if self.power_mode:
            binding.append(t["power_mode"].format(mode=self.power_mode))
        if self.affinity:
            binding.append(t["affinity"].format(mask=self.affinity))
        return binding


def group_results(measured: Iterable[LatencyResult]) -> list[Group]:
    """Put results together.

    Args:
        measured: what was measured, by campaign.

    Returns:
        The groups, in the order in which their devices are met.
    """
    groups: dict[tuple, Group] = {}
    for campaign in measured:
        for result in campaign.results:
            binding = result.power_mode, result.affinity
            key = (*device_identity(result.device), *binding)
            groups.setdefault(key, Group(result.device, *binding)).rows.append(result)
    for group in groups.values():
        group.rows.sort(key=lambda row: (row.threads, row.stats.median if row.stats else 0.0))
    return list(groups.values())


def models_alone(measured: LatencyResult) -> LatencyResult:
    """What was measured without a network's layers and the test nets of guidelines.

    These have sections of their own; they are no models that anybody chooses between.
    """
    parts, nets = part_hashes(measured), guideline_models(measured)
    return replace(
        measured,
        results=[
            result
            for result in measured.results
            if result.nb_sha256 not in parts and result.model not in nets
        ],
    )


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


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_LETTERS else f"{text[: _MAX_LETTERS - 1]}…"
