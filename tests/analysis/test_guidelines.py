"""The four guidelines, on nets small enough to be counted by hand."""

import math

import paddle
import pytest
from paddle import nn
from paddle.nn import functional

from ppghost.analysis.guidelines import findings_of
from ppghost.models.layers import conv_bn_layer

POSITIONS = 8 * 8


def conv(c1, c2, k=1, groups=1):
    return nn.Conv2D(c1, c2, k, padding=k // 2, groups=groups, bias_attr=False)


@pytest.fixture
def findings(pairs):
    def find(build, rule):
        found = findings_of("net", *pairs(build, [1, 16, 8, 8]))
        return [finding for finding in found if finding.rule == rule]

    return find


def test_g1_unequal_channels(findings):
    [finding] = findings(lambda x: conv(16, 64)(x), "G1")
    assert finding.layer == "conv2d_0"
    assert finding.figure == 4
    assert finding.saved_bytes == 4 * POSITIONS * (16 + 64 - 2 * math.sqrt(16 * 64))
    assert "from 16 to 64 channels (1:4); with 32 and 32" in finding.message
    assert findings(lambda x: conv(16, 24)(x), "G1") == []
    assert findings(lambda x: conv(16, 64, 3)(x), "G1") == []


def test_g2_group_convolutions(findings):
    [finding] = findings(lambda x: conv(16, 32, 1, 4)(x), "G2")
    grouped = POSITIONS * (16 + 32) + 16 * 32 / 4
    dense = POSITIONS * (16 + 8) + 16 * 8  # as many MACs
    assert finding.saved_bytes == 4 * (grouped - dense)
    assert finding.figure == 4
    assert findings(lambda x: conv(16, 16, 3, 16)(x), "G2") == []


def test_g3_fragments(findings):
    def build(x):
        branch = conv(16, 8)(conv(16, 16, 3)(x))
        return paddle.concat([branch, conv(16, 8)(x), functional.max_pool2d(x, 3, 1, 1)], 1)

    [finding] = findings(build, "G3")
    assert finding.figure == 4
    assert finding.message.startswith("3 branches, 4 of convolutions and poolings")
    concat, read_again = 4 * 2 * 32 * POSITIONS, 4 * 2 * 16 * POSITIONS
    assert finding.saved_bytes == concat + read_again


def test_g3_is_about_branches_that_compute(findings):
    assert findings(lambda x: x + conv(16, 16)(x), "G3") == []
    [both] = findings(lambda x: conv(16, 16)(x) + conv(16, 16, 3)(x), "G3")
    assert (both.figure, both.saved_bytes) == (2, 4 * 16 * POSITIONS)


def test_g4_element_wise_operators(findings):
    def build(x):
        return x + conv_bn_layer(x, 16, 1, act="relu")

    whole, add = findings(build, "G4")
    values = 4 * 16 * POSITIONS
    moved = {"conv": 2 * values + 4 * 256, "bn": 2 * values + 4 * 64, "relu": 2 * values,
             "add": 3 * values}  # fmt: skip
    total = sum(moved.values())
    assert whole.layer == "net"
    assert whole.figure == pytest.approx(1 - moved["conv"] / total)
    assert whole.saved_bytes == moved["bn"] + moved["relu"]
    assert (add.layer.endswith("elementwise_add"), add.saved_bytes) == (True, moved["add"])
    assert add.figure == pytest.approx(moved["add"] / total)
