"""Shares of layers, against figures computed by hand."""

import json

import pytest
from support.latency_results import write
from support.layer_results import CONV, IDLE, POOL, WHOLE, layer, layers_file, timed

from ppghost.deploy.latency.layer_shares import layer_shares, slow_layers
from ppghost.deploy.latency.results import load_result
from ppghost.deploy.latency.tables import layers_table


def shares_of(file):
    [shares] = layer_shares(load_result(file))
    return shares


def test_shares_are_of_the_sum_in_each_round(tmp_path):
    """Less a run without work: conv twice 3 and pool 2 make 8, in one round twice 2 and 4."""
    shares = shares_of(layers_file(tmp_path / "r.json"))
    conv, pool = shares.shares
    assert shares.rounds == len(WHOLE)
    assert conv.ms.median == pytest.approx(3.0)
    assert (conv.share.median, pool.share.median) == pytest.approx((6 / 8, 2 / 8))
    # of seven rounds, the lowest and the highest are the ends of the interval
    assert conv.share.ci95 == pytest.approx((4 / 8, 6 / 8))
    assert pool.share.ci95 == pytest.approx((2 / 8, 4 / 8))
    assert conv.ms.ci95 == pytest.approx((2.0, 6.0))


def test_the_sum_is_set_against_the_whole_of_the_same_round(tmp_path):
    """The last round is slow for all: its ratio is as the others'."""
    shares = shares_of(layers_file(tmp_path / "r.json"))
    assert shares.idle_ms.median == pytest.approx(0.1)
    assert shares.sum_ms.median == pytest.approx(8.0)
    assert shares.whole_ms.median == pytest.approx(10.0)
    assert shares.sum_of_whole.median == pytest.approx(0.8)
    assert shares.sum_of_whole.ci95 == pytest.approx((0.8, 0.8))


def test_without_the_whole_there_are_shares_all_the_same(tmp_path):
    shares = shares_of(layers_file(tmp_path / "r.json", whole_sha256=None))
    assert (shares.whole_ms, shares.sum_of_whole) == (None, None)
    assert shares.shares[0].share.median == pytest.approx(6 / 8)


def test_a_round_counts_for_all_layers_or_for_none(tmp_path):
    file = layers_file(tmp_path / "r.json")
    document = json.loads(file.read_text())
    document["results"][2]["conditions"][3]["throttled"] = {"code": "too_hot", "values": {}}
    file.write_text(json.dumps(document))
    shares = shares_of(file)
    assert shares.rounds == len(CONV) - 1
    assert shares.shares[1].share.ci95 == pytest.approx((2 / 8, 2 / 8))


def test_a_layer_that_failed_is_named_and_the_others_have_figures(tmp_path):
    file = layers_file(tmp_path / "r.json")
    document = json.loads(file.read_text())
    document["results"][2] |= {"status": "failed", "samples_ms": [], "conditions": []}
    file.write_text(json.dumps(document))
    shares = shares_of(file)
    assert shares.without_figures == ["conv", "conv#2"]
    assert [each.layer.model for each in shares.shares] == ["pool"]


def test_a_result_of_models_has_no_layers(tmp_path):
    file = write(tmp_path / "r.json", [timed("Net", WHOLE)])
    assert layer_shares(load_result(file)) == []


@pytest.fixture
def fitted(tmp_path):
    """Eight layers of 1 ms + 2 ms per million MACs + 3 ms per MB; the last takes 10 ms more."""
    causes = [(0, 1.0), (1, 1.0), (2, 2.0), (3, 1.0), (4, 4.0), (5, 1.0), (6, 2.0), (2, 1.0)]
    layers = [
        layer(f"l{number}", macs=int(1e6 * macs), size=int(1e6 * size))
        for number, (macs, size) in enumerate(causes)
    ]
    expected = [1 + 2 * macs + 3 * size for macs, size in causes]
    expected[-1] += 10
    plan = {"network": "Net", "target": "x86", "whole_sha256": None, "idle_sha256": "idle",
            "layers": layers}  # fmt: skip
    results = [
        timed("idle", IDLE),
        *(
            timed(each["model"], [idle + ms for idle in IDLE])
            for each, ms in zip(layers, expected, strict=True)
        ),
    ]
    return write(tmp_path / "fit.json", results, plan={"layers": [plan]})


def test_what_macs_and_bytes_explain_is_not_drawn_towards_a_slow_layer(fitted):
    shares = shares_of(fitted)
    assert shares.fit.ms_per_mac == pytest.approx(2e-6)
    assert shares.fit.ms_per_byte == pytest.approx(3e-6)
    assert shares.fit.ms == pytest.approx(1.0)
    assert [each.layer.model for each in slow_layers(shares)] == ["l7"]
    # 18 ms where 1 + 4 + 3 are explained
    assert shares.shares[-1].times_explained == pytest.approx(18 / 8)


def test_a_few_layers_explain_nothing(tmp_path):
    shares = shares_of(layers_file(tmp_path / "r.json"))
    assert shares.fit is None
    assert list(slow_layers(shares)) == []


def test_the_table_says_how_well_the_layers_add_up(tmp_path, fitted):
    text = " ".join(layers_table(shares_of(layers_file(tmp_path / "r.json"))).split())
    assert "conv 2 3.00 75.00 50.00 to 75.00 2.00 0.00 -" in text
    assert "3 layers, 2 different: 8.00 (8.00 to 16.00) ms together, 0.800 (0.800 to 0.800)" in text
    assert "a run without work, 0.1 (0.1 to 0.2) ms" in text
    assert "exactly the kernels" in text
    assert "(over 1.5 times, and 1% of the time or more): l7" in layers_table(shares_of(fitted))


def test_the_table_says_what_is_missing(tmp_path):
    untimed = [{"layer": "nms", "ops": ["multiclass_nms3"], "reason": "it is a loop"}]
    kernels = {"flatten": {"whole": 0, "layers": 1}}
    file = layers_file(tmp_path / "r.json", not_timed=untimed, other_kernels=kernels)
    text = layers_table(shares_of(file))
    assert "not timed: nms (multiclass_nms3): it is a loop" in text
    assert "kernels of flatten: 0 in the whole, 1 in the layers" in text
    assert "exactly the kernels" not in text
    assert len(POOL) == len(CONV)
