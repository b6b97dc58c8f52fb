"""What happened round by round: latency, temperature, core frequency, throttling."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ppghost.deploy.latency.results import round_medians
from ppghost.deploy.reporting.messages import Messages

#: (round, value); rounds count from 1
Series = list[tuple[int, float]]
#: more kinds of cores than this are shown by their fastest and slowest only
_MOST_CORES = 5


@dataclass(frozen=True)
class Cores:
    """Cores that always ran at the same frequency: GHz by round, and their caps."""

    label: str
    frequency: Series
    cap: Series


@dataclass(frozen=True)
class Trace:
    """One device at one thread count.

    `latency`: model and its rounds' medians divided by its own median. `throttled`: (first round,
    last round, why), ascending.
    """

    title: str
    rounds: int
    latency: list[tuple[str, Series]]
    temperature: Series
    cores: list[Cores]
    throttled: list[tuple[int, int, str]]


def gather_trace(title: str, rows: Sequence[dict[str, Any]], t: Messages) -> Trace | None:
    """The trace of results of one device and thread count; None if they hold no rounds."""
    rows = [row for row in rows if row["stats"] and row["conditions"]]
    keys = sorted({_key(row, index) for row in rows for index in range(len(row["conditions"]))})
    numbers = {key: number for number, key in enumerate(keys, 1)}
    latency, states = [], {number: [] for number in numbers.values()}
    for row in rows:
        medians = round_medians(row, range(len(row["conditions"])))
        if not medians:
            continue
        series = [
            (numbers[_key(row, index)], value / row["stats"]["median"])
            for index, value in medians.items()
        ]
        latency.append((row["model"], sorted(series)))
        for index, condition in enumerate(row["conditions"]):
            states[numbers[_key(row, index)]].append(condition)
    if not latency:
        return None
    return Trace(
        title, len(keys), latency, _temperature(states), _cores(states, t), _throttled(states, t)
    )


def describe_throttling(trace: Trace, t: Messages) -> list[str]:
    """A sentence for each stretch of throttled rounds."""
    return [
        t["throttled_round" if first == last else "throttled_rounds"].format(
            first=first, last=last, why=why
        )
        for first, last, why in trace.throttled
    ]


def _key(row: dict[str, Any], index: int) -> tuple[str, int]:
    """Which round of which run: a resumed run has rounds of its own."""
    condition = row["conditions"][index]
    return condition.get("run") or "", condition.get("round", index)


def _readings(conditions: Iterable[dict[str, Any]], name: str) -> list[Any]:
    """What a sensor said before and after each burst of a round."""
    found = [one.get(name) for one in conditions]
    found += [(one.get("after") or {}).get(name) for one in conditions]
    return [one for one in found if one]


def _temperature(states: dict[int, list[dict[str, Any]]]) -> Series:
    readings = {number: _readings(state, "temp_c") for number, state in states.items()}
    return [(number, max(values)) for number, values in readings.items() if values]


def _cores(states: dict[int, list[dict[str, Any]]], t: Messages) -> list[Cores]:
    """Highest frequency and lowest cap of each core in each round, like cores together."""
    alike: dict[tuple, list[int]] = {}
    count = max(
        (len(one) for state in states.values() for one in _readings(state, "freq_khz")), default=0
    )
    for core in range(count):
        series = (
            _per_round(states, "freq_khz", core, max),
            _per_round(states, "freq_cap_khz", core, min),
        )
        alike.setdefault(series, []).append(core)
    if len(alike) > _MOST_CORES:
        by_speed = sorted(
            alike, key=lambda series: statistics.median(value for _, value in series[0])
        )
        labels = {by_speed[-1]: t["fastest_core"], by_speed[0]: t["slowest_core"]}
    else:
        labels = {series: t["core"].format(cores=_ranges(cores)) for series, cores in alike.items()}
    return [Cores(label, list(series[0]), list(series[1])) for series, label in labels.items()]


def _per_round(
    states: dict[int, list[dict[str, Any]]], name: str, core: int, choose: Any
) -> tuple[tuple[int, float], ...]:
    """GHz of one core by round."""
    series = []
    for number, state in states.items():
        values = [one[core] for one in _readings(state, name) if core < len(one)]
        if values:
            series.append((number, choose(values) / 1e6))
    return tuple(series)


def _ranges(numbers: Sequence[int]) -> str:
    """'0-3, 7' for 0, 1, 2, 3, 7."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _throttled(states: dict[int, list[dict[str, Any]]], t: Messages) -> list[tuple[int, int, str]]:
    why = {}
    for number, state in states.items():
        reasons = dict.fromkeys(one["throttled"] for one in state if one.get("throttled"))
        if reasons:
            why[number] = t["list_comma"].join(map(t.recorded, reasons))
    stretches: list[tuple[int, int, str]] = []
    for number, reason in why.items():
        if stretches and stretches[-1][1:] == (number - 1, reason):
            stretches[-1] = (stretches[-1][0], number, reason)
        else:
            stretches.append((number, number, reason))
    return stretches
