"""Latency results in memory, and how they are read from a file and written.

Here the samples of a result are kept round by round (`Result.rounds`); in a file they stand one
after the other, with the conditions of each round beside them (`schema.ResultRecord`). What a newer
version or another maker adds to a file is kept, and written again.
"""

import os
import platform
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from ppghost import __version__
from ppghost.deploy.devices.notes import NoteOrText
from ppghost.deploy.latency.intervals import MIN_ROUNDS
from ppghost.deploy.latency.schema import (
    SCHEMA,
    FileFields,
    LatencyRecord,
    Plan,
    ResultFields,
    ResultRecord,
)
from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.files import read_json

_DEVICE_KEYS = ("serial", "kind", "model", "soc", "abi", "lite_version")


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
        """Which round of which run it is; a resumed run has rounds of its own.

        Args:
            index: its number in the result, for files that do not tell.
        """
        return self.conditions.get("run") or "", self.conditions.get("round", index)


@dataclass(kw_only=True)
class Result(ResultFields):
    """One model at one thread count on one device.

    Attributes:
        rounds: in the order in which they were measured.
        unassigned_ms: samples of a file of another maker, which tells nothing of rounds.
        extra: keys of a file that this version does not know.
    """

    rounds: list[Round] = field(default_factory=list)
    unassigned_ms: list[float] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

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
        """The median of each round's samples in ms, by number.

        Args:
            rounds: their numbers; None: those that the figures are made of.
        """
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
    def from_record(cls, record: ResultRecord, extra: dict[str, Any] | None = None) -> "Result":
        """The result of a file's form.

        Args:
            record: the form.
            extra: what stands beside it.

        Raises:
            msgspec.ValidationError: the samples do not make as many rounds as there are, or a
                reason for throttling is neither a note nor a text.
        """
        count = len(record.conditions)
        samples = record.samples_ms
        if count and len(samples) % count:
            raise msgspec.ValidationError(
                tr("{count} samples do not make {count2} rounds").format(
                    count=len(samples), count2=count
                )
            )
        size = len(samples) // count if count else 0
        rounds = []
        for number, condition in enumerate(record.conditions):
            conditions = dict(condition)
            throttled = msgspec.convert(conditions.pop("throttled", None), NoteOrText | None)
            burst = samples[number * size : (number + 1) * size]
            rounds.append(Round(burst, conditions, throttled))
        return cls(
            **record.common(),
            rounds=rounds,
            unassigned_ms=[] if count else samples,
            extra=extra or {},
        )


@dataclass(kw_only=True)
class LatencyResult(FileFields):
    """What was measured in a campaign.

    Attributes:
        extra, plan_extra: keys of a file, and of its plan, that this version does not know.
    """

    results: list[Result] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    plan_extra: dict[str, Any] = field(default_factory=dict)

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
        document = (
            msgspec.json.decode(msgspec.json.encode(self.to_record(), enc_hook=str)) | self.extra
        )
        document["plan"] |= self.plan_extra
        for entry, result in zip(document["results"], self.results, strict=True):
            entry |= result.extra
        return document

    def encode(self) -> str:
        """Schema ppghost.latency/1 as text."""
        with_extras = self.extra or self.plan_extra or any(each.extra for each in self.results)
        # three times as fast without; it is written after every round
        content = self.to_json() if with_extras else self.to_record()
        return msgspec.json.encode(content, enc_hook=str).decode()


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
        raise InputError(
            "{path}: not a latency result of schema {schema} (schema: {schema2})",
            path=path,
            schema=SCHEMA,
            schema2=schema,
        )
    try:
        record = msgspec.convert(content, LatencyRecord)
        results = [
            Result.from_record(result, _unknown(entry, ResultRecord))
            for result, entry in zip(record.results, content["results"], strict=True)
        ]
        for result in results:
            device_identity(result.device)
    except (msgspec.ValidationError, KeyError) as error:
        raise InputError(
            "{path}: damaged latency result ({error}); measure again", path=path, error=error
        ) from error
    return LatencyResult(
        created=record.created,
        host=record.host,
        plan=record.plan,
        results=results,
        extra=_unknown(content, LatencyRecord),
        plan_extra=_unknown(content["plan"], Plan),
    )


def _unknown(content: dict[str, Any], form: type) -> dict[str, Any]:
    """What a form has no field for."""
    known = {each.name for each in fields(form)}
    return {name: value for name, value in content.items() if name not in known}


def device_identity(device: dict[str, Any]) -> tuple:
    """What must be equal for samples to count as of one device."""
    return tuple(device[key] for key in _DEVICE_KEYS)


def shared_rounds(candidate: Result, reference: Result) -> tuple[list[float], list[float]]:
    """The round medians of two results, of the rounds that count for both.

    Args:
        candidate, reference: results of one file.

    Returns:
        Their medians in ms, in the same order of rounds.
    """
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
