"""Two latency results against each other: faster, slower, or cannot tell.

A machine is not as fast today as it was yesterday (others use its memory, it is warmer), which no
number of rounds within a campaign shows. So where both files timed the same reference model, what
is compared is each round's ratio to it, and what is left of such differences is a margin beside the
interval, as no interval of one campaign covers it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ppghost.deploy.devices.discovery import KINDS
from ppghost.deploy.latency.results import (
    device_identity,
    load_result,
    round_medians,
    shared_rounds,
)
from ppghost.deploy.latency.stats import unpaired_ratio
from ppghost.errors import InputError

THRESHOLD = 0.05
#: by how much two campaigns of one unchanged model may differ beyond their intervals, as a share:
#: in ratios to a reference model, and in milliseconds. Measured on a host (docs/results.md), where
#: 95 % of them differ by no more; nobody has measured phones
RATIO_DRIFT, MS_DRIFT = 0.015, 0.05
#: the result of one model and thread count in the old file and in the new
Pair = tuple[dict[str, Any], dict[str, Any]]
#: what a result of the same model and threads must have in common beside its device
_SETTINGS = ("power_mode", "affinity", "samples_are", "inputs")
#: inferences of a burst where a plan leaves them to the device, by its kind
_REPEATS = {device.kind: device.repeats for device in KINDS}


def compare(
    old: Path,
    new: Path,
    *,
    threshold: float = THRESHOLD,
    drift: float | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Compare two results of schema ppghost.latency/1, model by model and thread count.

    Returns {"rows": [{"model", "threads", "device", "verdict", "ratio", "ci95", "rounds",
    "reference", "drift", "regression", "why"}], "regressions", "threshold"}; "ratio" is new over
    old, of latencies or, with a "reference", of their ratios to that model in the same rounds: the
    new file's reference, if the old one timed the same `.nb` file. A verdict other than "cannot
    tell" needs an interval that ends further from 1 than `drift` (None: RATIO_DRIFT with a
    reference, MS_DRIFT without); a regression is "slower" by more than `threshold` (a share), or a
    model that ran before and fails now. Raises InputError if devices or settings differ, unless
    `force`, or if nothing is common to both.
    """
    before, after = load_result(old), load_result(new)
    if not force:
        _refuse_other_conditions(before, after, old, new)
    known, found = _by_key(before, force), _by_key(after, force)
    pairs = {key: (known[key], result) for key, result in found.items() if key in known}
    rows = []
    for pair in pairs.values():
        if not force:
            _refuse_other_settings(*pair, new)
        reference = _common_reference(pair[1], pairs.values(), after["plan"].get("reference"))
        rows.append(_row(*pair, reference, threshold, drift))
    if not rows:
        raise InputError(f"{new}: no model and thread count in common with {old}")
    return {
        "old": str(old),
        "new": str(new),
        "threshold": threshold,
        "rows": rows,
        "regressions": [row["model"] for row in rows if row["regression"]],
        "not_compared": sorted({key[0] for key in known.keys() ^ found.keys()}),
    }


def _by_key(document: dict[str, Any], force: bool) -> dict[tuple, dict[str, Any]]:
    """Results by what must be equal; whatever the device, if `force`."""
    return {
        (one["model"], one["threads"], one["precision"], not force and _device(one)): one
        for one in document["results"]
    }


def _device(result: dict[str, Any]) -> tuple:
    return device_identity(result["device"])


def _refuse_other_conditions(
    before: dict[str, Any], after: dict[str, Any], old: Path, new: Path
) -> None:
    known, found = ({_device(one) for one in doc["results"]} for doc in (before, after))
    if others := found - known:
        name = " ".join(map(str, filter(None, min(others, key=str))))
        raise InputError(
            f"{new}: measured on {name}, of which {old} holds nothing; --force compares anyway"
        )
    kinds = {one["device"]["kind"] for one in after["results"]}
    for was, is_ in (
        (_bursts(before["plan"], kind), _bursts(after["plan"], kind)) for kind in sorted(kinds)
    ):
        for name in was:
            if was[name] != is_[name]:
                raise InputError(
                    f"{new}: {name} was {was[name]} and is {is_[name]}; --force compares anyway"
                )


def _bursts(plan: dict[str, Any], kind: str) -> dict[str, int | None]:
    """What a burst on a device of that kind was, as far as the plan tells."""
    repeats = plan.get("repeats", "unknown")
    return {
        "repeats": _REPEATS.get(kind) if repeats is None else repeats,
        "burst_warmup": plan.get("burst_warmup"),
    }


def _refuse_other_settings(old: dict[str, Any], new: dict[str, Any], where: Path) -> None:
    for name in _SETTINGS:
        if old[name] != new[name]:
            raise InputError(
                f"{where}: {new['model']}: {name} was {old[name]} and is {new[name]}; "
                "--force compares anyway"
            )


def _common_reference(
    result: dict[str, Any], pairs: Iterable[Pair], reference: str | None
) -> Pair | None:
    """The reference model of `result`'s campaign, old and new, if both are one file."""
    for old, new in pairs:
        if (
            new is not result
            and new["model"] == reference
            and (new["threads"], _device(new)) == (result["threads"], _device(result))
            and new["nb_sha256"] == old["nb_sha256"]
            and old["stats"]
            and new["stats"]
        ):
            return old, new
    return None


def _row(
    old: dict[str, Any],
    new: dict[str, Any],
    reference: Pair | None,
    threshold: float,
    drift: float | None,
) -> dict[str, Any]:
    if drift is None:
        drift = RATIO_DRIFT if reference else MS_DRIFT
    samples = [
        _per_round(one, other)
        for one, other in zip((old, new), reference or (None, None), strict=True)
    ]
    row = {
        "model": new["model"],
        "threads": new["threads"],
        "device": new["device"]["serial"],
        "verdict": "cannot tell",
        "ratio": None,
        "ci95": None,
        "rounds": [len(one) for one in samples],
        "reference": reference and reference[1]["model"],
        "drift": drift,
        "regression": False,
        "why": None,
    }
    if new["status"] == "failed" and old["status"] == "ok":
        return {**row, "regression": True, "why": f"fails now: {new['error']}"}
    if not (old["stats"] and new["stats"]):
        return {**row, "why": "not measured in both"}
    if not all(samples):
        return {**row, "why": "too few rounds"}
    ratio, interval = unpaired_ratio(samples[1], samples[0])
    row |= {"ratio": ratio, "ci95": interval}
    if interval is None:
        return {**row, "why": "too few rounds"}
    if interval[0] > 1 + drift:
        return {**row, "verdict": "slower", "regression": ratio > 1 + threshold}
    if interval[1] < 1 / (1 + drift):
        return {**row, "verdict": "faster"}
    chance = interval[0] <= 1 <= interval[1]
    why = "may be chance" if chance else f"two campaigns of one model may differ by {drift:.1%}"
    return {**row, "why": why}


def _per_round(result: dict[str, Any], reference: dict[str, Any] | None) -> list[float]:
    """Each round's latency, or its ratio to the reference's in that round."""
    if reference is None:
        return list(round_medians(result).values())
    return [ours / theirs for ours, theirs in zip(*shared_rounds(result, reference), strict=True)]
