"""This host as a device: x86 `.nb` files, each in a worker process."""

import os
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ppghost.deploy.devices.base import Burst, DeviceOptions, Sensors, timestamp
from ppghost.deploy.devices.host import sensors
from ppghost.deploy.devices.host.lock import HostLock
from ppghost.deploy.devices.host.session import HostSession, saved_arrays
from ppghost.deploy.devices.notes import Note
from ppghost.deploy.nb.compatibility import X86, incompatibility
from ppghost.deploy.nb.header import NbInfo
from ppghost.deploy.nb.model import NbModel

if TYPE_CHECKING:
    import numpy as np


class HostDevice:
    """This machine; the kind "host". A phone has the same methods (see `Device`)."""

    serial = "host"
    kind = "host"
    state = "device"
    sample_kind = "inference"
    target = X86
    runs_here = True
    # short bursts, and so more rounds in the same time: docs/results.md
    repeats = 2
    power_mode: str | None = None
    affinity: str | None = None

    def __init__(self) -> None:
        self._lock = HostLock()

    @classmethod
    def discover(cls, options: DeviceOptions) -> list["HostDevice"]:
        """This host, which is always there."""
        return [cls()]

    @classmethod
    def find(cls, name: str, options: DeviceOptions) -> "HostDevice | None":
        """This host, if that is its name."""
        return cls() if name == cls.serial else None

    def limitation(self, threads: int) -> Note | None:
        """What a figure at `threads` threads does not show; None if there is nothing to say."""
        # measured with 2.13rc0 on 2 cores: CPU time equals wall time at 2 threads, and the
        # medians of 11 networks are those of 1 thread
        if threads > 1:
            return Note("x86_computes_on_one_core")
        return None

    def describe(self) -> dict[str, Any]:
        """Who this device is, in the form of a latency result's "device"."""
        return {
            "serial": self.serial,
            "kind": self.kind,
            "state": "device",
            "model": sensors.cpu_name(),
            "soc": None,
            "abi": platform.machine(),
            "android": None,
            "lite_version": sensors.package_version("paddlelite"),
        }

    def incompatibility(self, info: NbInfo) -> str | None:
        """Why such a file does not run here; None if it does."""
        return incompatibility(info, X86)

    def translator(self) -> None:
        """It runs the code of its own processor alone."""

    def check(self) -> None:
        """Nothing can be missing."""

    def prepare(self) -> None:
        """Keep other campaigns off this host.

        Raises:
            DeviceError: one is on it.
        """
        self._lock.take()

    def open(self, model: NbModel, threads: int) -> HostSession:
        """Load a model with its image, or seeded random inputs, ready to be measured.

        Raises:
            DeviceError: the runtime cannot run it.
        """
        if model.feed is None:
            request = {"inputs": model.inputs, "seed": 0}
            session = HostSession(model.path, request, threads, model.name)
        else:
            with saved_arrays(model.feed.arrays) as path:
                request = {"npz": path, "check_finite": True}
                session = HostSession(model.path, request, threads, model.name)
        if model.detections:
            session.boxes = _count_boxes(model.detections, list(session.outputs().values()))
        return session

    def check_output(self, session: HostSession) -> None:
        """Nothing: `convert` compared every x86 file with Paddle on a host like this one."""

    def measure(self, session: HostSession, repeats: int, warmup: int) -> Burst:
        """Time `repeats` inferences after `warmup` others, one by one.

        Raises:
            DeviceError: the model failed.
        """
        before = _sensors()
        times, waited = session.measure(warmup + repeats)
        details: dict[str, Any] = {"waited_ms": waited[warmup:]}
        if session.boxes is not None:
            details["boxes"] = session.boxes
        return Burst(times[warmup:], times[:warmup], before, _sensors(), details)

    def conditions(self) -> dict[str, Any]:
        """Time, temperature, frequencies and load now; null where the machine does not tell."""
        return {
            "t": timestamp(),
            **_sensors(),
            "battery": None,
            "loadavg": round(os.getloadavg()[0], 2),
        }

    def recover(self, seconds: float) -> bool:
        """This host is never lost."""
        return True

    def cancel(self) -> None:
        """Nothing: the host is measured by the thread that Ctrl-C reaches."""

    def close(self) -> None:
        """Let other campaigns on this host; sessions end their workers themselves."""
        self._lock.release()


def _count_boxes(detections: list[int] | bool, outputs: "Sequence[np.ndarray]") -> int:
    """How many rows a suppression left, in the outputs that hold what it left."""
    found = outputs if detections is True else [outputs[place] for place in detections or ()]
    return sum(len(rows) for rows in found if rows.ndim == 2 and rows.shape[1] == 6)


def _sensors() -> Sensors:
    hottest = sensors.temperature()
    return {
        "temp_c": hottest and hottest.celsius,
        "temp_zone": hottest and hottest.zone,
        "freq_khz": sensors.frequencies_khz(),
        "freq_cap_khz": sensors.frequency_caps_khz(),
    }
