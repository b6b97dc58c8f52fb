"""Test nets of guidelines against the first of each, by hand."""

import pytest
from support.layer_results import guidelines_file, layers_file

from ppghost.deploy.latency.guideline_ratios import guideline_ratios
from ppghost.deploy.latency.results import load_result
from ppghost.deploy.latency.tables import guidelines_table


def test_ratios_are_to_the_first_of_the_guideline_in_the_same_rounds(tmp_path):
    [nets] = guideline_ratios(load_result(guidelines_file(tmp_path / "r.json")))
    first, second = nets.rows["G1"]
    assert (first.ratio, first.images_per_second) == (None, pytest.approx(500.0))
    assert second.ratio.median == pytest.approx(2.0)
    assert second.ratio.ci95 == pytest.approx((2.0, 2.2))
    text = " ".join(guidelines_table(nets).split())
    assert "G1 1:2 1.0 0.00 4.00 250 2.000 (2.000 to 2.200)" in text


def test_a_result_of_models_has_no_guidelines(tmp_path):
    assert guideline_ratios(load_result(layers_file(tmp_path / "r.json"))) == []
