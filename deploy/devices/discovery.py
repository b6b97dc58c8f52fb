"""What models can be timed on. A new kind of device is one class with the methods of `Device`."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from ppghost.deploy.devices.android import system as android
from ppghost.deploy.devices.android.adb_client import connect, list_serials
from ppghost.deploy.devices.android.device import Phone
from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.throttling import Burst
from ppghost.deploy.nb.header import NbInfo
from ppghost.deploy.nb.sidecar import NbModel
from ppghost.errors import DeviceError, InputError

logger = logging.getLogger(__name__)


class Session(Protocol):
    """One model on a device, ready to be timed."""

    def close(self) -> None:
        """Leave nothing running on the device."""


class Device(Protocol):
    """Something that runs `.nb` files."""

    serial: str
    kind: str
    #: what one sample is: "inference", or "invocation mean" where a program tells no more
    samples_are: str
    #: inferences of a burst that count, unless a campaign says how many
    repeats: int
    #: None where the device knows no such thing
    power_mode: str | None
    affinity: str | None

    def describe(self) -> dict[str, Any]:
        """serial, kind, state, model, soc, abi, android, lite_version, and more."""

    def caveat(self, threads: int) -> str | None:
        """What a figure at `threads` threads does not show; None if there is nothing to say."""

    def refusal(self, info: NbInfo) -> str | None:
        """Why such a file does not run here; None if it does."""

    def check(self) -> None:
        """Whether it can be used at all, before anything runs. Raises DeviceError, InputError."""

    def prepare(self) -> None:
        """What is needed once, before any model. Raises DeviceError, InputError."""

    def open(self, model: NbModel, threads: int) -> Session:
        """Load a model. Raises DeviceError."""

    def check_output(self, session: Session) -> dict[str, Any] | None:
        """Compare with Paddle's outputs; None: `convert` did. Raises DeviceError."""

    def measure(self, session: Session, repeats: int, warmup: int) -> Burst:
        """Time `repeats` inferences after `warmup` others. Raises DeviceError, DeviceLost."""

    def conditions(self) -> dict[str, Any]:
        """t, temp_c, freq_khz, freq_cap_khz, battery, ... now; None where unknown."""

    def recover(self, seconds: float) -> bool:
        """Wait for a lost device; whether it is back."""

    def cancel(self) -> None:
        """Make a call that another thread waits for raise DeviceLost."""

    def close(self) -> None:
        """Leave nothing on the device."""


def list_devices(campaign: Campaign | None = None) -> list[Device]:
    """Every device that can be seen now, this host first, unusable phones too."""
    try:
        states = list_serials()
    except DeviceError as error:
        logger.warning("%s", error)
        states = {}
    return [HostDevice(), *(_phone(serial, state, campaign) for serial, state in states.items())]


def _phone(serial: str, state: str, campaign: Campaign | None) -> Phone:
    if campaign is None:
        return Phone(serial, state)
    return Phone(
        serial,
        state,
        programs=campaign.benchmark_bin,
        power_mode=campaign.power_mode,
        affinity=campaign.affinity,
    )


def describe_all() -> list[dict[str, Any]]:
    """What every device says about itself; one that fails to answer says why in "advice"."""

    def describe(device: Device) -> dict[str, Any]:
        try:
            return device.describe()
        except DeviceError as error:
            nothing = dict.fromkeys(("model", "soc", "abi", "android", "lite_version"))
            identity = {"serial": device.serial, "kind": device.kind, "state": "no answer"}
            return {**identity, **nothing, "advice": str(error)}

    devices = list_devices()
    with ThreadPoolExecutor(len(devices)) as pool:
        return list(pool.map(describe, devices))


def in_words(described: dict[str, Any]) -> str:
    """One line for a device, and one with what to do about it if it cannot be used."""
    head = "  ".join(str(described[key]) for key in ("serial", "kind", "state"))
    facts = [described[key] for key in ("model", "soc", "abi")]
    if described["android"]:
        facts.append(f"Android {described['android']} (API {described['api_level']})")
    if described.get("cores"):
        facts.append(android.cores_in_words(described["cores"]))
    if described.get("battery") is not None:
        plugged = {True: ", charging", False: ", not charging", None: ""}[described["charging"]]
        facts.append(f"battery {described['battery']} %{plugged}")
    if described.get("thermal_status") is not None:
        facts.append(f"thermal status {android.status_in_words(described['thermal_status'])}")
    if described.get("temp_c") is not None:
        facts.append(f"{described['temp_c']:.1f} °C")
    line = "  ".join([head, ", ".join(filter(None, facts))]).rstrip()
    return f"{line}\n    {described['advice']}" if described.get("advice") else line


def find_devices(names: Sequence[str], campaign: Campaign | None = None) -> list[Device]:
    """The devices with these serials; "all" is every usable one, this host included.

    A name like HOST:PORT that adb does not know yet is connected to. adb is not asked for the
    host alone. Raises DeviceError for a device that is not there, InputError for no names.
    """
    if not names:
        raise InputError("no device to time on; give --device host, a serial or all")
    if set(names) == {"host"}:
        return [HostDevice()]
    if "all" in names:
        devices = list_devices(campaign)
        for phone in devices:
            if isinstance(phone, Phone) and phone.state != "device":
                logger.warning("%s is left out: %s", phone.serial, phone.state)
        return [one for one in devices if not isinstance(one, Phone) or one.state == "device"]
    known = {device.serial: device for device in list_devices(campaign)}
    for name in names:
        if name not in known and ":" in name:
            connect(name)
            known = {device.serial: device for device in list_devices(campaign)}
        if name not in known:
            raise DeviceError(
                f"no device {name!r}; there is: {', '.join(known)} (see `ppghost devices`)"
            )
    return [known[name] for name in dict.fromkeys(names)]
