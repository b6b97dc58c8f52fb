"""What models can be timed on."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ppghost.deploy.devices.android.device import Phone
from ppghost.deploy.devices.base import Device, DeviceOptions, format_cores
from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.devices.thermal import format_thermal_status
from ppghost.errors import DeviceError, InputError
from ppghost.i18n import message_of, say, tr, translate

logger = logging.getLogger(__name__)

#: every kind of device, in the order in which they are listed
KINDS: tuple[type[Device], ...] = (
    HostDevice,
    Phone,
)


#: a state of ours, beside those of adb, which keep its words
STATES = {"no answer": tr("no answer")}


def list_devices(options: DeviceOptions | None = None) -> list[Device]:
    """Every device that can be seen now, unusable ones too.

    A kind that cannot be asked is a warning.

    Args:
        options: what a campaign asks of them.
    """
    devices: list[Device] = []
    for kind in KINDS:
        try:
            devices += kind.discover(options or DeviceOptions())
        except DeviceError as error:
            logger.warning("%s", error)
    return devices


def describe_all() -> list[dict[str, Any]]:
    """What every device says about itself; one that fails to answer says why in "advice"."""

    def describe(device: Device) -> dict[str, Any]:
        try:
            return device.describe()
        except DeviceError as error:
            nothing = dict.fromkeys(("model", "soc", "abi", "android", "lite_version"))
            identity = {"serial": device.serial, "kind": device.kind, "state": "no answer"}
            return {**identity, **nothing, "advice": message_of(error)}

    devices = list_devices()
    with ThreadPoolExecutor(len(devices)) as pool:
        return list(pool.map(describe, devices))


def format_device(described: dict[str, Any]) -> str:
    """One line for a device, and one with what to do about it if it cannot be used.

    Args:
        described: an entry of `describe_all`.
    """
    state = translate(STATES.get(described["state"], described["state"]))
    head = f"{described['serial']}  {described['kind']}  {state}"
    facts = [described[key] for key in ("model", "soc", "abi")]
    if described["android"]:
        facts.append(f"Android {described['android']} (API {described['api_level']})")
    if described.get("cores"):
        facts.append(format_cores(described["cores"]))
    if described.get("battery") is not None:
        battery = {
            True: tr("battery {percent} %, charging"),
            False: tr("battery {percent} %, not charging"),
            None: tr("battery {percent} %"),
        }[described["charging"]]
        facts.append(translate(battery.format(percent=described["battery"])))
    if described.get("thermal_status") is not None:
        status = format_thermal_status(described["thermal_status"])
        facts.append(say("thermal status {status}", status=status))
    if described.get("temp_c") is not None:
        zone = described.get("temp_zone")
        facts.append(f"{described['temp_c']:.1f} °C{f' ({zone})' if zone else ''}")
    if described.get("measured_by"):
        facts.append(say("measured by {holder}", holder=described["measured_by"]))
    line = "  ".join([head, ", ".join(filter(None, facts))]).rstrip()
    return f"{line}\n    {translate(described['advice'])}" if described.get("advice") else line


def find_devices(names: Sequence[str], options: DeviceOptions | None = None) -> list[Device]:
    """The devices with these names.

    Args:
        names: serials; "all" is every usable device, this host included. A name like HOST:PORT that
            adb does not know yet is connected to. A kind is asked only where the kinds before it do
            not know a name, adb not for the host alone.
        options: what a campaign asks of them.

    Returns:
        Each once, in the order of the names.

    Raises:
        DeviceError: a device is not there, or cannot be asked for.
        InputError: no names.
    """
    options = options or DeviceOptions()
    if not names:
        raise InputError("no device to time on; give --device host, a serial or all")
    if "all" in names:
        devices = list_devices(options)
        for device in devices:
            if device.state != "device":
                logger.warning("%s is left out: %s", device.serial, device.state)
        return _each_once([device for device in devices if device.state == "device"])
    return _each_once([_find(name, options) for name in dict.fromkeys(names)])


def unusable(options: DeviceOptions | None = None) -> list[str]:
    """What "all" leaves out: a line a device, with what to do about it.

    Args:
        options: what a campaign asks of them.
    """
    devices = [device for device in list_devices(options) if device.state != "device"]
    return [f"{device.serial}: {device.state}; {device.describe()['advice']}" for device in devices]


def _each_once(devices: list[Device]) -> list[Device]:
    """Without a second link (USB, network) to one phone, which would wait for itself.

    Of two links that by cable stays: it does not share the air.
    """
    chosen: dict[str, Device] = {}
    for device in devices:
        name = _hardware(device) or device.serial
        other = chosen.get(name)
        if other is None:
            chosen[name] = device
            continue
        kept, left = (
            (other, device) if _by_cable(other) or not _by_cable(device) else (device, other)
        )
        chosen[name] = kept
        logger.warning("%s is %s again, and measured by that link", left.serial, kept.serial)
    return list(chosen.values())


def _hardware(device: Device) -> str | None:
    """What a device calls itself, whatever the link; None where it does not tell."""
    try:
        return device.describe().get("hardware_serial") if device.state == "device" else None
    except DeviceError:
        return None  # it says so where it is used


def _by_cable(device: Device) -> bool:
    # HOST:PORT, and what mDNS finds in the network
    return ":" not in device.serial and "._adb" not in device.serial


def _find(name: str, options: DeviceOptions) -> Device:
    for kind in KINDS:
        if device := kind.find(name, options):
            return device
    known = ", ".join(device.serial for device in list_devices(options))
    raise DeviceError(
        "no device {name!r}; there is: {known} (see `ppghost devices`)", name=name, known=known
    )
