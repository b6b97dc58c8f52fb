"""Whether a converted model computes what Paddle does: how far apart two right runtimes may be."""

from collections.abc import Mapping, Sequence
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
#: on 9 networks: int16 0.99999 and more; int8 0.994 and more trained, 0.84 for an untrained
#: GhostNet; 0.13 and less where weights were read wrongly.
CHECK_CORRELATION = {"int16": 0.999, "int8": 0.9}
#: of many whole numbers (the classes of pixels, say) this share may differ: ties that rounding
#: decides
CHECK_INTEGERS = 1e-3
#: of the boxes that a suppression left this share must be there in both, and all but one of a few:
#: a candidate at its threshold comes or goes with the last bit
CHECK_BOXES = 0.9
#: what is the same box: scores that are as near, and sides that are within this share of its size
_BOX_SCORE, _BOX_SIDES = 1e-2, 1e-2


class Difference(TypedDict):
    """How far outputs are apart.

    `relative` is `max_abs_diff` over the range of the right output, `correlation` the least of the
    outputs'; None where an output has no range.
    """

    max_abs_diff: float | None
    relative: float | None
    correlation: float | None


class _Comparison(TypedDict):
    max_abs_diff: float | None
    ok: bool | None


class OutputCheck(_Comparison, total=False):
    """How far a model's outputs are from the right ones, and whether that is near enough.

    The figures are the worst of all inputs; `inputs` has those of each kind. `where` is "device"
    for a check that was made there, "x86" for one of the same program in a file for x86; `why`
    says why one could not be made, with None for the rest.
    """

    relative: float | None
    correlation: float | None
    inputs: dict[str, Difference]
    why: str
    where: str


def compare(
    actual: Sequence["np.ndarray"],
    expected: Sequence["np.ndarray"],
    *,
    correlation: float | None = None,
    detections: bool = False,
) -> Difference:
    """Compare the outputs of a `.nb` with the right ones.

    Args:
        actual: the outputs of the `.nb`, in the order of the right ones.
        expected: the right ones, for the same inputs.
        correlation: the least that is near enough, where kernels or weights are rounded; None:
            no more difference than between two right float32 runtimes.
        detections: rows [class, score, x1, y1, x2, y2] of outputs are what a suppression of boxes
            left, and whole numbers count or index them.

    Returns:
        How far they are apart, which is near enough.

    Raises:
        ConversionError: they differ by more than two right runtimes do.
    """
    import numpy as np

    if len(actual) != len(expected):
        raise ConversionError(f"{len(actual)} outputs after conversion, {len(expected)} in Paddle")
    figures: list[Difference] = []
    # [] and [1] are one thing: Paddle-Lite has no 0-D tensors
    for found, right in zip(map(np.atleast_1d, actual), map(np.atleast_1d, expected), strict=True):
        if detections and right.dtype.kind != "f":
            continue
        if detections and right.ndim == found.ndim == 2 and right.shape[1] == 6:
            _check_boxes(found, right)
            continue
        if found.shape != right.shape:
            raise ConversionError(
                f"an output has shape {list(found.shape)} after conversion, "
                f"{list(right.shape)} in Paddle"
            )
        if not right.size:
            continue
        if right.dtype.kind != "f":
            _check_integers(found, right)
            continue
        figures.append(_difference(found, right))
        _check(figures[-1], right, correlation)
    return worst(figures)


def worst(figures: Sequence[Difference]) -> Difference:
    """The largest differences and the least correlation of several comparisons."""

    def most(key: str) -> float | None:
        values = [figure[key] for figure in figures if figure[key] is not None]  # type: ignore[literal-required]
        if key == "correlation":
            return min(values, default=None)
        # nothing that could differ differs by nothing
        return max(values, default=0.0 if key == "max_abs_diff" else None)

    return {
        "max_abs_diff": most("max_abs_diff"),
        "relative": most("relative"),
        "correlation": most("correlation"),
    }


def passed(inputs: Mapping[str, Difference], where: str | None = None) -> OutputCheck:
    """The result of checks that all went well.

    Args:
        inputs: how far outputs were apart, by kind of input.
        where: see `OutputCheck`.
    """
    figures = worst(list(inputs.values()))
    check: OutputCheck = {
        "max_abs_diff": figures["max_abs_diff"],
        "ok": True,
        "relative": figures["relative"],
        "correlation": figures["correlation"],
        "inputs": dict(inputs),
    }
    if where:
        check["where"] = where
    return check


def _difference(found: "np.ndarray", right: "np.ndarray") -> Difference:
    import numpy as np

    difference = float(np.abs(found - right).max())
    span = float(right.max() - right.min())
    return {
        "max_abs_diff": difference,
        "relative": difference / span if span else None,
        "correlation": _correlation(found.astype(np.float64), right.astype(np.float64)),
    }


def _correlation(found: "np.ndarray", right: "np.ndarray") -> float | None:
    """Of the values of both; None where one of them is constant."""
    import numpy as np

    x, y = found - found.mean(), right - right.mean()
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float((x * y).sum() / norms) if norms else None


def _check(figures: Difference, right: "np.ndarray", correlation: float | None) -> None:
    import numpy as np

    difference = figures["max_abs_diff"] or 0.0
    noise = CHECK_NOISE * float(np.abs(right).max())
    if correlation is not None and figures["correlation"] is not None:
        # "not >=", so that NaN fails too
        if not figures["correlation"] >= correlation:
            raise ConversionError(
                "rounded to fewer bits the model computes something else than Paddle (correlation "
                f"of the scores {figures['correlation']:.3f}, at least {correlation:.4g} wanted)"
            )
        return
    allowed = CHECK_RELATIVE * float(right.max() - right.min()) + noise
    if not difference <= allowed:
        raise ConversionError(
            "the converted model computes something else than Paddle "
            f"(largest difference {difference:.3g}, allowed {allowed:.3g})"
        )


def _check_integers(found: "np.ndarray", right: "np.ndarray") -> None:
    import numpy as np

    different = int(np.count_nonzero(found != right))
    if different > CHECK_INTEGERS * right.size:
        raise ConversionError(
            "the converted model computes something else than Paddle "
            f"({different} of {right.size} whole numbers differ)"
        )


def _check_boxes(found: "np.ndarray", right: "np.ndarray") -> None:
    """Boxes in any order; of both sides nearly all must have a partner."""
    pairs = _matched_boxes(found, right)
    allowed = (1 - CHECK_BOXES) * max(len(found), len(right))
    missing, more = len(right) - pairs, len(found) - pairs
    # one box that comes or goes may stand at the threshold; another in its place does not
    if min(missing, more) > allowed or max(missing, more) > max(allowed, 1):
        raise ConversionError(
            "the converted model finds other boxes than Paddle "
            f"({pairs} of {len(right)} are the same, {len(found)} found)"
        )


def _matched_boxes(found: "np.ndarray", right: "np.ndarray") -> int:
    import numpy as np

    left = found.copy()
    pairs = 0
    for row in right:
        size = max(float(np.abs(row[4:] - row[2:4]).max()), 1e-6)
        alike = (
            (left[:, 0] == row[0])
            & (np.abs(left[:, 1] - row[1]) <= _BOX_SCORE)
            & (np.abs(left[:, 2:] - row[2:]).max(1) <= _BOX_SIDES * size)
        )
        if alike.any():
            left = np.delete(left, int(alike.argmax()), axis=0)
            pairs += 1
    return pairs
