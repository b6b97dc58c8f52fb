"""Intervals of campaigns whose rounds depend on each other, with known truths."""

import numpy as np
import pytest

from ppghost.deploy.latency.intervals import campaign_median

ROUNDS, CAMPAIGNS = 40, 100


def noise(seed):
    return np.random.default_rng(seed).lognormal(0, 0.01, ROUNDS)


def states(rounds):
    """1 for so many rounds, 1.03 for so many, in turn."""
    return np.where(np.arange(ROUNDS) // rounds % 2, 1.03, 1.0)


def covered(latency, truth):
    found = [campaign_median(latency * noise(seed)) for seed in range(CAMPAIGNS)]
    return np.mean([each.ci95[0] <= truth <= each.ci95[1] for each in found])


@pytest.mark.parametrize(
    ("latency", "truth"),
    [
        (np.ones(ROUNDS), 1.0),
        (np.linspace(1, 1.07, ROUNDS), 1.035),
        (states(5), 1.015),
        (states(20), 1.015),
        (states(20), 1.0),
    ],
)
def test_intervals_cover(latency, truth):
    assert covered(latency, truth) >= 0.93


def test_steady_rounds_are_worth_themselves_and_a_drift_makes_no_interval_wider():
    steady, drifting = campaign_median(noise(0)), campaign_median(noise(0) * np.linspace(1, 2, 40))
    assert steady.effective == ROUNDS
    assert drifting.median == pytest.approx(1.5, rel=0.01)
    assert np.ptp(drifting.ci95) < 3 * np.ptp(steady.ci95)


def test_rounds_of_slow_states_are_worth_less():
    found = campaign_median(states(20) * noise(0))
    assert found.effective < 5
    assert found.ci95[0] < 1.0
    assert found.ci95[1] > 1.03


def test_equal_values_have_no_sides():
    found = campaign_median([10.0] * 19 + [1000.0])
    assert found == (10.0, (10.0, 10.0), 20.0)
    assert campaign_median([1.0] * 5) == (1.0, None, None)
