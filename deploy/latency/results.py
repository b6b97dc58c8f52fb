"""Latency results, schema ppghost.latency/1: reading them, and what tells two of them apart."""

import os
import platform
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ppghost import __version__
from ppghost.deploy.latency.stats import FEWEST
from ppghost.errors import InputError
from ppghost.utils.files import read_json

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
    "params": None,
    "macs": None,
    "nb_bytes": None,
    "opt_version": None,
    "convert_command": None,
    "source_sha256": None,
    "inputs": [],
    "warning": None,
    "notes": [],
    "power_mode": None,
    "affinity": None,
    "samples_are": "inference",
    "samples_ms": [],
    "conditions": [],
    "ratio": None,
    "throttled": None,
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
            _check_extras(result)
            device_identity(result["device"])
        document["plan"].keys(), document["host"].keys()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: damaged latency result ({error}); measure again") from None
    return document


def _check_extras(result: dict[str, Any]) -> None:
    """Raises what reading them raises if they are not of the kinds that `bench` writes."""
    for condition in result["conditions"]:
        condition.get("throttled")
    "".join(result["notes"])
    if ratio := result["ratio"]:
        low, high = ratio["ci95"] or (0.0, 0.0)
        float(ratio["median"]), float(low), float(high), ratio["reference"].strip()


def device_identity(device: dict[str, Any]) -> tuple:
    """What must be equal for samples to count as of one device."""
    return tuple(device[key] for key in _DEVICE_KEYS)


def result_key(result: dict[str, Any]) -> tuple:
    """What must be equal for two results to measure the same thing."""
    return result["nb_sha256"], result["threads"], device_identity(result["device"])


def counted_rounds(result: dict[str, Any]) -> list[int]:
    """The rounds that the figures are made of: those that were not throttled.

    If they are too few for an interval, all are.
    """
    conditions = result["conditions"]
    fair = [index for index, one in enumerate(conditions) if not one.get("throttled")]
    return fair if len(fair) >= FEWEST else list(range(len(conditions)))


def round_medians(result: dict[str, Any], rounds: Iterable[int] | None = None) -> dict[int, float]:
    """The median of each round's samples, by round; of the counted rounds, or of `rounds`."""
    samples, total = result["samples_ms"], len(result["conditions"])
    size = len(samples) // total if total else 0
    return {
        index: statistics.median(samples[index * size : (index + 1) * size])
        for index in (counted_rounds(result) if rounds is None else rounds)
        if size
    }


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
        "ppghost": __version__,
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
    }
