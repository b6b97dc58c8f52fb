"""Intervals of campaigns whose rounds depend on each other, with known truths."""

import numpy as np
import pytest

from ppghost.deploy.latency.intervals import campaign_median

ROUNDS, CAMPAIGNS = 40, 150


def noise(seed):
    return np.random.default_rng(seed).lognormal(0, 0.01, ROUNDS)


def states(*rounds):
    """Fast and 3 % slower, in turn, for so many rounds."""
    return np.concatenate([np.full(n, 1.03 if i % 2 else 1.0) for i, n in enumerate(rounds)])


#: fast for 21 of 40 rounds
SHORT_STATES, LONG_STATES = states(*[4] * 9, 1, 3), states(21, 19)


def covered(latency, truth):
    found = [campaign_median(latency * noise(seed)) for seed in range(CAMPAIGNS)]
    return np.mean([each.ci95[0] <= truth <= each.ci95[1] for each in found])


@pytest.mark.parametrize(
    ("latency", "truth"),
    [
        (np.ones(ROUNDS), 1.0),
        (np.linspace(1, 1.07, ROUNDS), 1.035),
        (SHORT_STATES, 1.0),
        (LONG_STATES, 1.0),
    ],
)
def test_intervals_cover_and_are_no_longer_than_that_takes(latency, truth):
    assert 0.92 <= covered(latency, truth) <= 0.98


def test_interval_of_two_states_holds_what_is_between_them():
    assert covered(LONG_STATES, 1.015) == 1


def test_steady_rounds_are_worth_themselves_and_a_drift_makes_no_interval_wider():
    steady, drifting = campaign_median(noise(0)), campaign_median(noise(0) * np.linspace(1, 2, 40))
    assert steady.effective == ROUNDS
    assert drifting.median == pytest.approx(1.5, rel=0.01)
    assert np.ptp(drifting.ci95) < 3 * np.ptp(steady.ci95)


def test_rounds_of_slow_states_are_worth_less():
    found = campaign_median(LONG_STATES * noise(0))
    assert found.effective == 2
    assert found.ci95[0] < 1.0
    assert found.ci95[1] > 1.03


def test_equal_values_have_no_sides():
    found = campaign_median([10.0] * 19 + [1000.0])
    assert found == (10.0, (10.0, 10.0), 20.0)
    assert campaign_median([1.0] * 5) == (1.0, None, None)
