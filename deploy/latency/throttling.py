"""Whether a burst was measured in a fair state of the device."""

from collections.abc import Mapping, Sequence
from typing import Any

from ppghost.deploy.devices.base import Burst
from ppghost.deploy.devices.thermal import format_thermal_status


def throttled(
    state: Mapping[str, Any], burst: Burst, caps_khz: Sequence[int] | None, max_temp: float | None
) -> str | None:
    """Why a burst was not run at full speed, None if nothing says so.

    A throttling kernel lowers a core's highest allowed frequency (`freq_cap_khz`) below what it
    was at the start (`caps_khz`). The frequency of the moment says less: it follows the load.
    """
    if status := state.get("thermal_status"):
        return f"thermal status {format_thermal_status(status)}"
    for sensors in (burst.before, burst.after):
        caps = zip(sensors["freq_cap_khz"] or (), caps_khz or (), strict=False)
        for core, (cap, start) in enumerate(caps):
            if cap < start:
                return f"core {core} capped at {cap / 1e6:.2f} of {start / 1e6:.2f} GHz"
        temperature = sensors["temp_c"]
        if None not in (max_temp, temperature) and temperature > max_temp:
            return f"{temperature:.1f} °C, above {max_temp:g}"
    return None
