"""Intel's MKL inside Paddle, on processors of other makers."""

import itertools
import os
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
#: what MKL before 2020.1 (Paddle's is of 2019) reads as it starts; 5 is AVX2
VARIABLE, AVX2 = "MKL_DEBUG_CPU_TYPE", "5"


def use_avx2(cpuinfo: Path = CPUINFO) -> None:
    """Let MKL multiply matrices in AVX2 where it would take SSE because Intel did not make the CPU.

    Four times as fast on an AMD EPYC (docs/results.md). To be called before MKL computes for the
    first time. A user's own setting stays. `os.environ` is left alone, so that programs which we
    start in an environment of their own, such as a runtime that is timed, run as without us.

    Args:
        cpuinfo: Linux's description of the processors; elsewhere nothing is changed.
    """
    if VARIABLE not in os.environ and _has_avx2_but_not_of_intel(cpuinfo):
        os.putenv(VARIABLE, AVX2)


def _has_avx2_but_not_of_intel(cpuinfo: Path) -> bool:
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as file:
            # a paragraph a processor; the first one is enough
            lines = list(itertools.takewhile(str.strip, file))
    except OSError:
        return False
    values = {key.strip(): value.split() for key, _, value in (s.partition(":") for s in lines)}
    made_by_intel = values.get("vendor_id", ["GenuineIntel"]) == ["GenuineIntel"]
    return not made_by_intel and {"avx2", "fma"}.issubset(values.get("flags", []))
