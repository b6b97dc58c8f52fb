"""Whether a converted model computes what Paddle does: how far apart two right runtimes may be."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ppghost.errors import ConversionError

if TYPE_CHECKING:
    import numpy as np

#: Two correct float32 runtimes differ by summation order only; a wrong kernel is off by the
#: order of the scores. Measured on 11 networks, 3 inputs each: at most 2.4e-5 of the range of
#: the scores. A thousandth of that range is allowed: relative, so that it has teeth where all
#: scores are nearly equal, as in an untrained net; but never less than float32 noise.
CHECK_RELATIVE = 1e-3
CHECK_NOISE = 1e-6
#: With rounded weights outputs differ for a good reason: there the scores must correlate. Measured
#: on 9 networks: int16 0.99999 and more; int8 0.994 and more trained, 0.949 for an untrained
#: GhostNet; 0.13 and less where weights were read wrongly.
CHECK_CORRELATION = {"int16": 0.999, "int8": 0.9}


def compare(
    actual: Sequence["np.ndarray"], expected: Sequence["np.ndarray"], weights: str | None = None
) -> dict[str, Any]:
    """{"max_abs_diff", "ok": True} for the outputs of a `.nb` and Paddle's.

    `weights` is "int8" or "int16" for a file of rounded weights.
    Raises ConversionError if they differ by more than two right runtimes do.
    """
    import numpy as np

    shapes = [[one.shape for one in outputs] for outputs in (actual, expected)]
    if shapes[0] != shapes[1]:
        raise ConversionError(
            f"outputs have shapes {shapes[0]} after conversion, {shapes[1]} in Paddle"
        )
    worst = 0.0
    for ours, theirs in zip(actual, expected, strict=True):
        difference = float(np.abs(ours - theirs).max())
        if weights:
            _check_correlation(ours, theirs, CHECK_CORRELATION[weights])
        else:
            _check_difference(difference, theirs)
        worst = max(worst, difference)
    return {"max_abs_diff": worst, "ok": True}


def _check_difference(difference: float, theirs: "np.ndarray") -> None:
    import numpy as np

    noise = CHECK_NOISE * float(np.abs(theirs).max())
    allowed = CHECK_RELATIVE * float(theirs.max() - theirs.min()) + noise
    # "not <=", so that NaN fails too
    if not difference <= allowed:
        raise ConversionError(
            "the converted model computes something else than Paddle "
            f"(largest difference {difference:.3g}, allowed {allowed:.3g})"
        )


def _check_correlation(ours: "np.ndarray", theirs: "np.ndarray", least: float) -> None:
    import numpy as np

    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    correlation = float((ours * theirs).sum() / (np.linalg.norm(ours) * np.linalg.norm(theirs)))
    if not correlation >= least:
        raise ConversionError(
            "the model with rounded weights computes something else than Paddle "
            f"(correlation of the scores {correlation:.3f}, at least {least} wanted)"
        )
