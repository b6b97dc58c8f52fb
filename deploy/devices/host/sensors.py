"""What this machine says about itself and its state; None where it says nothing."""

import importlib.metadata
import platform
from pathlib import Path

from ppghost.deploy.devices.base import by_core
from ppghost.deploy.devices.thermal import Temperature, Zones

_ZONES = Zones()


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


def _read_numbers(pattern: str) -> dict[str, int]:
    """Numbers in the files under /sys that match, by path; what cannot be read is left out."""
    numbers = {}
    for path in Path("/sys").glob(pattern):
        try:
            numbers[str(path)] = int(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return numbers


def temperature() -> Temperature | None:
    """The hottest thermal zone."""
    zones = {}
    for path, value in _read_numbers("class/thermal/thermal_zone*/temp").items():
        folder = Path(path).parent
        try:
            kind = (folder / "type").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            kind = ""
        zones[f"{kind} {folder.name.removeprefix('thermal_zone')}".strip()] = value
    return _ZONES.hottest(zones)


def frequencies_khz() -> list[int | None] | None:
    """Each core's frequency now."""
    measured = _per_core("scaling_cur_freq")
    told = [int(float(mhz) * 1000) for mhz in _cpuinfo("cpu MHz")]
    return measured or [*told] or None


def frequency_caps_khz() -> list[int | None] | None:
    """Each core's highest allowed frequency now: a throttling kernel lowers it."""
    return _per_core("scaling_max_freq")


def _per_core(name: str) -> list[int | None] | None:
    found = _read_numbers(f"devices/system/cpu/cpu[0-9]*/cpufreq/{name}")
    return by_core({int(Path(path).parts[-3].removeprefix("cpu")): x for path, x in found.items()})
