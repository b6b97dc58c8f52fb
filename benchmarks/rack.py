"""A rack of emulated phones measured at once: how long that takes, and what it costs this host.

    python benchmarks/rack.py MODEL.nb MODEL.nb [--phones 8] [--rounds 40]    # of --target x86

The phones are those of the tests: real adb client and protocol, a benchmark_bin that takes as long
as it is told (each phone another time) and none of this host's cores. One is too hot, one dies on
the way, one is full; the rest are to be measured, in at most 1.25 times what the slowest takes
alone. The processor time is that of the campaign and the adb clients that it starts, not the
phones'.
"""

import argparse
import json
import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.phone import BENCHMARK_BIN, AdbServer, EmulatedPhone  # noqa: E402

from ppghost.deploy.devices.android.adb_client import find_adb  # noqa: E402
from ppghost.deploy.devices.discovery import find_devices  # noqa: E402
from ppghost.deploy.latency.campaign import Campaign  # noqa: E402
from ppghost.deploy.latency.runner import run_campaign  # noqa: E402
from ppghost.errors import DeviceError  # noqa: E402

#: ms of an inference on the fastest phone and on the slowest
FASTEST_MS, SLOWEST_MS = 5.0, 40.0


def measure(models: Sequence[Path], phones: Sequence[EmulatedPhone], rounds: int) -> dict:
    campaign = Campaign(
        models=models, devices=[phone.serial for phone in phones], rounds=rounds,
        benchmark_bin=BENCHMARK_BIN, max_temp=60, max_wait=2,
    )  # fmt: skip
    devices = find_devices(campaign.devices, campaign.device_options())
    before = os.times()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "latency.json"
        try:
            run_campaign(campaign, devices, output=file)
            problem = None
        except DeviceError as error:
            problem = str(error)
        results = json.loads(file.read_text())["results"]
    after = os.times()
    return {
        "seconds": time.monotonic() - started,
        "cpu": after.user + after.system - before.user - before.system,
        "clients": after.children_user
        + after.children_system
        - before.children_user
        - before.children_system,
        "done": sum(result["status"] == "ok" for result in results),
        "problem": problem,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--phones", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    server = AdbServer(find_adb())
    os.environ.update(server.environment)
    with tempfile.TemporaryDirectory() as config:
        os.environ["XDG_CONFIG_HOME"] = config
        phones = [EmulatedPhone(server) for _ in range(args.phones)]
        try:
            step = (SLOWEST_MS / FASTEST_MS) ** (1 / (args.phones - 1))
            for number, phone in enumerate(phones):
                phone.faults(latency_ms=FASTEST_MS * step**number)
            alone = measure(args.models, phones[-1:], args.rounds)
            hot, dying, full = phones[:3]
            hot.set_temperature(75)
            dying.faults(latency_ms=FASTEST_MS, drop_in_run={"after": 12}, down_s=600)
            full.faults(no_space={"after": 1})
            rack = measure(args.models, phones, args.rounds)
        finally:
            for phone in phones:
                phone.close()
            server.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"the slowest alone: {alone['seconds']:.1f} s")
    print(
        f"{args.phones} at once: {rack['seconds']:.1f} s, "
        f"{rack['seconds'] / alone['seconds']:.2f} times that; {rack['done']} results"
    )
    share = (rack["cpu"] + rack["clients"]) / rack["seconds"]
    print(
        f"this host: {rack['cpu']:.1f} s of processor time, the adb clients "
        f"{rack['clients']:.1f} s ({share:.0%} of a core), {peak:.0f} MB"
    )
    print(f"said: {rack['problem']}")


if __name__ == "__main__":
    main()
