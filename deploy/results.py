"""Latency results, schema ppghost.latency/1: reading them, and what tells two of them apart."""

import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

from deploy.stats import FEWEST
from ppghost.errors import InputError
from ppghost.files import read_json

SCHEMA = "ppghost.latency/1"
#: what the schema promises of every result
_RESULT_KEYS = (
    "model",
    "nb_sha256",
    "device",
    "threads",
    "precision",
    "status",
    "error",
    "stats",
    "output_check",
)
#: what `bench` adds to it, and what stands there in a file of another maker
_EXTRAS = {
    "weights": None,
    "nb_bytes": None,
    "inputs": [],
    "warning": None,
    "power_mode": None,
    "affinity": None,
    "samples_are": "inference",
    "samples_ms": [],
    "conditions": [],
    "ratio": None,
    "throttled": None,
    "preempted": None,
}
_DEVICE_KEYS = ("serial", "kind", "model", "soc", "abi", "lite_version")


def load_result(path: Path) -> dict[str, Any]:
    """Read a latency result. Raises InputError if it is unreadable or of another schema."""
    document = read_json(path)
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise InputError(f"{path}: not a latency result of schema {SCHEMA} (schema: {schema})")
    try:
        for result in document["results"]:
            for key in _RESULT_KEYS:
                result[key]
            for key, value in _EXTRAS.items():
                result.setdefault(key, value)
            device_identity(result["device"])
            counted_samples(result)
        document["plan"].keys(), document["host"].keys()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: damaged latency result ({error}); measure again") from None
    return document


def device_identity(device: dict[str, Any]) -> tuple:
    """What must be equal for samples to count as of one device."""
    return tuple(device[key] for key in _DEVICE_KEYS)


def result_key(result: dict[str, Any]) -> tuple:
    """What must be equal for two results to measure the same thing."""
    return result["nb_sha256"], result["threads"], device_identity(result["device"])


def counted_samples(result: dict[str, Any]) -> dict[int, list[float]]:
    """The samples that the figures are made of, by round; rounds without any are left out.

    They are those of rounds that were not throttled (of all rounds, if too few for an interval
    are left), and of these the inferences that were not preempted (all, if none is left): what
    another process adds by taking the core is no time of the model.
    """
    conditions = result["conditions"]
    fair = [index for index, one in enumerate(conditions) if not one.get("throttled")]
    size = len(result["samples_ms"]) // len(conditions) if conditions else 0
    bursts = {
        index: result["samples_ms"][index * size : (index + 1) * size]
        for index in (fair if len(fair) >= FEWEST else range(len(conditions)))
    }
    undisturbed = {
        index: [
            sample
            for sample, preemptions in zip(
                burst, conditions[index].get("preemptions") or [0] * size, strict=True
            )
            if not preemptions
        ]
        for index, burst in bursts.items()
    }
    return {index: burst for index, burst in undisturbed.items() if burst} or bursts


def round_medians(result: dict[str, Any]) -> dict[int, float]:
    """The median of each round's counted samples, by round."""
    return {index: statistics.median(burst) for index, burst in counted_samples(result).items()}


def shared_rounds(result: dict[str, Any], other: dict[str, Any]) -> tuple[list[float], list[float]]:
    """The round medians of two results of one file, of the rounds that count for both."""
    ours, theirs = _by_round(result), _by_round(other)
    shared = sorted(ours.keys() & theirs.keys())
    return [ours[key] for key in shared], [theirs[key] for key in shared]


def _by_round(result: dict[str, Any]) -> dict[tuple[str, int], float]:
    """Round medians by run and round: a resumed run has rounds of its own."""
    conditions = result["conditions"]
    return {
        (conditions[index].get("run", ""), conditions[index].get("round", index)): median
        for index, median in round_medians(result).items()
    }


def host_metadata() -> dict[str, Any]:
    """The machine and software that drive a measurement; nothing that names a person."""
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
    }
