"""How far the figures of ten campaigns lie apart, and how often they rank two models rightly:
ours against PaddleClas's protocol, on this host, with the same models and the same device time.

    python benchmarks/measurement_precision.py MODEL.nb ... --pair A.nb B.nb --json rows.json
        [--most N] [--parts idle,noisy,truth] [--round-every S]

Ours is `ppghost bench --device host` with its defaults and as many rounds as PaddleClas's number
of inferences allows. PaddleClas's protocol (deploy/lite/benchmark/benchmark.sh): models one after
another, each in a new process, 10 inferences that do not count, then the mean of 30. Campaigns
alternate; in the noisy part other processes compute on every core from time to time, in a seeded
pattern that is the same for both campaigns of a number. The truth about a pair comes from a long
interleaved measurement in several parts, each in new processes. Rows are kept in the JSON file and
those that are there are not measured again; `--most` ends after so many new ones.
"""

import argparse
import functools
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402

from ppghost.deploy.devices.discovery import find_devices  # noqa: E402
from ppghost.deploy.devices.host.device import HostDevice  # noqa: E402
from ppghost.deploy.latency.campaign import Campaign  # noqa: E402
from ppghost.deploy.latency.compare import compare  # noqa: E402
from ppghost.deploy.latency.record import add_ratio  # noqa: E402
from ppghost.deploy.latency.results import Result  # noqa: E402
from ppghost.deploy.latency.runner import run_campaign  # noqa: E402
from ppghost.deploy.latency.schema import ResultRecord  # noqa: E402
from ppghost.deploy.latency.stats import median_interval  # noqa: E402
from ppghost.deploy.nb.model import load_models  # noqa: E402
from ppghost.utils.files import write_json  # noqa: E402

CAMPAIGNS = 10
#: PaddleClas's benchmark.sh
WARMUP, REPEATS = 10, 30
#: the truth about a pair: parts, and rounds of each
TRUTH_PARTS, TRUTH_ROUNDS = 10, 40
#: seconds that the neighbours compute and rest, on average (exponential): several times a campaign
ON_S, OFF_S = 0.3, 0.6
#: computes while the last byte read was 1; ends with its input
_NEIGHBOUR = """
import select, sys
import numpy
a = numpy.random.rand(700, 700)
active = False
while True:
    if not active or select.select([sys.stdin], [], [], 0)[0]:
        byte = sys.stdin.buffer.raw.read(1)
        if not byte:
            break
        active = byte == b"1"
    else:
        a @ a
        a.copy()
"""


class Neighbours:
    """Processes that compute from time to time, one a core; a context manager."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a pattern, no secret
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._play)

    def __enter__(self) -> None:
        self._processes = [
            subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", _NEIGHBOUR],
                stdin=subprocess.PIPE,
                bufsize=0,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
            for _ in range(os.cpu_count())
        ]
        self._thread.start()

    def _play(self) -> None:
        active = self._random.random() < ON_S / (ON_S + OFF_S)
        while not self._done.is_set():
            for process in self._processes:
                process.stdin.write(b"1" if active else b"0")
            self._done.wait(self._random.expovariate(1 / (ON_S if active else OFF_S)))
            active = not active

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        for process in self._processes:
            process.stdin.close()
            process.wait()


def ours(
    models: list[Path], rounds: int | None = None, round_every: float | None = None
) -> dict[str, Any]:
    """A campaign of `ppghost bench`; "latency" is its result file."""
    default = Campaign()
    if rounds is None:
        per_round = default.burst_warmup + HostDevice.repeats
        rounds = round((WARMUP + REPEATS - default.warmup) / per_round)
    campaign = Campaign(models=models, devices="host", rounds=rounds, round_every=round_every)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "latency.json"
        latency = run_campaign(campaign, find_devices(["host"]), output=output).to_json()
    for result in latency["results"]:
        # by file everywhere here, as in PaddleClas's part
        result["model"] = Path(result["nb"]).stem
    times = [result["samples_ms"] + result["warmup_ms"] for result in latency["results"]]
    return {"latency": latency, "device_s": sum(map(sum, times)) / 1e3}


def theirs(models: list[Path]) -> dict[str, Any]:
    """PaddleClas's protocol: {"samples_ms": {model: the 30 that count}, "device_s"}."""
    samples, total = {}, 0.0
    for model in load_models(models):
        session = HostDevice().open(model, 1)
        try:
            warm = session.measure(WARMUP).samples_ms
            samples[model.path.stem] = session.measure(REPEATS).samples_ms
        finally:
            session.close()
        total += sum(warm) + sum(samples[model.path.stem])
    return {"samples_ms": samples, "device_s": total / 1e3}


def plan(parts: list[str], pairs: list[list[Path]]) -> Iterator[dict[str, Any]]:
    """What identifies each row, in the order they are measured."""
    for part in parts:
        if part == "truth":
            for number in range(TRUTH_PARTS):
                for pair in pairs:
                    yield {"part": part, "number": number, "protocol": " ".join(stems(pair))}
        else:
            for number in range(CAMPAIGNS):
                for protocol in ("ours", "theirs"):
                    yield {"part": part, "number": number, "protocol": protocol}


def measure(
    row: dict[str, Any], models: list[Path], pairs: list[list[Path]], round_every: float | None
) -> dict[str, Any]:
    """The row with what was measured."""
    started, load = time.monotonic(), os.getloadavg()[0]
    if row["part"] == "truth":
        (pair,) = [one for one in pairs if " ".join(stems(one)) == row["protocol"]]
        measured = ours(pair, TRUTH_ROUNDS)
    else:
        pausing = functools.partial(ours, round_every=round_every)
        run = pausing if row["protocol"] == "ours" else theirs
        if row["part"] == "noisy":
            with Neighbours(row["number"]):
                measured = run(models)
        else:
            measured = run(models)
    return {**row, "load": load, "wall_s": time.monotonic() - started, **measured}


def stems(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


def pair_ratio(latency: dict[str, Any], pair: list[str]) -> dict[str, Any]:
    """The product's paired ratio of the second of a pair to the first."""
    first, second = (
        Result.from_record(msgspec.convert(find(latency, name), ResultRecord)) for name in pair
    )
    add_ratio(second, [first], pair[0])
    return msgspec.to_builtins(second.ratio)


def find(latency: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in latency["results"] if one["model"] == name)


def compared(old: dict[str, Any], new: dict[str, Any], names: list[str], by: str | None) -> str:
    """The verdict of `ppghost compare` on a model of one campaign against one of another, as if
    they were two versions of one model; `by` names the reference model, None: there is none."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for latency, name in zip((old, new), names, strict=True):
            results = [{**find(latency, name), "model": "pair"}]
            if by:
                results.append(find(latency, by))
            files.append(Path(folder) / f"{len(files)}.json")
            write_json(files[-1], {**latency, "plan": {"reference": by}, "results": results})
        return compare(*files).rows[0].verdict


def deviation(values: list[float]) -> float:
    """Standard deviation as a share of the mean."""
    return statistics.stdev(values) / statistics.mean(values)


def spread(values: list[float]) -> str:
    wide = (max(values) - min(values)) / statistics.median(values)
    return f"{deviation(values):6.1%} ({wide:5.1%})"


def report_spread(rows: list[dict[str, Any]], names: list[str]) -> None:
    """Spread of the figures over the campaigns of one part."""
    mine = [row["latency"] for row in rows if row["protocol"] == "ours"]
    others = [mean_ms(row) for row in rows if row["protocol"] == "theirs"]
    print(f"{'standard deviation (range) of':42}{'ours':>16}{'PaddleClas':>18}{'quotient':>10}")
    quotients: dict[str, list[float]] = {"ms": [], "ratio": []}
    for kind, found in quotients.items():
        for name in names[kind == "ratio" :]:
            if kind == "ms":
                one = [find(run, name)["stats"]["median"] for run in mine]
                other = [run[name] for run in others]
            else:
                one = [pair_ratio(run, [names[0], name])["median"] for run in mine]
                other = [run[name] / run[names[0]] for run in others]
            found.append(deviation(one) / deviation(other))
            middle = f"{statistics.median(one):.2f} {kind}"
            print(f"{name:32}{middle:>10}{spread(one):>16}{spread(other):>18}{found[-1]:>10.2f}")
    for kind, found in quotients.items():
        print(f"{kind}: geometric mean of ours/PaddleClas {statistics.geometric_mean(found):.2f}")


def report_ranks(rows: list[dict[str, Any]], pair: list[str], truth: float, reference: str) -> None:
    """How often each protocol says what the truth says about a pair."""
    mine = [row["latency"] for row in rows if row["protocol"] == "ours"]
    means = [mean_ms(row) for row in rows if row["protocol"] == "theirs"]
    paired = [pair_ratio(run, pair) for run in mine]
    right = (lambda ratio: ratio > 1) if truth > 1 else (lambda ratio: ratio < 1)
    sure = [one["median"] for one in paired if one["ci95"] and not _holds(one["ci95"], 1)]
    good = [sum(right(one["median"]) for one in paired),
            sum(right(one[pair[1]] / one[pair[0]]) for one in means)]  # fmt: skip
    print(f"{' against '.join(reversed(pair))}: of {len(mine)} campaigns")
    print(f"  order of the figures right: ours {good[0]}, PaddleClas {good[1]}")
    say("ours, interval of the paired ratio", len(sure), sum(map(right, sure)), len(mine))
    # the second model timed in the campaign after
    good = [sum(right(new[pair[1]] / old[pair[0]]) for old, new in successive(means))]
    print(f"  the second in the next campaign: order of PaddleClas's figures right {good[0]}")
    for by in (reference, None):
        said = [compared(old, new, pair, by) for old, new in successive(mine)]
        what = f"`ppghost compare`, {'with' if by else 'without'} the reference model"
        verdict = "slower" if truth > 1 else "faster"
        say(what, len(said) - said.count("cannot tell"), said.count(verdict), len(said))


def say(what: str, claims: int, good: int, total: int) -> None:
    print(f"  {what}: right {good}, wrong {claims - good}, cannot tell {total - claims}")


def report_false_verdicts(rows: list[dict[str, Any]], names: list[str]) -> None:
    """How often `ppghost compare` finds a difference where there is none."""
    mine = [row["latency"] for row in rows if row["protocol"] == "ours"]
    for by in (names[0], None):
        said = [compared(old, new, [name, name], by)
                for old, new in successive(mine) for name in names[1:]]  # fmt: skip
        false = len(said) - said.count("cannot tell")
        print(f"one model in two successive campaigns, {'with' if by else 'without'} the "
              f"reference model: called faster or slower {false} of {len(said)} times")  # fmt: skip


def successive(runs: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(runs, runs[1:] + runs[:1], strict=True))


def mean_ms(row: dict[str, Any]) -> dict[str, float]:
    """What PaddleClas's protocol reports."""
    return {name: statistics.mean(times) for name, times in row["samples_ms"].items()}


def _holds(interval: list[float], value: float) -> bool:
    return interval[0] <= value <= interval[1]


def report(rows: list[dict[str, Any]], names: list[str], pairs: list[list[str]]) -> None:
    """Everything that the rows tell."""
    truths = {}
    for pair in pairs:
        parts = [r["latency"] for r in rows if r["protocol"] == " ".join(pair)]
        ratios = [pair_ratio(part, pair)["median"] for part in parts]
        if ratios:
            truths[tuple(pair)] = statistics.median(ratios)
            interval = median_interval(ratios)
            print(f"truth: {' / '.join(reversed(pair))} = {statistics.median(ratios):.4f}, 95 % "
                  f"interval {interval}, {len(ratios)} parts of {TRUTH_ROUNDS} rounds")  # fmt: skip
    for part in ("idle", "noisy"):
        mine = [row for row in rows if row["part"] == part]
        numbers = [{r["number"] for r in mine if r["protocol"] == p} for p in ("ours", "theirs")]
        mine = [row for row in mine if row["number"] in numbers[0] & numbers[1]]
        if len(mine) < 4:
            continue
        loads = [row["load"] for row in mine]
        print(f"\n{part}: {len(mine) // 2} campaigns each, load before each "
              f"{min(loads):.1f} to {max(loads):.1f}")  # fmt: skip
        for protocol in ("ours", "theirs"):
            times = [(r["device_s"], r["wall_s"]) for r in mine if r["protocol"] == protocol]
            device, wall = (statistics.median(values) for values in zip(*times, strict=True))
            print(f"{protocol}: device time {device:.2f} s, wall time {wall:.2f} s (medians)")
        report_spread(mine, names)
        report_false_verdicts(mine, names)
        for pair in pairs:
            if tuple(pair) in truths:
                report_ranks(mine, pair, truths[tuple(pair)], names[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--pair", nargs=2, action="append", type=Path, default=[])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--parts", default="idle,noisy,truth")
    parser.add_argument("--most", type=int, default=10**6)
    parser.add_argument("--round-every", type=float, metavar="S", help="of our campaigns")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    rows = json.loads(args.json.read_text()) if args.json.exists() else []
    known = [[row["part"], row["number"], row["protocol"]] for row in rows]
    todo = [row for row in plan(args.parts.split(","), args.pair)
            if list(row.values()) not in known]  # fmt: skip
    for row in todo[: args.most]:
        rows.append(measure(row, args.models, args.pair, args.round_every))
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(rows))
    print(f"{len(todo[: args.most])} new rows, {len(todo[args.most :])} left", file=sys.stderr)
    report(rows, stems(args.models), [stems(pair) for pair in args.pair])


if __name__ == "__main__":
    main()
