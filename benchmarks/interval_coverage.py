"""How often a 95 % interval holds the truth, in simulated campaigns whose truth is known.

    python benchmarks/interval_coverage.py [--campaigns 200] [--first 0] [--rounds 40]
        [--precision 0.02] [--json rows.json]

Each row is a kind of device; each campaign goes through the product's own functions round by round
(`record.add_round`, `throttling.throttled`), as an invocation of benchmark_bin of 5 inferences on a
phone would. The truth of a campaign is the median, over its own time, of what an inference takes
at each moment (its median: noise and outliers are the inference's). "pooled" is the median of all
inferences that could have been run meanwhile: of a device with two states it lies between them,
where hardly any inference does. "ratio" is the interval of the ratio to another model that was
timed in the same rounds and takes 4 % longer. With --precision a campaign ends as `bench` does.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from ppghost.deploy.devices.base import Burst, Sensors  # noqa: E402
from ppghost.deploy.latency import record  # noqa: E402
from ppghost.deploy.latency.results import Result, Round  # noqa: E402
from ppghost.deploy.latency.stats import paired_ratio  # noqa: E402
from ppghost.deploy.latency.stopping import (  # noqa: E402
    MIN_ROUNDS,
    STEADY_ROUNDS,
    is_narrower,
)
from ppghost.deploy.latency.throttling import throttled  # noqa: E402
from ppghost.utils.files import write_json  # noqa: E402

BASE_MS = 20.0
#: the other model's latency over the first's
RATIO = 1.04
#: seconds from one round to the next
ROUND_S = 0.5
CAP_KHZ = 2_000_000
#: latency of a device over time in s, from a start that differs from campaign to campaign
Device = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def steady(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.full(t.shape, BASE_MS)


def drifting(share_a_minute: float) -> Device:
    return lambda t, rng: BASE_MS * (1 + share_a_minute * t / 60)


def slow_states(seconds: float) -> Device:
    def latency(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        phase = rng.uniform(0, 2 * seconds)
        return BASE_MS * np.where((t + phase) % (2 * seconds) < seconds, 1.0, 1.03)

    return latency


def step(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Throttled from a moment of the second half on."""
    return BASE_MS * np.where(t < rng.uniform(0.55, 0.9) * t.max(), 1.0, 1.25)


#: device, noise of an inference's burst, share of outliers, whether the cap tells of the throttling
ROWS: dict[str, tuple[Device, float, float, bool]] = {
    "noise 1 %": (steady, 0.01, 0, False),
    "noise 3 %": (steady, 0.03, 0, False),
    "drift 5 % a minute": (drifting(0.05), 0.01, 0, False),
    "drift 20 % a minute": (drifting(0.20), 0.01, 0, False),
    "outliers 3 %": (steady, 0.01, 0.03, False),
    "outliers 10 %": (steady, 0.01, 0.10, False),
    "throttling, seen": (step, 0.01, 0, True),
    "throttling, unseen": (step, 0.01, 0, False),
    "slow states of 2 s": (slow_states(2), 0.01, 0, False),
    "slow states of 10 s": (slow_states(10), 0.01, 0, False),
    "slow states of 60 s": (slow_states(60), 0.01, 0, False),
}


def result() -> Result:
    """One without a round."""
    return Result(
        model="simulated", nb_sha256="", device={}, threads=1, precision="fp32", status="skipped",
        error=None, stats=None, output_check=None, samples_are="invocation mean",
    )  # fmt: skip


def campaign(row: str, seed: int, count: int, precision: float | None) -> dict[str, Any]:
    """What one campaign says, and what is true of it."""
    device, noise, outliers, seen = ROWS[row]
    rng = np.random.default_rng([1, seed])
    t = np.arange(count) * ROUND_S
    latency = device(t, rng)
    measured = latency * noisy(rng, count, noise, outliers)
    found, narrow = result(), 0
    for number in range(count):
        capped = seen and latency[number] > BASE_MS
        sensors = Sensors(
            temp_c=None, temp_zone=None, freq_khz=None,
            freq_cap_khz=[CAP_KHZ // 2 if capped else CAP_KHZ],
        )  # fmt: skip
        burst = Burst([float(measured[number])], [], sensors, sensors, {})
        conditions = {"run": "", "round": number}
        reason = throttled({}, burst, [CAP_KHZ], None)
        if not precision and number + 1 < count:
            # no figures are wanted yet
            found.rounds.append(Round(burst.samples_ms, conditions, reason))
            continue
        record.add_round(found, burst, conditions, reason)
        narrow = narrow + 1 if precision and is_narrower(found.stats, precision) else 0
        if number + 1 >= MIN_ROUNDS and narrow >= STEADY_ROUNDS:
            break
    # another model in the same rounds, a quarter of a second later
    later = device(t + ROUND_S / 2, np.random.default_rng([1, seed]))
    other = RATIO * later * noisy(rng, count, noise, outliers)
    counted = found.counted_rounds()
    ratio = paired_ratio(other[counted].tolist(), measured[counted].tolist(), "simulated")
    # the same device again, over the same time, at very many moments
    moments = np.linspace(0, t[-1], 40 * count)
    dense = device(moments, np.random.default_rng([1, seed]))
    dense = dense[moments <= t[number]]
    if seen:
        dense = dense[dense <= BASE_MS]
    many = np.repeat(dense, 50) * noisy(rng, dense.size * 50, noise, outliers)
    typical = np.median(noisy(np.random.default_rng(0), 100_000, noise, outliers))
    return {
        "stats": found.stats,
        "ratio": ratio,
        "truth": np.median(dense) * typical,
        "pooled": np.median(many),
    }


def noisy(rng: np.random.Generator, count: int, noise: float, outliers: float) -> np.ndarray:
    factors = rng.lognormal(0, noise, count)
    return np.where(rng.random(count) < outliers, 1.6 * factors, factors)


def coverage(row: str, seeds: range, count: int, precision: float | None) -> dict[str, Any]:
    done = [campaign(row, seed, count, precision) for seed in seeds]

    def covered(name: str) -> float:
        inside = [
            each["stats"].ci95[0] <= each[name] <= each["stats"].ci95[1]
            for each in done
            if each["stats"].ci95
        ]
        return float(np.mean(inside))

    ratios = [each["ratio"].ci95 for each in done]
    widths = [each["stats"].relative_width for each in done]
    return {
        "row": row,
        "covered": covered("truth"),
        "covered_pooled": covered("pooled"),
        "covered_ratio": float(np.mean([low <= RATIO <= high for low, high in ratios])),
        "width": float(np.median([width for width in widths if width is not None])),
        "effective": float(np.median([each["stats"].effective_rounds or 0 for each in done])),
        "rounds": float(np.median([each["stats"].n for each in done])),
        "without_interval": sum(width is None for width in widths),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--campaigns", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--precision", type=float, metavar="SHARE")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    seeds = range(args.first, args.first + args.campaigns)
    titles = f"{'covered':>8} {'pooled':>8} {'ratio':>8} {'width':>8} {'rounds':>7} {'worth':>6}"
    print(f"{'':<22} {titles}")
    for row in ROWS:
        found = coverage(row, seeds, args.rounds, args.precision)
        rows.append(found)
        print(
            f"{row:<22} {found['covered']:>8.1%} {found['covered_pooled']:>8.1%} "
            f"{found['covered_ratio']:>8.1%} {found['width']:>8.2%} {found['rounds']:>7.0f} "
            f"{found['effective']:>6.1f}",
            flush=True,
        )
    if args.json:
        write_json(args.json, json.loads(json.dumps(rows)))


if __name__ == "__main__":
    main()
