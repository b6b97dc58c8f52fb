"""How many cores Paddle-Lite computes on in each power mode: it silently cuts more threads.

Facts of its lite/core/device_info.cc (read in develop of 2024): a processor whose name it knows has
the cores of a table, whatever the kernel says; of others those are big whose highest frequency is
not below the middle of the highest and the lowest.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ppghost.i18n import tr


class Cores(NamedTuple):
    """Numbers of cores as Paddle-Lite counts them."""

    big: int
    little: int


#: by a part of the name, the first that fits: "MT6755" is also in "MT6755T"
_KNOWN = {
    "SM8350": Cores(4, 4), "SA8155": Cores(4, 4), "SA8195": Cores(4, 4), "KONA": Cores(4, 4),
    "SM8150": Cores(4, 4), "SDM845": Cores(4, 4), "SDM710": Cores(2, 6), "MSM8998": Cores(4, 4),
    "MSM8996": Cores(2, 2), "SDM660": Cores(4, 4), "SDM636": Cores(4, 4), "MSM8976": Cores(4, 4),
    "MSM8953": Cores(8, 0), "MSM8939": Cores(4, 4), "MT6891": Cores(4, 4), "MT6797": Cores(2, 8),
    "MT6799": Cores(2, 8), "MT6795": Cores(8, 0), "MT6762": Cores(8, 0), "MT6755T": Cores(8, 0),
    "MT6755S": Cores(8, 0), "MT6753": Cores(8, 0), "MT6752": Cores(8, 0), "MT6750": Cores(8, 0),
    "MT6758": Cores(4, 4), "MT6757": Cores(4, 4), "MT6763": Cores(4, 4), "MT6755": Cores(4, 4),
    "MT6771": Cores(4, 4), "MT6765": Cores(4, 0), "MT6739": Cores(4, 0), "MT6738": Cores(4, 0),
    "MT6737": Cores(4, 0), "KIRIN980": Cores(4, 4), "KIRIN990": Cores(4, 4),
    "KIRIN810": Cores(2, 6),
}  # fmt: skip


def count_cores(name: str, max_khz: Mapping[int, int], possible: int | None) -> Cores | None:
    """The cores that Paddle-Lite sees.

    Args:
        name: what a phone calls its processor: "Hardware" of /proc/cpuinfo, and the properties
            ro.product.board, ro.board.platform and ro.chipname.
        max_khz: highest frequency by core number.
        possible: how many cores there are, also those that are offline; None: not told.

    Returns:
        None where that would be a guess: a core that hides its frequency moves the middle.
    """
    for part, cores in _KNOWN.items():
        if part in name.upper():
            return cores
    if not max_khz or len(max_khz) != (possible or len(max_khz)):
        return None
    maxima = [khz // 1000 for khz in max_khz.values()]
    middle = (max(maxima) + min(maxima)) // 2
    big = sum(mhz >= middle for mhz in maxima)
    return Cores(big, len(maxima) - big)


def thread_limit(cores: Cores | None, possible: int | None, power_mode: str) -> tuple[int, str]:
    """The most threads that a power mode gives, and what they are limited by.

    Args:
        cores: that Paddle-Lite sees; None: not known.
        possible: how many cores there are; None: not told.
        power_mode: big, little, all or none.

    Returns:
        The number, 0 where nothing is known, and a text for a message.
    """
    if cores is None:
        return possible or 0, tr("this device has {possible} cores").format(possible=possible)
    if power_mode in ("big", "little"):
        found = cores.big if power_mode == "big" else cores.little
        return found, tr("power mode {power_mode} has {found} cores here").format(
            power_mode=power_mode, found=found
        )
    total = sum(cores)
    return total, tr("Paddle-Lite computes on {total} cores here").format(total=total)
