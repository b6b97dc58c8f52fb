"""What happened round by round: latency, temperature, core frequency, throttling."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from ppghost.deploy.devices.notes import format_note
from ppghost.deploy.latency.results import Result, Round
from ppghost.deploy.reporting.messages import Messages
from ppghost.i18n import translate

#: (round, value); rounds count from 1
Series = list[tuple[int, float]]
#: what was measured in each round, a burst a model
States = dict[int, list[Round]]
#: more kinds of cores than this are shown by their fastest and slowest only
_MAX_CORES = 5


@dataclass(frozen=True)
class Cores:
    """Cores that always ran at the same frequency.

    Attributes:
        label: which they are.
        frequency: GHz by round; `cap`: the highest that was allowed.
    """

    label: str
    frequency: Series
    cap: Series


class Stretch(NamedTuple):
    """Rounds in a row that were throttled for the same reason; both ends are among them."""

    first: int
    last: int
    why: str


@dataclass(frozen=True)
class Trace:
    """One device at one thread count.

    Attributes:
        rounds: how many there are.
        latency: each model, with its rounds' medians divided by its own median.
        temperature: degrees Celsius by round.
        throttled: ascending.
    """

    title: str
    rounds: int
    latency: list[tuple[str, Series]]
    temperature: Series
    cores: list[Cores]
    throttled: list[Stretch]


def gather_trace(title: str, rows: Sequence[Result], t: Messages) -> Trace | None:
    """Gather what happened in the rounds of results.

    Args:
        title: of the drawing.
        rows: results of one device and thread count.
        t: words.

    Returns:
        The trace; None if the results hold no rounds.
    """
    rows = [row for row in rows if row.stats and row.rounds]
    keys = sorted({burst.key(index) for row in rows for index, burst in enumerate(row.rounds)})
    numbers = {key: number for number, key in enumerate(keys, 1)}
    latency: list[tuple[str, Series]] = []
    states: States = {number: [] for number in numbers.values()}
    for row in rows:
        series = _relative_latency(row, numbers)
        if not series:
            continue
        latency.append((row.model, series))
        for index, burst in enumerate(row.rounds):
            states[numbers[burst.key(index)]].append(burst)
    if not latency:
        return None
    return Trace(
        title, len(keys), latency, _temperature(states), _cores(states, t), _throttled(states, t)
    )


def _relative_latency(row: Result, numbers: Mapping[tuple[str, int], int]) -> Series:
    """Each round's median divided by the result's own."""
    if not row.stats:
        return []
    medians = row.round_medians(range(len(row.rounds)))
    return sorted(
        (numbers[row.rounds[index].key(index)], value / row.stats.median)
        for index, value in medians.items()
    )


def format_throttling(trace: Trace, t: Messages) -> list[str]:
    """A sentence for each stretch of throttled rounds."""
    return [
        t["throttled_round" if first == last else "throttled_rounds"].format(
            first=first, last=last, why=why
        )
        for first, last, why in trace.throttled
    ]


def _readings(bursts: Iterable[Round], name: str) -> list[Any]:
    """What a sensor said before and after each burst of a round."""
    conditions = [burst.conditions for burst in bursts]
    readings = [condition.get(name) for condition in conditions]
    readings += [(condition.get("after") or {}).get(name) for condition in conditions]
    return [reading for reading in readings if reading]


def _temperature(states: States) -> Series:
    readings = {number: _readings(state, "temp_c") for number, state in states.items()}
    return [(number, max(values)) for number, values in readings.items() if values]


def _cores(states: States, t: Messages) -> list[Cores]:
    """Highest frequency and lowest cap of each core in each round, like cores together."""
    alike: dict[tuple, list[int]] = {}
    count = max(
        (len(cores) for state in states.values() for cores in _readings(state, "freq_khz")),
        default=0,
    )
    for core in range(count):
        series = (
            _per_round(states, "freq_khz", core, max),
            _per_round(states, "freq_cap_khz", core, min),
        )
        if series[0]:  # else it was offline all along
            alike.setdefault(series, []).append(core)
    if len(alike) > _MAX_CORES:
        by_speed = sorted(
            alike, key=lambda series: statistics.median(value for _, value in series[0])
        )
        labels = {by_speed[-1]: t["fastest_core"], by_speed[0]: t["slowest_core"]}
    else:
        labels = {series: t["core"].format(cores=_ranges(cores)) for series, cores in alike.items()}
    return [Cores(label, list(series[0]), list(series[1])) for series, label in labels.items()]


def _per_round(
    states: States, name: str, core: int, choose: Callable[[list[int]], int]
) -> tuple[tuple[int, float], ...]:
    """GHz of one core by round."""
    series = []
    for number, state in states.items():
        values = [
            cores[core]
            for cores in _readings(state, name)
            if core < len(cores) and cores[core] is not None
        ]
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


def _throttled(states: States, t: Messages) -> list[Stretch]:
    why = {}
    for number, state in states.items():
        reasons = [
            translate(format_note(burst.throttled), t.lang) for burst in state if burst.throttled
        ]
        if reasons:
            why[number] = t["list_comma"].join(dict.fromkeys(reasons))
    stretches: list[Stretch] = []
    for number, reason in why.items():
        if stretches and stretches[-1][1:] == (number - 1, reason):
            stretches[-1] = stretches[-1]._replace(last=number)
        else:
            stretches.append(Stretch(number, number, reason))
    return stretches
