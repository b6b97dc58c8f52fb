"""What models can be timed on. A new kind of device is one class with the methods of `Device`."""

from pathlib import Path
from typing import Any, Protocol

from deploy.host import HostDevice
from ppghost.errors import DeviceError


class Session(Protocol):
    """One model loaded on a device, ready to be timed."""

    def measure(self, repeats: int) -> list[float]:
        """Milliseconds per inference, `repeats` samples. Raises DeviceError."""

    def close(self) -> None:
        """Leave nothing running on the device."""


class Device(Protocol):
    """Something that runs `.nb` files."""

    serial: str
    kind: str

    def describe(self) -> dict[str, Any]:
        """serial, kind, state, model, soc, abi, android, lite_version."""

    def caveat(self, threads: int) -> str | None:
        """What a figure at `threads` threads does not show; None if there is nothing to say."""

    def check(self, nb: Path) -> None:
        """Raises InputError, before anything runs, for a `.nb` made for something else."""

    def open(self, nb: Path, inputs: list[dict[str, Any]], threads: int, name: str) -> Session:
        """Load `nb` with inputs of the given names and shapes. Raises DeviceError."""

    def conditions(self) -> dict[str, Any]:
        """t, temp_c, freq_khz, battery, loadavg now; None where unknown."""


def list_devices() -> list[Device]:
    """Every device that can be seen now, this host first."""
    return [HostDevice()]


def find_device(name: str) -> Device:
    """The device with the serial `name`; "all" is this host, the only kind so far.

    Raises DeviceError if there is none.
    """
    devices = list_devices()
    for device in devices:
        if name in (device.serial, "all"):
            return device
    known = ", ".join(device.serial for device in devices)
    raise DeviceError(f"no device {name!r}; there is: {known} (see `ppghost devices`)")
