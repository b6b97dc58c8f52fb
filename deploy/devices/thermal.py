"""Heat: what kernels and Android say about it, on every kind of device."""

import re
from collections.abc import Mapping
from typing import NamedTuple

#: android.os.PowerManager: THERMAL_STATUS_*
THERMAL_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


def format_thermal_status(status: int) -> str:
    """Android's name for a thermal status.

    Args:
        status: a number of `THERMAL_STATUS`; a higher one is the last.
    """
    return THERMAL_STATUS[min(status, len(THERMAL_STATUS) - 1)]


#: zones that hold something else than a temperature, on phones of Qualcomm, Google, MediaTek and
#: Samsung: currents, voltages, charge, limits of power and of the step of a throttle
_NOT_DEGREES = re.compile(
    r"[iv]bat|bcl|bms|^soc( \d+)?$|ocp|lmh|step|vdroop|batoilo|smpl|limit|lvl|volt|curr|charge"
    r"|capacity|power|uvlo|virt",
    re.IGNORECASE,
)
#: zones of processors, some by the code names of their cores (Mongoose and Apollo of Samsung,
#: Ananke and Prometheus of Unisoc), and of the chips that they are on
_PROCESSOR = re.compile(
    r"cpu|^(big|mid|middle|little|prime|gold|silver)\d*( |$)|^cluster\d|^(mngs|apollo)"
    r"|^(ank|prometheus)\d",
    re.IGNORECASE,
)
_CHIP = re.compile(r"soc|tsens|^ap|mtktsap|exynos|aoss", re.IGNORECASE)
#: no core of a running machine is as hot or cold as that, in degrees Celsius
_MIN_C, _MAX_C = 0, 125
#: a zone that gave one value in so many readings, while others changed, is a constant
_CONSTANT_AFTER = 8


class Temperature(NamedTuple):
    """Degrees Celsius, and the zone that they are of."""

    celsius: float
    zone: str


class Zones:
    """The thermal zones of one device: which of them is to be believed."""

    def __init__(self) -> None:
        self._seen: dict[str, set[int]] = {}
        self._readings = 0

    def hottest(self, zones: Mapping[str, int]) -> Temperature | None:
        """The hottest processor zone; where no such zone tells anything, of the chip, else any.

        What a zone is called, what it reads and whether that ever changed decides whether it is a
        temperature: kernels publish currents, charges and limits as zones too.

        Args:
            zones: by name; kernels give thousandths, tenths or whole degrees.

        Returns:
            None if no zone tells anything.
        """
        self._readings += 1
        for name, value in zones.items():
            self._seen.setdefault(name, set()).add(value)
        degrees = {
            name: _celsius(value)
            for name, value in zones.items()
            if not _NOT_DEGREES.search(name) and not self._is_constant(name)
        }
        plausible = {name: value for name, value in degrees.items() if _MIN_C < value <= _MAX_C}
        for kind in (_PROCESSOR, _CHIP, re.compile("")):
            if found := {name: value for name, value in plausible.items() if kind.search(name)}:
                name = max(found, key=found.__getitem__)
                return Temperature(found[name], name)
        return None

    def _is_constant(self, name: str) -> bool:
        changed = any(len(values) > 1 for values in self._seen.values())
        return changed and self._readings >= _CONSTANT_AFTER and len(self._seen[name]) == 1


def _celsius(value: int) -> float:
    return value / 1000 if value > 1500 else value / 10 if value > 150 else float(value)
