"""How far outputs are apart, as results and sidecars keep it."""

from collections.abc import Mapping, Sequence
from typing import TypedDict


class _Figures(TypedDict):
    max_abs_diff: float | None
    relative: float | None
    correlation: float | None


class Difference(_Figures, total=False):
    """How far outputs are apart.

    `relative` is `max_abs_diff` over the range of the right output, `correlation` the least of the
    outputs'; None where an output has no range. `equal` is the least share of whole numbers, or of
    boxes that a suppression left, that are the same; it is there if there are any.
    """

    equal: float


class Inside(Difference, total=False):
    """How far a network is off inside, in float32, by the worst of all inputs.

    `scores` are variables that its outputs are decided by and say too little about; the outputs are
    among what is compared.
    """

    scores: list[str]


class _Comparison(TypedDict):
    max_abs_diff: float | None
    ok: bool | None


class OutputCheck(_Comparison, total=False):
    """How far a model's outputs are from the right ones, and whether that is near enough.

    The figures are the worst of all inputs; `inputs` has those of each kind. `where` is "device"
    for a check that was made there, "x86" for one of the same program in a file for x86; `why`
    says why one could not be made, with None for the rest. `inside` is there where
    the outputs alone say too little, or weights are rounded.
    """

    relative: float | None
    correlation: float | None
    equal: float
    inputs: dict[str, Difference]
    why: str
    where: str
    inside: Inside


#: what differs by nothing, for there is nothing
NOTHING: Difference = {"max_abs_diff": 0.0, "relative": None, "correlation": None}


def worst(figures: Sequence[Difference]) -> Difference:
    """The largest differences, and the least correlation and share, of several comparisons."""
    differences = [each["max_abs_diff"] for each in figures if each["max_abs_diff"] is not None]
    relatives = [each["relative"] for each in figures if each["relative"] is not None]
    correlations = [each["correlation"] for each in figures if each["correlation"] is not None]
    found: Difference = {
        "max_abs_diff": max(differences, default=0.0),
        "relative": max(relatives, default=None),
        "correlation": min(correlations, default=None),
    }
    if shares := [each["equal"] for each in figures if "equal" in each]:
        found["equal"] = min(shares)
    return found


def passed(inputs: Mapping[str, Difference], where: str | None = None) -> OutputCheck:
    """The result of checks that all went well.

    Args:
        inputs: how far outputs were apart, by kind of input.
        where: see `OutputCheck`.
    """
    check: OutputCheck = {**worst(list(inputs.values())), "ok": True, "inputs": dict(inputs)}
    if where:
        check["where"] = where
    return check
