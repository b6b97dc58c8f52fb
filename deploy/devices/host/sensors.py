"""What this machine says about itself and its state; None where it says nothing."""

import importlib.metadata
import platform
from pathlib import Path

from ppghost.deploy.devices.thermal import hottest

_CPUFREQ = "devices/system/cpu/cpu[0-9]*/cpufreq"


def package_version(name: str) -> str | None:
    """Version of an installed Python package, without importing it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def cpu_name() -> str:
    """The processor's own name for itself."""
    names = _cpuinfo("model name")
    return names[0] if names else platform.processor() or platform.machine()


def _cpuinfo(key: str) -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.split(":", 1)[1].strip() for line in lines if line.split("\t")[0].strip() == key]


def _read_numbers(pattern: str) -> list[int]:
    """Numbers in the files under /sys that match; one that cannot be read is left out."""
    numbers = []
    for path in sorted(Path("/sys").glob(pattern)):
        try:
            numbers.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return numbers


def temperature_c() -> float | None:
    """The hottest thermal zone."""
    zones = _read_numbers("class/thermal/thermal_zone*/temp")
    return hottest({f"zone {number}": value for number, value in enumerate(zones)})


def frequencies_khz() -> list[int] | None:
    """Each core's frequency now."""
    frequencies = _read_numbers(f"{_CPUFREQ}/scaling_cur_freq")
    return frequencies or [int(float(mhz) * 1000) for mhz in _cpuinfo("cpu MHz")] or None


def frequency_caps_khz() -> list[int] | None:
    """Each core's highest allowed frequency now: a throttling kernel lowers it."""
    return _read_numbers(f"{_CPUFREQ}/scaling_max_freq") or None
