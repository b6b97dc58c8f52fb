"""One result of schema ppghost.latency/1: begun, filled burst by burst, concluded."""

import logging
from collections.abc import Iterable
from typing import Any

from ppghost.deploy.devices.base import Burst, Device
from ppghost.deploy.latency.results import counted_rounds, shared_rounds
from ppghost.deploy.latency.stats import (
    MAX_RELATIVE_WIDTH,
    paired_ratio,
    relative_width,
    summarize,
    too_wide,
)
from ppghost.deploy.nb.sidecar import NbModel

logger = logging.getLogger(__name__)

#: share of the time that the host's inferences may wait for a core without a word
MOST_WAITED = 0.1
UNFINISHED = "not finished; run again with --resume"


def begin(model: NbModel, device: Device, threads: int) -> dict[str, Any]:
    """A result without a sample."""
    return {
        "model": model.name,
        "weights": model.weights,
        "params": model.params,
        "macs": model.macs,
        "nb": str(model.path),
        "nb_sha256": model.info.content_sha256,
        "nb_bytes": model.info.bytes,
        "opt_version": model.info.opt_version,
        "convert_command": model.command,
        "source_sha256": model.source_sha256,
        "inputs": model.inputs,
        "device": device.describe(),
        "threads": threads,
        "power_mode": device.power_mode,
        "affinity": device.affinity,
        "precision": model.info.precision,
        "status": "skipped",
        "error": UNFINISHED,
        "samples_are": device.sample_kind,
        "samples_ms": [],
        "warmup_ms": [],
        "stats": None,
        "ratio": None,
        "throttled": None,
        "warning": None,
        "notes": [],
        "conditions": [],
        "output_check": model.output_check,
    }


def add_burst(result: dict[str, Any], burst: Burst, condition: dict[str, Any]) -> None:
    """One round more, and the figures anew."""
    result["warmup_ms"] += burst.warmup_ms
    result["samples_ms"] += burst.samples_ms
    result["conditions"].append(condition)
    rounds, total = counted_rounds(result), len(result["conditions"])
    size = len(result["samples_ms"]) // total
    counted = [
        sample
        for index in rounds
        for sample in result["samples_ms"][index * size : (index + 1) * size]
    ]
    inferences = result["samples_are"] == "inference"
    result["stats"] = summarize(counted, len(rounds), percentiles=inferences)
    marked = sum(bool(one["throttled"]) for one in result["conditions"])
    result["throttled"] = {"rounds": marked, "in_stats": bool(marked) and len(rounds) == total}


def add_ratio(result: dict[str, Any], results: Iterable[dict[str, Any]], reference: str) -> None:
    """The ratio to the model `reference` among `results`, over the rounds that count for both."""
    other = next((one for one in results if one["model"] == reference), None)
    if other is None or not (other["stats"] and result["stats"]):
        return
    ours, theirs = shared_rounds(result, other)
    if ours:
        result["ratio"] = {"reference": reference, **paired_ratio(ours, theirs)}


def conclude(result: dict[str, Any], limitation: str | None) -> None:
    """Mark a result that did not fail as done, and say what is to be known about its figures.

    `notes` are single sentences, for the report; `warning` names model and threads too.
    """
    if result["status"] == "failed" or not result["stats"]:
        return
    result["status"], result["error"] = "ok", None
    head = f"{result['model']}, threads {result['threads']}"
    notes = _notes(result)
    warnings = [f"{head}: {note}" for note in notes]
    for warning in warnings:
        logger.warning("%s", warning)
    if limitation:
        notes.append(limitation)
        warnings.append(f"threads {result['threads']}: {limitation}")
    result["notes"], result["warning"] = notes, "; ".join(warnings) or None


def _notes(result: dict[str, Any]) -> list[str]:
    notes = (_spread, _throttling, _waiting, _unchecked)
    return list(filter(None, (note(result) for note in notes)))


def _spread(result: dict[str, Any]) -> str | None:
    if not too_wide(result["stats"]):
        return None
    width = relative_width(result["stats"])
    problem = (
        "too few rounds for an interval"
        if width is None
        else f"the 95 % interval is {width:.1%} of the median (trusted up to "
        f"{MAX_RELATIVE_WIDTH:.0%})"
    )
    return f"{problem}; measure again with more --rounds, and with nothing else running"


def _throttling(result: dict[str, Any]) -> str | None:
    marked = [one["throttled"] for one in result["conditions"] if one.get("throttled")]
    if not marked:
        return None
    kept = "kept, but not in the figures"
    treated = "counted, as too few others are left" if result["throttled"]["in_stats"] else kept
    total = len(result["conditions"])
    return f"{len(marked)} of {total} rounds were throttled ({marked[0]}); {treated}"


def _waiting(result: dict[str, Any]) -> str | None:
    waited = sum(sum(one.get("waited_ms") or ()) for one in result["conditions"])
    share = waited / (waited + sum(result["samples_ms"]))
    if share <= MOST_WAITED:
        return None
    return f"other processes had the core for {share:.0%} of the time; that is not counted"


def _unchecked(result: dict[str, Any]) -> str | None:
    check = result["output_check"] or {}
    return f"outputs not checked on the device: {check['why']}" if check.get("why") else None
