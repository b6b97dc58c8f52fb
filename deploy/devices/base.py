"""What a device is: the methods that a campaign times models with.

A new kind of device is one class with the methods of `Device`, and its name in
`ppghost.deploy.devices.discovery.KINDS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypedDict, TypeVar

from ppghost.deploy.devices.notes import Note
from ppghost.deploy.nb.header import NbInfo
from ppghost.deploy.nb.model import NbModel


@dataclass(frozen=True)
class DeviceOptions:
    """What a campaign asks of its devices; each kind takes what it knows.

    Attributes:
        programs: for phones, Paddle-Lite's benchmark_bin by ABI ("*": any).
        power_mode: Paddle-Lite's: big, little, all or none (no binding).
        affinity: a hexadecimal mask for `taskset`, with power mode none.
        device_folder: of a phone, to work in; None: the usual one.
    """

    programs: Mapping[str, Path] = field(default_factory=dict)
    power_mode: str = "big"
    affinity: str | None = None
    device_folder: str | None = None


class Sensors(TypedDict):
    """What can be read between two inferences; None where a device does not tell.

    temp_c is of the hottest processor zone, or of what temp_zone says; freq_khz is each core's
    frequency by its number, freq_cap_khz the highest that it is allowed now; None is an offline
    core.
    """

    temp_c: float | None
    temp_zone: str | None
    freq_khz: list[int | None] | None
    freq_cap_khz: list[int | None] | None


class Core(TypedDict):
    """A core of a device; neighbours with one highest frequency are a cluster."""

    max_khz: int
    cluster: int


class Burst(NamedTuple):
    """A few inferences in a row.

    Attributes:
        samples_ms: those that count.
        warmup_ms: those before them.
        before, after: the sensors around them.
        details: what the program tells besides.
    """

    samples_ms: list[float]
    warmup_ms: list[float]
    before: Sensors
    after: Sensors
    details: dict[str, Any]


class Session(Protocol):
    """One model on a device, ready to be timed."""

    def close(self) -> None:
        """Leave nothing running on the device."""


SessionT = TypeVar("SessionT", bound=Session)


class Device(Protocol[SessionT]):
    """Something that runs `.nb` files.

    Attributes:
        serial: its name, one of a kind.
        kind: the kind's name.
        state: "device" if it can be used; anything else says why not.
        sample_kind: what one sample is: "inference", or "invocation mean" where a program tells no
            more.
        repeats: inferences of a burst that count, unless a campaign says how many.
        runs_here: whether timing it takes this machine's cores, so that others must not run
            beside it.
        power_mode, affinity: None where the device knows no such thing.
    """

    serial: str
    kind: str
    state: str
    sample_kind: str
    repeats: int
    runs_here: bool
    affinity: str | None

    @classmethod
    def discover(cls, options: DeviceOptions) -> "Sequence[Device[Any]]":
        """Every device of this kind that can be seen now, unusable ones too.

        Args:
            options: what a campaign asks of them.

        Raises:
            DeviceError: the kind cannot be asked.
        """

    @classmethod
    def find(cls, name: str, options: DeviceOptions) -> "Device[Any] | None":
        """The device of a name; None if this kind knows none.

        Args:
            name: a serial.
            options: what a campaign asks of it.

        Raises:
            DeviceError: the kind cannot be asked.
        """

    @property
    def power_mode(self) -> str | None:
        """Paddle-Lite's."""

    @property
    def target(self) -> str:
        """What files are made for it: "arm", "x86"."""

    def describe(self) -> dict[str, Any]:
        """serial, kind, state, model, soc, abi, android, lite_version, and more.

        Raises:
            DeviceError: it does not answer.
        """

    def limitation(self, threads: int) -> Note | None:
        """What a figure does not show; None if there is nothing to say.

        Args:
            threads: of the runtime.
        """

    def incompatibility(self, info: NbInfo) -> str | None:
        """Why a file does not run here; None if it does.

        Args:
            info: what its header says.
        """

    def translator(self) -> "Device | None":
        """The same device as one that runs the code of another processor, translated.

        Returns:
            None if it does not. A translation's figures say nothing of that processor.

        Raises:
            DeviceError: it does not answer.
        """

    def check(self) -> None:
        """Whether it can be used at all, before anything runs.

        Raises:
            DeviceError: it cannot.
            InputError: what it needs is not given.
        """

    def prepare(self) -> None:
        """What is needed once, before any model; keeps other campaigns off the device.

        Raises:
            DeviceError: another campaign is on it, or it fails.
            InputError: what it needs is not given.
        """

    def open(self, model: NbModel, threads: int) -> SessionT:
        """Load a model.

        Args:
            model: one that runs here.
            threads: of the runtime.

        Raises:
            DeviceError: it cannot be loaded or run.
            DeviceLost: the device went away.
        """

    def check_output(self, session: SessionT) -> dict[str, Any] | None:
        """Compare with Paddle's outputs for the same input.

        Returns:
            {"max_abs_diff", "ok", ...}, or None where `convert` compared them.

        Raises:
            DeviceError: they differ, or it failed.
            DeviceLost: the device went away.
        """

    def measure(self, session: SessionT, repeats: int, warmup: int) -> Burst:
        """Time a few inferences.

        Args:
            session: of this device.
            repeats: how many count.
            warmup: how many come before them.

        Raises:
            DeviceError: the model failed.
            DeviceLost: the device went away.
        """

    def conditions(self) -> dict[str, Any]:
        """The state now: t, the `Sensors`, battery, ...; None where unknown.

        Raises:
            DeviceLost: the device went away.
        """

    def recover(self, seconds: float) -> bool:
        """Wait for a lost device.

        Args:
            seconds: at most.

        Returns:
            Whether it is back.
        """

    def cancel(self) -> None:
        """Make a call that another thread waits for raise DeviceLost."""

    def close(self) -> None:
        """Leave nothing on the device."""


def timestamp() -> str:
    """Now, in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def by_core(values: Mapping[int, int]) -> list[int | None] | None:
    """A list with each core's value at its number, None in the place of one that has none.

    Args:
        values: by core number.

    Returns:
        None where no core has a value.
    """
    return [values.get(core) for core in range(max(values) + 1)] if values else None


def format_cores(cores: Sequence[Core]) -> str:
    """'4 x 1.79 + 3 x 2.42 + 1 x 2.84 GHz'.

    Args:
        cores: of a device's description.
    """
    clusters: dict[int, list[int]] = {}
    for core in cores:
        clusters.setdefault(core["cluster"], []).append(core["max_khz"])
    maxima = (f"{len(cluster)} x {cluster[0] / 1e6:.2f}" for cluster in clusters.values())
    return " + ".join(maxima) + " GHz"
