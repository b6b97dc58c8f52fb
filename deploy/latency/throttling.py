"""Whether a burst was measured in a fair state of the device."""

from collections.abc import Mapping, Sequence
from typing import Any

from ppghost.deploy.devices.base import Burst
from ppghost.deploy.devices.notes import Note
from ppghost.deploy.devices.thermal import format_thermal_status


def throttled(
    state: Mapping[str, Any],
    burst: Burst,
    caps_khz: Sequence[int | None] | None,
    max_temp: float | None,
) -> Note | None:
    """Why a burst was not run at full speed, None if nothing says so.

    A throttling kernel lowers a core's highest allowed frequency below what it was at the start.
    The frequency of the moment says less: it follows the load.

    Args:
        state: the device's conditions at the start of the round.
        burst: with the sensors around it.
        caps_khz: each core's highest allowed frequency at the start of the campaign, by its number.
        max_temp: the highest temperature allowed, in degrees Celsius.

    Returns:
        A note of code "thermal_status", "core_capped" or "too_hot".
    """
    if status := state.get("thermal_status"):
        return Note("thermal_status", {"status": format_thermal_status(status)})
    for sensors in (burst.before, burst.after):
        caps = zip(sensors["freq_cap_khz"] or (), caps_khz or (), strict=False)
        for core, (cap, start) in enumerate(caps):
            # an offline core has none
            if cap is not None and start is not None and cap < start:
                values = {"core": core, "cap_ghz": cap / 1e6, "start_ghz": start / 1e6}
                return Note("core_capped", values)
        temperature = sensors["temp_c"]
        if max_temp is not None and temperature is not None and temperature > max_temp:
            return Note("too_hot", {"temp_c": temperature, "max_temp": max_temp})
    return None
