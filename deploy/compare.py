"""Two latency results against each other: faster, slower, or cannot tell."""

from pathlib import Path
from typing import Any

from deploy.results import device_identity, load_result, round_medians
from deploy.stats import unpaired_ratio
from ppghost.errors import InputError

THRESHOLD = 0.05
#: what a result of the same model and threads must have in common beside its device
_SETTINGS = ("power_mode", "affinity", "samples_are", "inputs")
_PLAN_SETTINGS = ("repeats", "burst_warmup")


def compare(
    old: Path, new: Path, *, threshold: float = THRESHOLD, force: bool = False
) -> dict[str, Any]:
    """Compare two results of schema ppghost.latency/1, model by model and thread count.

    Returns {"rows": [{"model", "threads", "device", "verdict", "ratio", "ci95", "rounds",
    "regression", "why"}], "regressions", "threshold"}; "ratio" is new over old. A verdict other
    than "cannot tell" needs an interval without 1 in it; a regression is "slower" by more than
    `threshold` (a share), or a model that ran before and fails now. Raises InputError if devices
    or settings differ, unless `force`, or if nothing is common to both.
    """
    before, after = load_result(old), load_result(new)
    if not force:
        _refuse_other_conditions(before, after, old, new)
    known, found = _by_key(before, force), _by_key(after, force)
    rows = []
    for key, result in found.items():
        if key in known:
            if not force:
                _refuse_other_settings(known[key], result, new)
            rows.append(_row(known[key], result, threshold))
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
    for name in _PLAN_SETTINGS:
        was, is_ = before["plan"].get(name), after["plan"].get(name)
        if was != is_:
            raise InputError(f"{new}: {name} was {was} and is {is_}; --force compares anyway")


def _refuse_other_settings(old: dict[str, Any], new: dict[str, Any], where: Path) -> None:
    for name in _SETTINGS:
        if old[name] != new[name]:
            raise InputError(
                f"{where}: {new['model']}: {name} was {old[name]} and is {new[name]}; "
                "--force compares anyway"
            )


def _row(old: dict[str, Any], new: dict[str, Any], threshold: float) -> dict[str, Any]:
    row = {
        "model": new["model"],
        "threads": new["threads"],
        "device": new["device"]["serial"],
        "verdict": "cannot tell",
        "ratio": None,
        "ci95": None,
        "rounds": [len(round_medians(old)), len(round_medians(new))],
        "regression": False,
        "why": None,
    }
    if new["status"] == "failed" and old["status"] == "ok":
        return {**row, "regression": True, "why": f"fails now: {new['error']}"}
    if not (old["stats"] and new["stats"]):
        return {**row, "why": "not measured in both"}
    ratio, interval = unpaired_ratio(
        list(round_medians(new).values()), list(round_medians(old).values())
    )
    row |= {"ratio": ratio, "ci95": interval}
    if interval is None:
        return {**row, "why": "too few rounds"}
    if interval[0] > 1:
        return {**row, "verdict": "slower", "regression": ratio > 1 + threshold}
    if interval[1] < 1:
        return {**row, "verdict": "faster"}
    return {**row, "why": "may be chance"}
