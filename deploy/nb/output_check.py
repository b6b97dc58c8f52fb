"""Whether a converted model computes what Paddle does: how far apart two right runtimes may be."""

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ppghost.deploy.nb.box_check import CHECK_BOXES, compare_boxes
from ppghost.deploy.nb.difference import NOTHING, Difference, worst
from ppghost.errors import ConversionError

if TYPE_CHECKING:
    import numpy as np

#: Two correct float32 runtimes differ by summation order only; a wrong kernel is off by the
#: order of the scores. Measured on 11 networks, 3 inputs each: at most 2.4e-5 of the range of
#: the scores. A thousandth of that range is allowed: relative, so that it has teeth where all
#: scores are nearly equal, as in an untrained net; but never less than float32 noise.
CHECK_RELATIVE = 1e-3
CHECK_NOISE = 1e-6
#: A channel of an output has its own range, of which more is allowed, and the noise that comes of
#: the values of the others; a range of fewer values tells too little.
_CHANNEL_RELATIVE, _CHANNEL_NOISE, _CHANNEL_SIZE = 1e-2, 5e-6, 16
#: With rounded weights outputs differ for a good reason: there the scores must correlate. Measured
#: on 9 networks: int16 0.99999 and more; int8 0.994 and more trained, 0.84 for an untrained
#: GhostNet; 0.13 and less where weights were read wrongly.
CHECK_CORRELATION = {"int16": 0.999, "int8": 0.9}
#: a correlation that is always there: of values that need only be numbers
ANY = -1.0
#: of many whole numbers (the classes of pixels, say) this share may differ: ties that rounding
#: decides
CHECK_INTEGERS = 1e-3


def compare(
    actual: Sequence["np.ndarray"],
    expected: Sequence["np.ndarray"],
    *,
    correlation: float | None = None,
    detections: Collection[int] | bool = (),
    boxes: float = CHECK_BOXES,
) -> Difference:
    """Compare the outputs of a `.nb` with the right ones.

    Args:
        actual: the outputs of the `.nb`, in the order of the right ones.
        expected: the right ones, for the same inputs.
        correlation: the least that is near enough, where kernels or weights are rounded; None:
            no more difference than between two right float32 runtimes.
        detections: the outputs, by their place, that a suppression of boxes left: rows [class,
            score, x1, y1, x2, y2] in any order, and whole numbers that count or index them. True
            means all, as in older sidecars.
        boxes: the least share of such rows that must be in both; 0: how many are is told, and no
            verdict.

    Returns:
        How far they are apart, which is near enough.

    Raises:
        ConversionError: they differ by more than two right runtimes do.
    """
    import numpy as np

    if len(actual) != len(expected):
        raise ConversionError(
            "{count} outputs after conversion, {expected_count} in Paddle",
            count=len(actual),
            expected_count=len(expected),
        )
    # [] and [1] are one thing: Paddle-Lite has no 0-D tensors
    pairs = zip(map(np.atleast_1d, actual), map(np.atleast_1d, expected), strict=True)
    return worst(
        [
            _compare_one(
                found,
                right,
                correlation,
                boxes if detections is True or index in (detections or ()) else None,
            )
            for index, (found, right) in enumerate(pairs)
        ]
    )


def _compare_one(
    found: "np.ndarray", right: "np.ndarray", correlation: float | None, boxes: float | None
) -> Difference:
    import numpy as np

    if boxes is not None and right.ndim == found.ndim == 2 and right.shape[1] == 6:
        return compare_boxes(found, right, boxes)
    if boxes is not None and (right == np.rint(right)).all():
        # how many boxes there are, and where they were: phones print them as any numbers
        return NOTHING
    if found.shape != right.shape:
        raise ConversionError(
            "an output has shape {shape} after conversion, {right_shape} in Paddle",
            shape=list(found.shape),
            right_shape=list(right.shape),
        )
    if not right.size:
        return NOTHING
    if right.dtype.kind != "f":
        return _compare_integers(found, right)
    return _compare_floats(found, right, correlation)


def _compare_floats(
    found: "np.ndarray", right: "np.ndarray", correlation: float | None
) -> Difference:
    import numpy as np

    difference = float(np.abs(found - right).max())
    span, largest = float(right.max() - right.min()), float(np.abs(right).max())
    figures: Difference = {
        "max_abs_diff": difference,
        "relative": difference / span if span else None,
        "correlation": _correlation(found.astype(np.float64), right.astype(np.float64)),
    }
    allowed = CHECK_RELATIVE * span + CHECK_NOISE * largest
    if correlation is not None:
        if figures["correlation"] is not None:
            _check_correlation(figures["correlation"], correlation)
            return figures
        if correlation <= ANY:
            allowed = math.inf
        elif not span:
            # one value, or equal ones: as far off as values of that correlation are in the mean
            allowed = math.sqrt(2 * (1 - correlation)) * largest
    # "not <=", so that NaN fails too
    if not difference <= allowed or math.isinf(difference):
        raise ConversionError(
            "the converted model computes something else than Paddle (largest difference "
            "{difference:.3g}, allowed {allowed:.3g})",
            difference=difference,
            allowed=allowed,
        )
    if correlation is None:
        _check_channels(found, right, largest)
    return figures


def _check_channels(found: "np.ndarray", right: "np.ndarray", largest: float) -> None:
    """Hold every channel, whichever axis they are on, to its own range.

    In an output of boxes in pixels and scores up to 1, any score would be near enough else.
    """
    import numpy as np

    difference = np.abs(found - right)
    for axis, count in enumerate(right.shape):
        if right.ndim < 2 or right.size < _CHANNEL_SIZE * count:
            continue
        others = tuple(other for other in range(right.ndim) if other != axis)
        allowed = _CHANNEL_RELATIVE * np.ptp(right, axis=others) + _CHANNEL_NOISE * largest
        excess = difference.max(axis=others) - allowed
        if (excess > 0).any():
            place = int(excess.argmax())
            raise ConversionError(
                "the converted model computes something else than Paddle (part {place} of "
                "axis {axis} of an output is off by {max:.3g}, allowed {allowed:.3g})",
                place=place,
                axis=axis,
                max=difference.max(axis=others)[place],
                allowed=allowed[place],
            )


def _correlation(found: "np.ndarray", right: "np.ndarray") -> float | None:
    """Of the values of both; None where one of them is constant."""
    import numpy as np

    with np.errstate(invalid="ignore"):  # of infinity: NaN, which no check lets through
        x, y = found - found.mean(), right - right.mean()
        norms = float(np.linalg.norm(x) * np.linalg.norm(y))
        # rounding may lead beyond 1
        return min(float((x * y).sum() / norms), 1.0) if norms else None


def _check_correlation(found: float, least: float) -> None:
    # "not >=", so that NaN fails too
    if not found >= least:
        raise ConversionError(
            "rounded to fewer bits the model computes something else than Paddle "
            "(correlation of the scores {found:.3f}, at least {least:.4g} wanted)",
            found=found,
            least=least,
        )


def _compare_integers(found: "np.ndarray", right: "np.ndarray") -> Difference:
    import numpy as np

    different = int(np.count_nonzero(found != right))
    if different > CHECK_INTEGERS * right.size:
        raise ConversionError(
            "the converted model computes something else than Paddle ({different} of "
            "{size} whole numbers differ)",
            different=different,
            size=right.size,
        )
    difference = float(np.abs(found.astype(np.float64) - right.astype(np.float64)).max())
    return {**NOTHING, "max_abs_diff": difference, "equal": 1 - different / right.size}
