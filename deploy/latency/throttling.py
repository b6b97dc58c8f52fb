"""What every kind of device hands back, and whether it was measured in a fair state."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ppghost.deploy.devices.android.system import status_in_words


class Burst(NamedTuple):
    """A few inferences in a row: samples that count, those that warm up, the sensors around them.

    `details` is what the program tells besides.
    """

    samples_ms: list[float]
    warmup_ms: list[float]
    before: dict[str, Any]
    after: dict[str, Any]
    details: dict[str, Any]


def timestamp() -> str:
    """Now, in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def throttled(
    state: Mapping[str, Any], burst: Burst, caps_khz: Sequence[int] | None, max_temp: float | None
) -> str | None:
    """Why a burst was not run at full speed, None if nothing says so.

    A throttling kernel lowers a core's highest allowed frequency (`freq_cap_khz`) below what it
    was at the start (`caps_khz`). The frequency of the moment says less: it follows the load.
    """
    if status := state.get("thermal_status"):
        return f"thermal status {status_in_words(status)}"
    for sensors in (burst.before, burst.after):
        caps = zip(sensors["freq_cap_khz"] or (), caps_khz or (), strict=False)
        for core, (cap, start) in enumerate(caps):
            if cap < start:
                return f"core {core} capped at {cap / 1e6:.2f} of {start / 1e6:.2f} GHz"
        temperature = sensors["temp_c"]
        if None not in (max_temp, temperature) and temperature > max_temp:
            return f"{temperature:.1f} °C, above {max_temp:g}"
    return None
