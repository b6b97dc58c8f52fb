"""What an Android device says about itself and its state, asked with as few commands as may be.

Files under /sys are read in one `grep`; Android's services (`dumpsys`) cost tens of milliseconds
each and are asked once a round, each for a bounded time. Whatever a device does not tell is None.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from ppghost.deploy.devices.android.folder import FOLDER, TASK_FILE
from ppghost.deploy.devices.android.lite_cores import count_cores
from ppghost.deploy.devices.android.scripts import KILLED, bounded
from ppghost.deploy.devices.base import Core, Sensors, by_core
from ppghost.deploy.devices.thermal import Temperature, Zones
from ppghost.deploy.nb.compatibility import target_of
from ppghost.errors import DeviceError
from ppghost.i18n import tr

_CPU = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq"
_ZONES = "/sys/class/thermal/thermal_zone*"
_PROPERTIES = {
    "maker": "ro.product.manufacturer",
    "name": "ro.product.model",
    "soc_model": "ro.soc.model",
    "platform": "ro.board.platform",
    "hardware": "ro.hardware",
    "board": "ro.product.board",
    "chip": "ro.chipname",
    "hardware_serial": "ro.serialno",
    "abi": "ro.product.cpu.abi",
    "abis": "ro.product.cpu.abilist",
    "native_bridge": "ro.dalvik.vm.native.bridge",
    "android": "ro.build.version.release",
    "api_level": "ro.build.version.sdk",
}
#: shell lines; "path:value" for every readable file
READ_SENSORS = (
    f"grep -s . {_CPU}/scaling_cur_freq {_CPU}/scaling_max_freq {_ZONES}/type {_ZONES}/temp"
)
#: services, and how what they say is shortened
SERVICES = {
    "battery": "",
    "thermalservice": "",
    "power": " | grep -e mWakefulness= -e ppghost",
}
#: seconds for each: a stuck one would block all measuring
SERVICE_TIMEOUT_S = 5
_STUCK = "ppghost: no answer from "
#: processors among the temperatures of thermalservice (android.hardware.thermal: CPU)
_SERVICE_TEMPERATURE = re.compile(r"Temperature\{mValue=(-?[\d.]+), mType=0,")
_DESCRIBE = "\n".join(
    [
        # all at once: a process for each would be ten
        "getprop",
        "grep -s . /sys/devices/system/cpu/possible /dev/null",
        "grep -sE '^(Hardware|Features)' /proc/cpuinfo",
        f"grep -s . {_CPU}/cpuinfo_max_freq /dev/null",
        f"grep -s . {FOLDER}/lock {FOLDER}/{TASK_FILE} /dev/null",
    ]
)
Shell = Callable[[str], Any]


class Translation(NamedTuple):
    """An ABI that is not the device's own, and the library that translates its code."""

    abi: str
    bridge: str


def describe(shell: Shell, zones: Zones) -> dict[str, Any]:
    """Model, SoC, ABI, Android version and API level, cores, and the state now.

    Args:
        shell: runs a script on the phone.
        zones: of the phone.

    Returns:
        Also what threads are held to ("lite_cores", "possible_cores"), the processor's "features",
        and of an emulator the code that it "translates".

    Raises:
        DeviceError: it does not tell its ABI.
        DeviceLost: it went away.
    """
    text = shell(f"{_DESCRIBE}\n{_state_script(())}").stdout
    answers = dict(re.findall(r"^\[([\w.]+)\]: \[(.*)\]$", text, re.MULTILINE))
    values = {key: answers.get(name, "").strip() or None for key, name in _PROPERTIES.items()}
    if not values["abi"]:
        raise DeviceError("does not tell its ABI (ro.product.cpu.abi); is it an Android device?")
    state = _parse_state(text, zones)
    level = values["api_level"]
    maxima = _per_core(text, "cpuinfo_max_freq")
    possible = _possible_cores(text)
    chip = [*re.findall(r"^Hardware\s*:(.*)", text, re.MULTILINE)]
    chip += [values[key] or "" for key in ("board", "platform", "chip")]
    lite_cores = count_cores("_".join(chip), maxima, possible)
    return {
        "model": " ".join(filter(None, (values["maker"], values["name"]))) or None,
        "soc": values["soc_model"] or values["platform"] or values["hardware"],
        "platform": values["platform"],
        "hardware": values["hardware"],
        "hardware_serial": values["hardware_serial"],
        "abi": values["abi"],
        "translates": _translation(values),
        "android": values["android"],
        "api_level": int(level) if level and level.isdecimal() else None,
        "cores": _cores(maxima),
        "possible_cores": possible,
        "lite_cores": lite_cores and lite_cores._asdict(),
        "features": sorted(set(" ".join(re.findall(r"^Features\s*:(.*)", text, re.M)).split())),
        "measured_by": _measured_by(text),
        "battery": state["battery"],
        "charging": state["charging"],
        "thermal_status": state["thermal_status"],
        "temp_c": state["temp_c"],
        "temp_zone": state["temp_zone"],
    }


def _translation(values: Mapping[str, str | None]) -> Translation | None:
    """What an emulator runs of another processor's code, as Android's native bridge tells."""
    bridge = values["native_bridge"]
    abis = (values["abis"] or "").split(",")
    foreign = [abi for abi in abis if abi and target_of(abi) != target_of(values["abi"] or "")]
    return Translation(foreign[0], bridge) if foreign and bridge not in (None, "0") else None


def _measured_by(text: str) -> str | None:
    """Who holds the phone, and with which model: 'process 7 on rack1: GhostNet'."""
    lock = re.search(r"/ppghost/lock:\S+ (\d+) (\S+) ", text)
    if not lock:
        return None
    task = re.search(rf"/ppghost/{TASK_FILE}:(.+)", text)
    return tr("process {lock} on {lock2}").format(lock=lock[1], lock2=lock[2]) + (
        tr(": {task}").format(task=task[1].strip()) if task else ""
    )


def _possible_cores(text: str) -> int | None:
    """How many cores there are, also those that are offline: "0-7" is 8."""
    last = _number(r"/cpu/possible:(?:[\d,-]*[,-])?(\d+)\s*$", text)
    return None if last is None else last + 1


def _cores(maxima: Mapping[int, int]) -> list[Core]:
    """One entry for each core that tells its highest frequency."""
    cores: list[Core] = []
    for _, maximum in sorted(maxima.items()):
        cluster = cores[-1]["cluster"] if cores else 0
        if cores and cores[-1]["max_khz"] != maximum:
            cluster += 1
        cores.append({"max_khz": maximum, "cluster": cluster})
    return cores


def read_state(shell: Shell, zones: Zones, skip: Collection[str] = ()) -> dict[str, Any]:
    """The sensors, battery, charging, thermal_status and screen now.

    Args:
        shell: runs a script on the phone.
        zones: of the phone.
        skip: names of `SERVICES` that are not asked.

    Returns:
        These, and under "no_answer" the services that did not answer in time, if any.

    Raises:
        DeviceLost: it went away.
    """
    return _parse_state(shell(_state_script(skip)).stdout, zones)


def _state_script(skip: Collection[str]) -> str:
    lines = [READ_SENSORS]
    for name, kept in SERVICES.items():
        if name not in skip:
            ask = bounded(f"dumpsys {name} 2>/dev/null", SERVICE_TIMEOUT_S)
            stuck = f'[ $? = {KILLED} ] && echo "{_STUCK}{name}"'
            lines.append(f"{{ {ask}; {stuck}; }}{kept}; echo")
    return "\n".join(lines)


def _parse_state(text: str, zones: Zones) -> dict[str, Any]:
    sensors = parse_sensors(text, zones)
    powered = re.findall(r"(?:AC|USB|Wireless|Dock) powered: (\w+)", text)
    awake = re.search(r"mWakefulness=(\w+)", text)
    # a box for a television has none, and tells of one of 0 % and 0 degrees
    present = not re.search(r"^\s*present: false", text, re.MULTILINE)
    if sensors["temp_c"] is None and (other := _service_temperature(text, present)):
        sensors["temp_c"], sensors["temp_zone"] = other
    stuck = re.findall(rf"{_STUCK}(\w+)", text)
    return {
        **sensors,
        "battery": _number(r"^\s*level: (\d+)", text) if present else None,
        "charging": "true" in powered if powered and present else None,
        "thermal_status": _number(r"Thermal Status: (\d+)", text),
        "screen": None if not awake else "on" if awake[1] == "Awake" else "off",
        **({"no_answer": stuck} if stuck else {}),
    }


def _service_temperature(text: str, battery: bool) -> Temperature | None:
    """The hottest processor that Android tells of (10 and later), else the battery's degrees."""
    now = text.partition("Current temperatures from HAL")[2] or text
    degrees = [float(value) for value in _SERVICE_TEMPERATURE.findall(now)]
    if plausible := [value for value in degrees if 0 < value <= 125]:
        return Temperature(max(plausible), "thermalservice CPU")
    tenths = _number(r"^\s*temperature: (-?\d+)", text) if battery else None
    return None if tenths is None else Temperature(tenths / 10, "battery")


def parse_sensors(text: str, zones: Zones) -> Sensors:
    """The sensors of a phone.

    Args:
        text: what `READ_SENSORS` printed.
        zones: of the phone.
    """
    kinds = dict(re.findall(r"thermal_zone(\d+)/type:(.*)", text))
    values = {
        f"{kinds.get(zone, '').strip()} {zone}".strip(): int(value)
        for zone, value in re.findall(r"thermal_zone(\d+)/temp:(-?\d+)\s*$", text, re.MULTILINE)
    }
    hottest = zones.hottest(values)
    return {
        "temp_c": hottest and hottest.celsius,
        "temp_zone": hottest and hottest.zone,
        "freq_khz": by_core(_per_core(text, "scaling_cur_freq")),
        "freq_cap_khz": by_core(_per_core(text, "scaling_max_freq")),
    }


def _per_core(text: str, name: str) -> dict[int, int]:
    """Values of one cpufreq file by core number."""
    found = re.findall(rf"/cpu(\d+)/cpufreq/{name}:(\d+)", text)
    return {int(core): int(value) for core, value in found}


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text, re.MULTILINE)
    return int(found[1]) if found else None
