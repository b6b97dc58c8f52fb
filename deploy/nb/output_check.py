"""Whether a converted model computes what Paddle does: how far apart two right runtimes may be."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

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


class _Comparison(TypedDict):
    max_abs_diff: float | None
    ok: bool | None


class OutputCheck(_Comparison, total=False):
    """How far a model's outputs are from Paddle's, and whether that is near enough.

    `where` is "device" for a check that was made there; `why` says why one could not be made, with
    None for the rest.
    """

    why: str
    where: str


def compare(
    actual: Sequence["np.ndarray"], expected: Sequence["np.ndarray"], weights: str | None = None
) -> OutputCheck:
    """Compare the outputs of a `.nb` with Paddle's.

    Args:
        actual: the outputs of the `.nb`, in the order of those of Paddle.
        expected: Paddle's, for the same inputs.
        weights: "int8" or "int16" for a file of rounded weights.

    Returns:
        The largest difference, which is near enough.

    Raises:
        ConversionError: they differ by more than two right runtimes do.
    """
    import numpy as np

    shapes = [[output.shape for output in outputs] for outputs in (actual, expected)]
    if shapes[0] != shapes[1]:
        raise ConversionError(
            f"outputs have shapes {shapes[0]} after conversion, {shapes[1]} in Paddle"
        )
    worst = 0.0
    for candidate, reference in zip(actual, expected, strict=True):
        difference = float(np.abs(candidate - reference).max())
        if weights:
            _check_correlation(candidate, reference, CHECK_CORRELATION[weights])
        else:
            _check_difference(difference, reference)
        worst = max(worst, difference)
    return {"max_abs_diff": worst, "ok": True}


def _check_difference(difference: float, reference: "np.ndarray") -> None:
    import numpy as np

    noise = CHECK_NOISE * float(np.abs(reference).max())
    allowed = CHECK_RELATIVE * float(reference.max() - reference.min()) + noise
    # "not <=", so that NaN fails too
    if not difference <= allowed:
        raise ConversionError(
            "the converted model computes something else than Paddle "
            f"(largest difference {difference:.3g}, allowed {allowed:.3g})"
        )


def _check_correlation(candidate: "np.ndarray", reference: "np.ndarray", minimum: float) -> None:
    import numpy as np

    x, y = candidate - candidate.mean(), reference - reference.mean()
    correlation = float((x * y).sum() / (np.linalg.norm(x) * np.linalg.norm(y)))
    if not correlation >= minimum:
        raise ConversionError(
            "the model with rounded weights computes something else than Paddle "
            f"(correlation of the scores {correlation:.3f}, at least {minimum} wanted)"
        )
