"""How long a phone stands idle between two samples, and whether two phones take the time of one.

    python benchmarks/adb_overhead.py MODEL.nb MODEL.nb [--rounds 40]

The phones are the emulated ones of the tests: real adb client and protocol, x86 models run on
this host. The emulated phone notes when each run of its benchmark_bin begins and ends; the time
between is what we cost: the answer's way back, our own work, reading the sensors, and the way of
the next command. It includes the start of the emulated program itself (bash), told apart by
timing the bare program. Two phones on one host share its cores: a model that fills a core each is
the fair case on two cores.
"""

import argparse
import contextlib
import itertools
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.phone import BENCHMARK_BIN, AdbServer, EmulatedPhone  # noqa: E402

from ppghost.deploy.devices.android.adb import Adb  # noqa: E402
from ppghost.deploy.devices.android.adb_client import find_adb  # noqa: E402
from ppghost.deploy.devices.discovery import find_devices  # noqa: E402
from ppghost.deploy.latency.campaign import Campaign  # noqa: E402
from ppghost.deploy.latency.runner import run_campaign  # noqa: E402


def campaign_seconds(phones, models, rounds, repeats) -> float:
    """Wall time of one campaign; each phone's runs are noted in its folder."""
    campaign = Campaign(
        models=models,
        devices=[phone.serial for phone in phones],
        rounds=rounds,
        repeats=repeats,
        benchmark_bin=BENCHMARK_BIN,
    )
    devices = find_devices(campaign.devices, campaign.device_options())
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run_campaign(campaign, devices, output=Path(folder) / "latency.json")
    return time.monotonic() - started


def idle_ms(phone) -> list[float]:
    """Milliseconds between the end of one sample and the begin of the next."""
    runs = [line.split() for line in (phone.root / "runs").read_text().splitlines()]
    samples = [(float(r[0]), float(r[1])) for r in runs if "--warmup=1" in r]
    pairs = itertools.pairwise(samples)
    return [(begin - end) * 1e3 for (_, end), (begin, _) in pairs]


def quartiles(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"median {middle:.1f} ms, quartiles {low:.1f} to {high:.1f}, max {max(values):.1f}"


def start_ms(phone) -> list[float]:
    """Milliseconds of a bare `benchmark_bin --version` over adb, which does nothing."""
    adb = Adb(phone.serial)
    adb.push(BENCHMARK_BIN, "benchmark_bin", executable=True)
    times = []
    for words in ["true", "cd /data/local/tmp/ppghost; ./benchmark_bin --version"] * 15:
        started = time.monotonic()
        adb.shell(words)
        times.append((time.monotonic() - started) * 1e3)
    return [program - nothing for nothing, program in zip(times[::2], times[1::2], strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    server = AdbServer(find_adb())
    os.environ.update(server.environment, XDG_CONFIG_HOME=server.home)
    os.environ.pop("ADB_SERVER_SOCKET", None)
    with contextlib.ExitStack() as stack:
        stack.callback(server.close)
        phones = [EmulatedPhone(server) for _ in range(2)]
        for phone in phones:
            stack.callback(phone.close)
        load = os.getloadavg()[0]
        adb = subprocess.run(  # noqa: S603
            [find_adb(), "version"], capture_output=True, text=True, check=True
        ).stdout.splitlines()[1]
        print(f"emulated phones on this host, {os.cpu_count()} cores, load {load:.2f}, adb {adb}")
        campaign_seconds(phones[:1], args.models, args.rounds, args.repeats)
        print(f"idle between samples: {quartiles(idle_ms(phones[0]))}")
        print(f"of that, start of the emulated program: {quartiles(start_ms(phones[0]))}")
        alone, both = [], []
        for _ in range(3):
            alone.append(campaign_seconds(phones[:1], args.models, args.rounds, args.repeats))
            both.append(campaign_seconds(phones, args.models, args.rounds, args.repeats))
        ratios = [two / one for one, two in zip(alone, both, strict=True)]
        print(f"one phone {alone[0]:.1f} s, two {both[0]:.1f} s; ratios of 3 pairs: "
              + ", ".join(f"{ratio:.2f}" for ratio in ratios))  # fmt: skip


if __name__ == "__main__":
    main()
