"""The test nets of the guidelines: constant MACs, what each is made of, and a campaign of some."""

from itertools import groupby

import numpy as np
import pytest

from ppghost.analysis.complexity import count_macs
from ppghost.deploy.latency.guideline_ratios import guideline_ratios
from ppghost.deploy.profiling import guideline_nets as nets_module
from ppghost.deploy.profiling import guidelines
from ppghost.deploy.profiling.guideline_nets import BLOCKS, SIDE, guideline_nets
from ppghost.deploy.profiling.guidelines import bench_guidelines
from ppghost.errors import InputError
from ppghost.formats.exported import open_model
from ppghost.utils.paddle_inference import Engine

#: products that one pixel of a block costs, by the channels of each net
PRODUCTS = {
    "G1 1:1": 2 * 128 * 128, "G1 1:2": 2 * 90 * 180, "G1 1:6": 2 * 52 * 312,
    "G1 1:12": 2 * 37 * 444,
    "G2 1 group": 128**2, "G2 2 groups": 180**2 // 2, "G2 4 groups": 256**2 // 4,
    "G2 8 groups": 360**2 // 8,
    "G3 1 fragment": 128**2, "G3 2 fragments in series": 2 * 90**2,
    "G3 2 fragments in parallel": 2 * 90**2, "G3 4 fragments in series": 4 * 64**2,
    "G3 4 fragments in parallel": 4 * 64**2,
    "G4 ReLU, shortcut": 2 * 128 * 32 + 9 * 32**2,
    "G4 no ReLU, shortcut": 2 * 128 * 32 + 9 * 32**2,
    "G4 ReLU, no shortcut": 2 * 128 * 32 + 9 * 32**2,
    "G4 no ReLU, no shortcut": 2 * 128 * 32 + 9 * 32**2,
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Every net, exported."""
    folder = tmp_path_factory.mktemp("nets")
    models = {}
    for number, spec in enumerate(guideline_nets()):
        spec.write(folder / str(number))
        models[spec.name] = open_model(folder / str(number))
    return models


def test_macs_are_those_of_the_channels(written):
    found = {name: count_macs(model.program) for name, model in written.items()}
    assert found == {name: BLOCKS * SIDE**2 * products for name, products in PRODUCTS.items()}


def test_within_a_guideline_macs_are_constant():
    for guideline, names in groupby(PRODUCTS, key=lambda name: name[:2]):
        products = [PRODUCTS[name] for name in names]
        assert max(products) / min(products) < 1.02, guideline


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("G1 1:6", ["conv2d", "relu"] * 2),
        ("G3 2 fragments in parallel", ["conv2d", "relu"] * 2 + ["elementwise_add"]),
        ("G4 ReLU, shortcut", ["conv2d", "relu"] * 2 + ["conv2d", "elementwise_add", "relu"]),
        ("G4 no ReLU, no shortcut", ["conv2d"] * 3),
    ],
)
def test_ten_blocks_follow_each_other(written, name, types):
    ops = [op.type for op in written[name].program.blocks[0].ops]
    assert ops == ["feed", *types * BLOCKS, "fetch"]


def test_values_neither_vanish_nor_explode(written):
    """Or a file could not be told from a wrong one."""
    image = np.random.default_rng(0).standard_normal((1, 360, SIDE, SIDE), np.float32)
    model = written["G2 8 groups"]
    [name] = [op.outputs[0].arguments[0] for op in model.program.blocks[0].ops[:1]]
    [values] = Engine(model.program.SerializeToString(), model.params())({name: image})
    assert 0.1 < values.std() < 10


def test_nets_are_compared_in_one_campaign(monkeypatch, tmp_path):
    """Smaller ones, and of two guidelines the first net, which is the same in both."""
    monkeypatch.setattr(nets_module, "SIDE", 4)
    wanted = ("G2 1 group", "G2 8 groups", "G3 1 fragment", "G3 4 fragments in parallel")
    few = [spec for spec in guideline_nets() if spec.name in wanted]
    monkeypatch.setattr(guidelines, "guideline_nets", lambda: few)
    result = bench_guidelines(
        output=tmp_path / "r.json", count_macs=count_macs, rounds=6,
        repeats=1, warmup=0, burst_warmup=0,
    )  # fmt: skip
    assert [each.model for each in result.results] == [
        "G2 1 group", "G2 8 groups", "G3 4 fragments in parallel",
    ]  # fmt: skip
    assert {each.check for each in result.results} == {"x86"}
    [nets] = guideline_ratios(result)
    assert {name: len(rows) for name, rows in nets.rows.items()} == {"G2": 2, "G3": 2}
    assert nets.rows["G3"][0].stats == nets.rows["G2"][0].stats
    assert [row.ratio is None for row in nets.rows["G3"]] == [True, False]
    # ten convolutions of 128 channels that read and write 4x4 pixels
    assert nets.rows["G3"][0].net.bytes == 10 * 4 * (128 * 128 + 2 * 128 * 16)


def test_models_of_ones_own_are_no_test_nets(tmp_path):
    with pytest.raises(InputError, match=r"guidelines: the nets are made here; leave a\.nb away"):
        bench_guidelines(models="a.nb")
