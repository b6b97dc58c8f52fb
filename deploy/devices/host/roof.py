"""What this computer computes and moves in a second, on one thread: the roof of its roofline.

Williams, Waterman, Patterson 2009, "Roofline: an insightful visual performance model": a layer can
be no faster than the peak of the arithmetic, nor than the memory delivers its bytes.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from ppghost.errors import DeviceError
from ppghost.i18n import tr

#: square matrices that stay in the cache, values that do not, and how often each is tried
_MATRIX, _VALUES, _TRIES = 512, 16_000_000, 5
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Roof:
    """The limits of a device.

    Attributes:
        source: where the figures are from.
        gflops: 10^9 floating-point operations in a second at best.
        gb_per_s: 10^9 bytes that memory delivers in a second at best.
    """

    source: str
    gflops: float
    gb_per_s: float


def measure_roof() -> Roof:
    """This computer's roof on one thread: numpy's product of matrices, and its copy of an array.

    Raises:
        DeviceError: numpy cannot be run for it.
    """
    env = {**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(  # noqa: S603 - our own module, by our own interpreter
        [sys.executable, "-m", __name__], env=env, capture_output=True, text=True, check=False
    )
    try:
        gflops, gb_per_s = json.loads(run.stdout)
    except ValueError as error:
        said = run.stderr.strip().splitlines()[-1:] or [tr("no reason given")]
        raise DeviceError(
            "this computer's roof cannot be measured: {said}", said=said[0]
        ) from error
    source = tr("this computer, one thread, measured with numpy's matrix product and copy")
    return Roof(source, gflops, gb_per_s)


def _best(work: Callable[[], object]) -> float:
    """The least time of a few tries, in seconds; the first one is not counted."""
    work()
    times = []
    for _ in range(_TRIES):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _measure() -> tuple[float, float]:
    import numpy as np

    square = np.ones((_MATRIX, _MATRIX), "float32")
    product = np.empty_like(square)
    values = np.ones(_VALUES, "float32")
    target = np.empty_like(values)
    computed = 2 * _MATRIX**3 / _best(lambda: np.matmul(square, square, out=product))
    # read once, written once
    moved = 2 * values.nbytes / _best(lambda: np.copyto(target, values))
    return computed / 1e9, moved / 1e9


if __name__ == "__main__":
    print(json.dumps(_measure()))
