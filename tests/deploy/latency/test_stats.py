"""Figures of a sample, exact on known input."""

from dataclasses import replace

import numpy as np
import pytest

from ppghost.deploy.latency.stats import (
    Estimate,
    Stats,
    paired_ratio,
    summarize,
    unpaired_ratio,
)


def test_figures_of_one_to_eleven_are_exact():
    stats = summarize([3, 1, 2, 4, 5, 6, 7, 8, 9, 11, 10])
    assert stats == Stats(
        n=11,
        median=6.0,
        mad=3.0,
        p90=10.0,
        p99=pytest.approx(10.9),
        min=1.0,
        # order statistics 2 and 10: P(2 <= binomial(11, 1/2) <= 9) = 0.988
        ci95=(2.0, 10.0),
    )


@pytest.mark.parametrize("n", [1, 2, 5])
def test_five_values_or_fewer_have_no_95_percent_interval(n):
    stats = summarize(range(1, n + 1))
    assert stats.ci95 is None
    assert stats.relative_width is None
    assert stats.too_wide


def test_six_values_have_their_range_as_interval():
    assert summarize([1, 2, 3, 4, 5, 6]).ci95 == (1.0, 6.0)


def test_interval_is_that_of_the_rounds_and_not_of_their_inferences():
    # six rounds, each perfectly steady, that differ: 60 samples know no more than 6
    values = [10.0, 13, 11, 15, 12, 14]
    samples = np.repeat(values, 10)
    low, high = summarize(samples, rounds=6).ci95
    assert (low, high) == summarize(values, rounds=6).ci95
    assert 10 < low < 11
    assert 14 < high < 15
    assert summarize(samples).ci95 == (12.0, 13.0)


def test_interval_covers_the_true_median_as_often_as_it_says():
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        low, high = summarize(generator.lognormal(0, 0.5, 25)).ci95
        covered += low <= 1.0 <= high
    assert covered >= 0.93 * 400


def test_the_median_lies_in_its_interval_where_inferences_of_a_burst_differ():
    # the second is always faster; the median of all samples would be between the two kinds
    bursts = [(0.05, 0.024 + 0.0002 * (number % 5)) for number in range(20)]
    stats = summarize(np.ravel(bursts), rounds=20)
    assert stats.ci95[0] <= stats.median <= stats.ci95[1]
    assert stats.median == pytest.approx(0.0372, abs=1e-4)


def test_one_outlier_does_not_move_the_figures():
    stats = summarize([10.0] * 19 + [1000.0])
    assert (stats.median, stats.mad, stats.ci95) == (10.0, 0.0, (10.0, 10.0))
    assert not stats.too_wide


def test_too_wide_starts_above_five_percent():
    stats = Stats(n=9, median=100.0, mad=1.0, p90=None, p99=None, min=90.0, ci95=(97.5, 102.5))
    assert not stats.too_wide
    assert replace(stats, ci95=(97.4, 102.5)).too_wide


def test_samples_that_do_not_fill_the_rounds_are_refused():
    for samples, rounds in (([], 1), ([1.0, 2.0, 3.0], 2)):
        with pytest.raises(ValueError, match="rounds"):
            summarize(samples, rounds)


def test_percentiles_of_means_are_not_claimed():
    stats = summarize(range(1, 12), percentiles=False)
    assert (stats.p90, stats.p99, stats.median) == (None, None, 6.0)


def test_paired_ratio_is_blind_to_what_slows_a_whole_round():
    slow = np.linspace(1, 3, 21)
    ratio = paired_ratio(2.0 * slow, 1.6 * slow, "reference")
    assert ratio.median == pytest.approx(1.25)
    assert ratio.ci95 == pytest.approx([1.25, 1.25])
    assert ratio.rounds == 21
    assert summarize(np.repeat(2.0 * slow, 2)).ci95[1] > 4


def test_unpaired_interval_covers_the_true_ratio_as_often_as_it_says():
    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(400):
        new, old = (generator.lognormal(0, 0.3, 15) * scale for scale in (1.2, 1.0))
        low, high = unpaired_ratio(new, old).ci95
        covered += low <= 1.2 <= high
    assert 0.93 * 400 <= covered <= 0.99 * 400


def test_unpaired_interval_of_separate_samples_is_exact():
    assert unpaired_ratio([2.0] * 10, [1.0] * 10) == Estimate(2.0, (2.0, 2.0))
    assert unpaired_ratio([2.0] * 3, [1.0] * 3).ci95 is None


def test_the_first_inference_of_a_burst_is_compared_with_those_after_it():
    bursts = [[2.0 * pace, pace, pace, 3 * pace] for pace in (1.0, 1.1, 1.3, 1.0, 0.9)]
    samples = [sample for burst in bursts for sample in burst]
    assert summarize(samples, 5).first_ratio == pytest.approx(2.0)
    assert summarize(samples, 5, percentiles=False).first_ratio is None
    assert summarize(samples[:16], 4).first_ratio is None  # too few bursts
    assert summarize(samples, 10).first_ratio is None  # of two inferences
