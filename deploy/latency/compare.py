"""Two latency results against each other: faster, slower, or cannot tell.

A machine is not as fast today as it was yesterday (others use its memory, it is warmer), which no
number of rounds within a campaign shows. So where both files timed the same reference model, what
is compared is each round's ratio to it, and what is left of such differences is a margin beside the
interval, as no interval of one campaign covers it. That model itself, the same file on the same
runtime, tells how much faster or slower the device is than it was.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from ppghost.deploy.devices.discovery import KINDS
from ppghost.deploy.latency.power import MS_DRIFT, RATIO_DRIFT, detectable
from ppghost.deploy.latency.results import (
    LatencyResult,
    Result,
    device_identity,
    load_result,
    shared_rounds,
)
from ppghost.deploy.latency.schema import Plan
from ppghost.deploy.latency.stats import Interval, unpaired_ratio
from ppghost.errors import InputError
from ppghost.i18n import tr

THRESHOLD = 0.05
#: the result of one model and thread count in the old file and in the new
Pair = tuple[Result, Result]
#: what a result of the same model and threads must have in common beside its device
_SETTINGS = ("power_mode", "affinity", "samples_are", "inputs", "image_sha256")
#: inferences of a burst where a plan leaves them to the device, by its kind
_REPEATS = {device.kind: device.repeats for device in KINDS}


@dataclass(frozen=True)
class Row:
    """One model at one thread count, old against new.

    Attributes:
        device: its serial.
        ratio: new over old, of latencies or, with a `reference`, of their ratios to that model in
            the same rounds; with its interval, None for too few rounds.
        rounds: how many counted, old and new.
        drift: what two campaigns of one model may differ by, as a share.
        detectable: the least slowdown, as a share, that two such campaigns find in 80 % of cases;
            None for too few rounds.
        regression: slower by more than the threshold, or failing where it ran before; never of a
            file that is the same on the same runtime.
        why: what to know about the verdict.
    """

    model: str
    threads: int
    device: str
    verdict: Literal["faster", "slower", "cannot tell"] = "cannot tell"
    ratio: float | None = None
    ci95: Interval | None = None
    rounds: tuple[int, ...] = ()
    reference: str | None = None
    drift: float = 0.0
    detectable: float | None = None
    regression: bool = False
    why: str | None = None


@dataclass(frozen=True)
class Shift:
    """How many times as long a device takes as it did, by one unchanged file."""

    device: str
    threads: int
    reference: str
    ratio: float
    ci95: Interval | None

    @property
    def words(self) -> str:
        """'this device is 10.0 % slower than it was'."""
        if self.ci95 is None or self.ci95[0] <= 1 <= self.ci95[1]:
            return tr("this device is as fast as it was")
        slower = tr("this device is {share:.1%} slower than it was")
        faster = tr("this device is {share:.1%} faster than it was")
        return (slower if self.ratio > 1 else faster).format(share=abs(self.ratio - 1))


@dataclass(frozen=True)
class Comparison:
    """Two latency results against each other.

    Attributes:
        threshold: share above which slower is a regression.
        shifts: of each device whose reference model is the same file in both.
        not_compared: models that one of the files lacks.
    """

    old: str
    new: str
    threshold: float
    rows: list[Row]
    not_compared: list[str]
    shifts: list[Shift] = field(default_factory=list)

    @property
    def regressions(self) -> list[str]:
        """The models that are slower, or fail now."""
        return [row.model for row in self.rows if row.regression]

    def to_json(self) -> dict[str, Any]:
        """As `ppghost compare --json` writes it."""
        content = msgspec.json.encode(self, enc_hook=str)  # messages are texts
        return {**msgspec.json.decode(content), "regressions": self.regressions}


def compare(
    old: str | Path,
    new: str | Path,
    *,
    threshold: float = THRESHOLD,
    drift: float | None = None,
    force: bool = False,
) -> Comparison:
    """Compare two results of schema ppghost.latency/1, model by model and thread count.

    The reference is the new file's, if the old one timed the same `.nb` file. A verdict other than
    "cannot tell" needs an interval that ends further from 1 than `drift`; a regression is "slower"
    by more than `threshold`, or a model that ran before and fails now.

    Args:
        old, new: the files.
        threshold: a share.
        drift: a share; None: RATIO_DRIFT with a reference, MS_DRIFT without.
        force: also across devices and settings.

    Returns:
        A verdict for each model and thread count that is in both.

    Raises:
        InputError: devices or settings differ, or nothing is common to both.
    """
    old, new = Path(old), Path(new)
    before, after = load_result(old), load_result(new)
    if not force:
        _refuse_other_conditions(before, after, old, new)
    known, found = _by_key(before, force), _by_key(after, force)
    pairs = {key: (known[key], result) for key, result in found.items() if key in known}
    rows, shifts = [], []
    for pair in pairs.values():
        if not force:
            _refuse_other_settings(*pair, new)
        reference = _common_reference(pair[1], pairs.values(), after.plan.reference)
        row = _row(*pair, reference, threshold, drift)
        if shift := _shift(*pair, row, after.plan.reference):
            shifts.append(shift)
            why = tr("the same file: {words}").format(words=shift.words)
            row = replace(row, verdict="cannot tell", regression=False, why=why)
        elif row.regression and _is_unchanged(*pair):
            why = tr("the same file on the same runtime: what else ran on the device has changed")
            row = replace(row, regression=False, why=why)
        rows.append(row)
    if not rows:
        raise InputError("{new}: no model and thread count in common with {old}", new=new, old=old)
    not_compared = sorted({key[0] for key in known.keys() ^ found.keys()})
    return Comparison(str(old), str(new), threshold, rows, not_compared, shifts)


def _by_key(measured: LatencyResult, force: bool) -> dict[tuple, Result]:
    """Results by what must be equal; whatever the device, if `force`."""
    return {
        (result.model, result.threads, result.precision, not force and _device(result)): result
        for result in measured.results
    }


def _device(result: Result) -> tuple:
    return device_identity(result.device)


def _refuse_other_conditions(
    before: LatencyResult, after: LatencyResult, old: Path, new: Path
) -> None:
    known, found = ({_device(result) for result in each.results} for each in (before, after))
    if others := found - known:
        name = " ".join(map(str, filter(None, min(others, key=str))))
        raise InputError(
            "{new}: measured on {name}, of which {old} holds nothing; --force compares anyway",
            new=new,
            name=name,
            old=old,
        )
    for kind in sorted({result.device["kind"] for result in after.results}):
        was, now = _bursts(before.plan, kind), _bursts(after.plan, kind)
        for name in was:
            if was[name] != now[name]:
                raise InputError(
                    "{new}: {name} was {was} and is {now}; --force compares anyway",
                    new=new,
                    name=name,
                    was=was[name],
                    now=now[name],
                )


def _bursts(plan: Plan, kind: str) -> dict[str, int | str | None]:
    """What a burst on a device of that kind was, as far as the plan tells."""
    return {
        "repeats": _REPEATS.get(kind) if plan.repeats is None else plan.repeats,
        "burst_warmup": plan.burst_warmup,
    }


def _refuse_other_settings(old: Result, new: Result, file: Path) -> None:
    for name in _SETTINGS:
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            raise InputError(
                "{file}: {model}: {name} was {was} and is {now}; --force compares anyway",
                file=file,
                model=new.model,
                name=name,
                was=was,
                now=now,
            )


def _common_reference(result: Result, pairs: Iterable[Pair], reference: str | None) -> Pair | None:
    """The reference model of `result`'s campaign, old and new, if both are one file."""
    for old, new in pairs:
        if (
            new is not result
            and new.model == reference
            and (new.threads, _device(new)) == (result.threads, _device(result))
            and new.nb_sha256 == old.nb_sha256
            and old.stats
            and new.stats
        ):
            return old, new
    return None


def _row(
    old: Result, new: Result, reference: Pair | None, threshold: float, drift: float | None
) -> Row:
    if drift is None:
        drift = RATIO_DRIFT if reference else MS_DRIFT
    bases = reference or (None, None)
    samples = [_per_round(result, base) for result, base in zip((old, new), bases, strict=True)]
    row = Row(
        model=new.model,
        threads=new.threads,
        device=new.device["serial"],
        rounds=tuple(map(len, samples)),
        reference=reference and reference[1].model,
        drift=drift,
    )
    if new.status == "failed" and old.status == "ok":
        return replace(row, regression=True, why=tr("fails now: {error}").format(error=new.error))
    if not (old.stats and new.stats):
        return replace(row, why=tr("not measured in both"))
    if not all(samples):
        return replace(row, why=tr("too few rounds"))
    estimate = unpaired_ratio(samples[1], samples[0])
    row = replace(row, ratio=estimate.median, ci95=estimate.ci95)
    if estimate.ci95 is None:
        return replace(row, why=tr("too few rounds"))
    row = replace(row, detectable=detectable(estimate.ci95, drift))
    low, high = estimate.ci95
    if low > 1 + drift:
        return replace(row, verdict="slower", regression=estimate.median > 1 + threshold)
    if high < 1 / (1 + drift):
        return replace(row, verdict="faster")
    by_chance = low <= 1 <= high
    why = (
        tr("may be chance")
        if by_chance
        else tr("two campaigns of one model may differ by {drift:.1%}").format(drift=drift)
    )
    return replace(row, why=why)


def _is_unchanged(old: Result, new: Result) -> bool:
    """Whether both are of one file on one device and runtime: it cannot have become slower."""
    same = (old.nb_sha256, _device(old)) == (new.nb_sha256, _device(new))
    return same and new.status != "failed"


def _shift(old: Result, new: Result, row: Row, reference: str | None) -> Shift | None:
    """What the reference's row says of the device; None where it is no yardstick."""
    if new.model != reference or not _is_unchanged(old, new) or row.ratio is None:
        return None
    return Shift(row.device, row.threads, new.model, row.ratio, row.ci95)


def _per_round(result: Result, reference: Result | None) -> list[float]:
    """Each round's latency, or its ratio to the reference's in that round."""
    if reference is None:
        return list(result.round_medians().values())
    rounds = zip(*shared_rounds(result, reference), strict=True)
    return [latency / base for latency, base in rounds]
