"""Heat: what kernels and Android say about it, on every kind of device."""

from collections.abc import Mapping

#: android.os.PowerManager: THERMAL_STATUS_*
THERMAL_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


def format_thermal_status(status: int) -> str:
    """Android's name for a thermal status.

    Args:
        status: a number of `THERMAL_STATUS`; a higher one is the last.
    """
    return THERMAL_STATUS[min(status, len(THERMAL_STATUS) - 1)]


def hottest(zones: Mapping[str, int]) -> float | None:
    """Degrees Celsius of the hottest processor zone ("cpu" in its name), else of any zone.

    What no running machine has (at or below 0, above 150) is a zone that is switched off.

    Args:
        zones: by name; kernels give thousandths, tenths or whole degrees.

    Returns:
        None if no zone tells anything.
    """
    degrees = {name: _celsius(value) for name, value in zones.items()}
    plausible = {name: value for name, value in degrees.items() if 0 < value <= 150}
    processors = [value for name, value in plausible.items() if "cpu" in name.lower()]
    return max(processors or plausible.values(), default=None)


def _celsius(value: int) -> float:
    return value / 1000 if value > 1500 else value / 10 if value > 150 else float(value)
