"""What two right runtimes may differ by, and no more."""

import numpy as np
import pytest

from ppghost.deploy.nb.difference import passed, worst
from ppghost.deploy.nb.output_check import ANY, compare
from ppghost.errors import ConversionError

SCORES = np.linspace(-1, 3, 50, dtype=np.float32)


def boxes(count, *, seed=0):
    """Rows of class, score and corners, the best first."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 200, (count, 2))
    scores = np.sort(rng.uniform(0.3, 1, (count, 1)), axis=0)[::-1]
    sizes = rng.uniform(5, 80, (count, 2))
    rows = [rng.integers(0, 5, (count, 1)), scores, corners, corners + sizes]
    return np.concatenate(rows, axis=1).astype(np.float32)


def test_figures_are_those_of_the_worst_output():
    nearly = SCORES + np.float32(1e-4) * (np.arange(50) == 7)
    figures = compare([SCORES, nearly], [SCORES, SCORES])
    assert figures["max_abs_diff"] == pytest.approx(1e-4, rel=1e-2)
    assert figures["relative"] == pytest.approx(2.5e-5, rel=1e-2)
    assert 0.999 < figures["correlation"] < 1
    check = passed({"noise": figures, "spikes": worst([])})
    assert (check["ok"], check["max_abs_diff"]) == (True, figures["max_abs_diff"])


@pytest.mark.parametrize(
    "wrong", [SCORES * 1.01, SCORES[:-1], np.where(SCORES > 2, np.nan, SCORES), SCORES[None]]
)
def test_what_is_off_is_refused(wrong):
    with pytest.raises(ConversionError, match=r"after conversion|something else than Paddle"):
        compare([wrong], [SCORES])


def test_rounding_may_change_values_but_not_what_they_say():
    rounded = SCORES + np.float32(0.2) * np.cos(np.arange(50, dtype=np.float32))
    assert compare([rounded], [SCORES], correlation=0.9)["correlation"] > 0.9
    for wrong in (SCORES[::-1], np.full_like(SCORES, np.nan), np.zeros_like(SCORES)):
        with pytest.raises(ConversionError):
            compare([wrong], [SCORES], correlation=0.9)


def test_a_single_rounded_value_is_as_near_as_its_correlation_lets_it_be():
    """There is no correlation of one value, nor of equal ones."""
    for right in (np.full(1, 2, np.float32), np.full(9, 2, np.float32)):
        assert (
            compare([right * np.float32(1.04)], [right], correlation=0.999)["correlation"] is None
        )
        for wrong in (right * np.float32(1.06), right * np.float32(np.nan)):
            with pytest.raises(ConversionError, match="something else than Paddle"):
                compare([wrong], [right], correlation=0.999)
        compare([right * -5], [right], correlation=ANY)
        for wrong in (right * np.float32(np.nan), right * np.float32(np.inf)):
            with pytest.raises(ConversionError, match="something else than Paddle"):
                compare([wrong], [right], correlation=ANY)
    nearly_equal = 100 + np.float32(0.1) * SCORES
    with pytest.raises(ConversionError, match="something else than Paddle"):
        compare([np.full_like(nearly_equal, 100)], [nearly_equal], correlation=0.9)


def test_no_dimension_is_one_and_empty_outputs_are_equal():
    assert compare([np.ones(1, np.float32)], [np.float32(1)])["max_abs_diff"] == 0
    empty = np.zeros((0, 6), np.float32)
    assert compare([empty], [empty])["max_abs_diff"] == 0
    with pytest.raises(ConversionError, match=r"has shape \[1, 6\] after conversion, \[0, 6\]"):
        compare([np.ones((1, 6), np.float32)], [empty])


def test_whole_numbers_are_equal_but_for_ties_of_many():
    classes = np.arange(5000) % 7
    tied = np.where(np.arange(5000) < 4, 6, classes)
    figures = compare([tied, SCORES], [classes, SCORES])
    assert (figures["equal"], figures["max_abs_diff"]) == (1 - 4 / 5000, 6)
    assert "equal" not in compare([SCORES], [SCORES])
    for few in (np.array([3]), classes[:900]):
        with pytest.raises(ConversionError, match=f"1 of {few.size} whole numbers differ"):
            compare([few + (np.arange(few.size) == 0)], [few])
    with pytest.raises(ConversionError, match="2500 of 5000"):
        compare([np.arange(5000) % 2 == 0], [np.ones(5000, bool)])


def test_a_channel_is_held_to_its_own_range():
    """Boxes in pixels beside scores up to 1, in one output."""
    rng = np.random.default_rng(0)
    right = rng.uniform(0, 640, (1, 40, 6)).astype(np.float32)
    right[..., 4] = rng.uniform(0, 1, 40)
    noisy = right + np.float32(1e-3) * rng.standard_normal(right.shape).astype(np.float32)
    assert compare([noisy], [right])["relative"] < 1e-5
    wrong = right.copy()
    wrong[..., 4] = np.sqrt(right[..., 4])
    with pytest.raises(ConversionError, match="part 4 of axis 2 of an output is off by"):
        compare([wrong], [right])
    with pytest.raises(ConversionError, match="part 4 of axis 1"):
        compare([wrong.transpose(0, 2, 1)], [right.transpose(0, 2, 1)])


def test_whole_numbers_beside_detections_are_compared():
    found = [boxes(3)[:2], np.array([2]), np.array([1, 2])]
    right = [boxes(3), np.array([3]), np.array([1, 2])]
    compare(found, right, detections=[0, 1])
    with pytest.raises(ConversionError, match="1 of 2 whole numbers"):
        compare([*found[:2], np.array([1, 3])], right, detections=[0, 1])
    # numbers of a phone have no type
    compare([*found[:1], np.array([2.0])], [*right[:1], np.array([3.0])], detections=[0, 1])


def test_boxes_are_matched_in_any_order():
    right = boxes(30)
    moved = np.roll(right + np.float32(1e-3) * np.array([0, 1, 1, 1, 1, 1], np.float32), 3, axis=0)
    counts = [np.array([30], np.int32)]
    figures = compare([moved, *counts], [right, *counts], detections=True)
    assert figures["equal"] == 1
    assert figures["max_abs_diff"] == pytest.approx(1e-3, rel=0.1)
    # one at the threshold comes or goes, and their number with it
    fewer = compare([right[:-1], np.array([29])], [right, np.array([30])], detections=True)
    assert passed({"noise": figures, "spikes": fewer})["equal"] == 29 / 30
    compare([right, np.array([30])], [right[:-1], np.array([29])], detections=True)
    empty = np.zeros((0, 6), np.float32)
    compare([empty], [empty], detections=True)
    compare([right[:1]], [empty], detections=True)
    for wrong in (boxes(30, seed=1), right[:20], right * np.float32(1.2), empty):
        with pytest.raises(ConversionError, match="finds other boxes than Paddle"):
            compare([wrong], [right], detections=True)
    with pytest.raises(ConversionError, match="finds other boxes"):
        compare([boxes(1, seed=1)], [boxes(1)], detections=True)
    with pytest.raises(ConversionError, match="has shape"):
        compare([right[:-1]], [right])


def test_the_share_of_boxes_to_ask_for_may_be_another():
    right = boxes(30)
    other = np.concatenate([right[:15], boxes(15, seed=1)])
    assert compare([other], [right], detections=[0], boxes=0)["equal"] == 0.5
    assert compare([right[:0]], [right], detections=[0], boxes=0)["equal"] == 0
    compare([other], [right], detections=[0], boxes=0.4)
    with pytest.raises(ConversionError, match="finds other boxes than Paddle"):
        compare([other], [right], detections=[0], boxes=0.6)
