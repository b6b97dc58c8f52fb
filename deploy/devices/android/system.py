"""What an Android device says about itself and its state, asked with as few commands as may be.

Files under /sys are read in one `grep`; Android's services (`dumpsys`) cost tens of milliseconds
each and are asked once a round. Whatever a device does not tell is None.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from ppghost.deploy.devices.base import Core, Sensors
from ppghost.deploy.devices.thermal import hottest
from ppghost.errors import DeviceError

_CPU = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq"
_ZONES = "/sys/class/thermal/thermal_zone*"
_PROPERTIES = {
    "maker": "ro.product.manufacturer",
    "name": "ro.product.model",
    "soc_model": "ro.soc.model",
    "platform": "ro.board.platform",
    "hardware": "ro.hardware",
    "abi": "ro.product.cpu.abi",
    "android": "ro.build.version.release",
    "api_level": "ro.build.version.sdk",
}
#: shell lines; "path:value" for every readable file
READ_SENSORS = (
    f"grep -s . {_CPU}/scaling_cur_freq {_CPU}/scaling_max_freq {_ZONES}/type {_ZONES}/temp"
)
_READ_SERVICES = (
    "dumpsys battery 2>/dev/null; echo; dumpsys thermalservice 2>/dev/null; echo; "
    "dumpsys power 2>/dev/null | grep mWakefulness="
)
_READ_STATE = f"{READ_SENSORS}; echo; {_READ_SERVICES}"
_DESCRIBE = "\n".join(
    [f'echo "{key}=$(getprop {name})"' for key, name in _PROPERTIES.items()]
    + [f"grep -s . {_CPU}/cpuinfo_max_freq"]
)
Shell = Callable[[str], Any]


def describe(shell: Shell) -> dict[str, Any]:
    """Model, SoC, ABI, Android version and API level, cores, and the state now.

    Args:
        shell: runs a script on the phone.

    Raises:
        DeviceError: it does not tell its ABI.
        DeviceLost: it went away.
    """
    text = shell(f"{_DESCRIBE}\n{_READ_STATE}").stdout
    answers = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    values = {key: answers.get(key, "").strip() or None for key in _PROPERTIES}
    if not values["abi"]:
        raise DeviceError("does not tell its ABI (ro.product.cpu.abi); is it an Android device?")
    state = _parse_state(text)
    level = values["api_level"]
    return {
        "model": " ".join(filter(None, (values["maker"], values["name"]))) or None,
        "soc": values["soc_model"] or values["platform"] or values["hardware"],
        "platform": values["platform"],
        "hardware": values["hardware"],
        "abi": values["abi"],
        "android": values["android"],
        "api_level": int(level) if level and level.isdecimal() else None,
        "cores": _cores(_per_core(text, "cpuinfo_max_freq")),
        "battery": state["battery"],
        "charging": state["charging"],
        "thermal_status": state["thermal_status"],
        "temp_c": state["temp_c"],
    }


def _cores(maxima: list[int]) -> list[Core]:
    """One entry for each core."""
    cores: list[Core] = []
    for maximum in maxima:
        cluster = cores[-1]["cluster"] if cores else 0
        if cores and cores[-1]["max_khz"] != maximum:
            cluster += 1
        cores.append({"max_khz": maximum, "cluster": cluster})
    return cores


def big_cores(cores: Sequence[Core]) -> int | None:
    """How many cores Paddle-Lite's power mode 0 binds to.

    Its rule (lite/core/device_info.cc): those at or above the middle of the lowest and the
    highest maximum.

    Args:
        cores: all of a phone.

    Returns:
        None if the phone hides its cores.
    """
    if not cores:
        return None
    maxima = [core["max_khz"] for core in cores]
    return sum(2 * maximum >= min(maxima) + max(maxima) for maximum in maxima)


def read_state(shell: Shell) -> dict[str, Any]:
    """The sensors, battery, charging, thermal_status and screen now.

    Args:
        shell: runs a script on the phone.

    Raises:
        DeviceLost: it went away.
    """
    return _parse_state(shell(_READ_STATE).stdout)


def _parse_state(text: str) -> dict[str, Any]:
    sensors = parse_sensors(text)
    status = _number(r"Thermal Status: (\d+)", text)
    powered = re.findall(r"(?:AC|USB|Wireless|Dock) powered: (\w+)", text)
    awake = re.search(r"mWakefulness=(\w+)", text)
    if sensors["temp_c"] is None:
        # no zone may be read: the battery's tenths of a degree are better than nothing
        tenths = _number(r"^\s*temperature: (-?\d+)", text)
        sensors["temp_c"] = None if tenths is None else tenths / 10
    return {
        **sensors,
        "battery": _number(r"^\s*level: (\d+)", text),
        "charging": "true" in powered if powered else None,
        "thermal_status": status,
        "screen": None if not awake else "on" if awake[1] == "Awake" else "off",
    }


def parse_sensors(text: str) -> Sensors:
    """The sensors of a phone.

    Args:
        text: what `READ_SENSORS` printed.
    """
    kinds = dict(re.findall(r"thermal_zone(\d+)/type:(.*)", text))
    zones = {
        f"{kinds.get(zone, '')} {zone}": int(value)
        for zone, value in re.findall(r"thermal_zone(\d+)/temp:(-?\d+)\s*$", text, re.MULTILINE)
    }
    return {
        "temp_c": hottest(zones),
        "freq_khz": _per_core(text, "scaling_cur_freq") or None,
        "freq_cap_khz": _per_core(text, "scaling_max_freq") or None,
    }


def _per_core(text: str, name: str) -> list[int]:
    """Values of one cpufreq file, by ascending core number."""
    found = re.findall(rf"/cpu(\d+)/cpufreq/{name}:(\d+)", text)
    return [int(value) for _, value in sorted(found, key=lambda pair: int(pair[0]))]


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text, re.MULTILINE)
    return int(found[1]) if found else None
