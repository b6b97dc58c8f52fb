"""Latency results, schema ppghost.latency/1: what they hold, and how they are read and written.

In memory the samples of a result are kept round by round (`Result.rounds`); in a file they stand
one after the other, with the conditions of each round beside them (`ResultRecord`). The dataclasses
here are the one definition of the form; `latency.schema.json` is made of them.
"""

import os
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from ppghost import __version__
from ppghost.deploy.devices.notes import NoteOrText
from ppghost.deploy.latency.stats import MIN_ROUNDS, Ratio, Stats
from ppghost.errors import InputError
from ppghost.utils.files import read_json, write_json

SCHEMA: Final = "ppghost.latency/1"
_DEVICE_KEYS = ("serial", "kind", "model", "soc", "abi", "lite_version")

Status = Literal["ok", "failed", "skipped"]


@dataclass
class Round:
    """One burst of a model.

    Attributes:
        samples_ms: those that count, in ms.
        conditions: the device's state and the sensors then: t, temp_c, freq_khz, freq_cap_khz,
            battery, after, ..., and which "round" of which "run" it was.
        throttled: why it was not run at full speed; None if nothing says so.
    """

    samples_ms: list[float]
    conditions: dict[str, Any]
    throttled: NoteOrText | None = None

    @property
    def median(self) -> float:
        """In ms."""
        return statistics.median(self.samples_ms)

    def key(self, index: int) -> tuple[str, int]:
        """Which round of which run, for the round that is number `index` of its result.

        A resumed run has rounds of its own.
        """
        return self.conditions.get("run") or "", self.conditions.get("round", index)


@dataclass
class ThrottledRounds:
    """How many rounds were throttled, and whether the figures are made of them all the same."""

    rounds: int
    in_stats: bool


@dataclass(kw_only=True)
class _ResultFields:
    """What a result holds beside its rounds; optional is what files of other makers may lack."""

    model: str
    nb_sha256: str
    device: dict[str, Any]
    threads: int
    precision: str
    status: Status
    error: str | None
    stats: Stats | None
    output_check: Mapping[str, Any] | None
    weights: str | None = None
    params: int | None = None
    macs: int | None = None
    nb: str | None = None
    nb_bytes: int | None = None
    opt_version: str | None = None
    convert_command: str | None = None
    source_sha256: str | None = None
    inputs: list[dict[str, Any]] = field(default_factory=list)
    power_mode: str | None = None
    affinity: str | None = None
    samples_are: str = "inference"
    warmup_ms: list[float] = field(default_factory=list)
    ratio: Ratio | None = None
    throttled: ThrottledRounds | None = None
    warning: str | None = None
    notes: list[NoteOrText] = field(default_factory=list)

    def common(self) -> dict[str, Any]:
        """These fields, by name."""
        return {each.name: getattr(self, each.name) for each in fields(_ResultFields)}


@dataclass(kw_only=True)
class ResultRecord(_ResultFields):
    """A result as it stands in a file."""

    samples_ms: list[float] = field(default_factory=list)
    conditions: list[dict[str, Any]] = field(default_factory=list)


@dataclass(kw_only=True)
class Result(_ResultFields):
    """One model at one thread count on one device.

    Attributes:
        rounds: in the order in which they were measured.
        unassigned_ms: samples of a file of another maker, which tells nothing of rounds.
    """

    rounds: list[Round] = field(default_factory=list)
    unassigned_ms: list[float] = field(default_factory=list)

    @property
    def identity(self) -> tuple:
        """What must be equal for two results to measure the same thing."""
        return self.nb_sha256, self.threads, device_identity(self.device)

    @property
    def samples_ms(self) -> list[float]:
        """Every sample, in the order in which they were measured."""
        measured = [sample for each in self.rounds for sample in each.samples_ms]
        return self.unassigned_ms + measured

    def counted_rounds(self) -> list[int]:
        """Numbers of the rounds that the figures are made of: those that were not throttled.

        If they are too few for an interval, all are.
        """
        fair = [number for number, each in enumerate(self.rounds) if not each.throttled]
        return fair if len(fair) >= MIN_ROUNDS else list(range(len(self.rounds)))

    def round_medians(self, rounds: Iterable[int] | None = None) -> dict[int, float]:
        """The median of each round's samples in ms, by number; of the counted ones if None."""
        chosen = self.counted_rounds() if rounds is None else rounds
        return {
            number: self.rounds[number].median
            for number in chosen
            if self.rounds[number].samples_ms
        }

    def to_record(self) -> ResultRecord:
        """The form that it has in a file."""
        conditions = [{**each.conditions, "throttled": each.throttled} for each in self.rounds]
        return ResultRecord(**self.common(), samples_ms=self.samples_ms, conditions=conditions)

    @classmethod
    def from_record(cls, record: ResultRecord) -> "Result":
        """The result of a file's form.

        Raises:
            msgspec.ValidationError: a reason for throttling is neither a note nor a text.
        """
        count = len(record.conditions)
        size = len(record.samples_ms) // count if count else 0
        rounds = []
        for number, condition in enumerate(record.conditions):
            conditions = dict(condition)
            throttled = msgspec.convert(conditions.pop("throttled", None), NoteOrText | None)
            samples = record.samples_ms[number * size : (number + 1) * size]
            rounds.append(Round(samples, conditions, throttled))
        return cls(
            **record.common(), rounds=rounds, unassigned_ms=[] if count else record.samples_ms
        )


@dataclass(kw_only=True)
class Plan:
    """What was to be measured, and how; see `ppghost.deploy.latency.campaign.Campaign`.

    Attributes:
        reference: the model that the others' latencies are divided by.
        order: for each round the models' numbers in the order in which they are run.
        repeats: None where it is left to the device, "unknown" in a file that does not tell.
    """

    command: str | None = None
    models: list[dict[str, Any]] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    rounds: int | None = None
    repeats: int | Literal["unknown"] | None = "unknown"
    burst_warmup: int | None = None
    warmup: int | None = None
    precision: float | None = None
    round_every: float | None = None
    time_limit: float | None = None
    reference: str | None = None
    power_mode: str | None = None
    affinity: str | None = None
    max_temp: float | None = None
    max_wait: float | None = None
    seed: int | None = None
    order: list[list[int]] = field(default_factory=list)


@dataclass(kw_only=True)
class _FileFields:
    """What a file holds beside its results."""

    schema: Literal["ppghost.latency/1"] = SCHEMA
    created: str = ""
    host: dict[str, Any]
    plan: Plan


@dataclass(kw_only=True)
class LatencyRecord(_FileFields):
    """A file of schema ppghost.latency/1, as it stands there."""

    results: list[ResultRecord]


@dataclass(kw_only=True)
class LatencyResult(_FileFields):
    """What was measured in a campaign."""

    results: list[Result] = field(default_factory=list)

    def to_record(self) -> LatencyRecord:
        """The form that it has in a file."""
        return LatencyRecord(
            created=self.created,
            host=self.host,
            plan=self.plan,
            results=[result.to_record() for result in self.results],
        )

    def to_json(self) -> dict[str, Any]:
        """Schema ppghost.latency/1, as Python's json module takes it."""
        return msgspec.json.decode(self.encode())

    def encode(self) -> str:
        """Schema ppghost.latency/1 as text."""
        return msgspec.json.encode(self.to_record()).decode()


def load_result(path: Path) -> LatencyResult:
    """Read a latency result.

    Raises:
        InputError: it is unreadable, damaged, or of another schema.
    """
    return parse_result(read_json(path), path)


def parse_result(content: Any, path: Path) -> LatencyResult:
    """The latency result of a JSON value.

    Args:
        content: the value.
        path: where it is from, for messages.

    Raises:
        InputError: it is damaged, or of another schema.
    """
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise InputError(f"{path}: not a latency result of schema {SCHEMA} (schema: {schema})")
    try:
        record = msgspec.convert(content, LatencyRecord)
        results = [Result.from_record(result) for result in record.results]
        for result in results:
            device_identity(result.device)
    except (msgspec.ValidationError, KeyError) as error:
        raise InputError(f"{path}: damaged latency result ({error}); measure again") from error
    return LatencyResult(
        created=record.created, host=record.host, plan=record.plan, results=results
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a file of schema ppghost.latency/1."""
    schema = msgspec.json.schema(LatencyRecord)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def device_identity(device: dict[str, Any]) -> tuple:
    """What must be equal for samples to count as of one device."""
    return tuple(device[key] for key in _DEVICE_KEYS)


def shared_rounds(candidate: Result, reference: Result) -> tuple[list[float], list[float]]:
    """The round medians of two results of one file, in ms, of the rounds that count for both."""
    first, second = _by_round(candidate), _by_round(reference)
    shared = sorted(first.keys() & second.keys())
    return [first[key] for key in shared], [second[key] for key in shared]


def _by_round(result: Result) -> dict[tuple[str, int], float]:
    return {
        result.rounds[number].key(number): median
        for number, median in result.round_medians().items()
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


if __name__ == "__main__":
    write_json(Path(__file__).with_name("latency.schema.json"), json_schema())
