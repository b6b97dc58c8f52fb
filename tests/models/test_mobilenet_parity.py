"""MobileNetV1, V2 and V3 against PaddleClas's own."""

import numpy as np
import paddle
import pytest
from support import paddleclas_parity as parity

from ppghost.models import mobilenet_v1, mobilenet_v2, mobilenet_v3, paddleclas_zoo

NAMES = [*mobilenet_v1.NETWORKS, *mobilenet_v2.NETWORKS, *mobilenet_v3.NETWORKS]
SMALLEST = ["MobileNetV1_x0_25", "MobileNetV2_x0_25", "MobileNetV3_small_x0_35"]


@pytest.fixture
def no_dropout(monkeypatch):
    monkeypatch.setattr(mobilenet_v3, "dropout", lambda x, p, name, mode: x)


def test_all_of_paddleclas_are_here():
    starts = ("MobileNetV1", "MobileNetV2", "MobileNetV3")
    zoo = paddleclas_zoo.paddleclas_architectures()
    assert {name for name in zoo if name.startswith(starts)} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_tensors_and_their_attributes_are_paddleclass(dygraph, name):
    """Names of tensors and parameters, shapes, order, initial values, what decays and how fast."""
    theirs, ours = parity.both(name, class_num=2)
    assert parity.described(ours) == parity.described(theirs)
    for parameter, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        parity.assert_close(parameter.numpy(), expected.numpy(), parameter.name)
        assert str(parameter.regularizer) == str(expected.regularizer)
        assert parameter.optimize_attr == expected.optimize_attr


@pytest.mark.parametrize("name", [*SMALLEST, "MobileNetV3_large_x0_35"])
def test_both_modes_compute_what_paddleclas_does(dygraph, name):
    theirs, ours = parity.both(name, class_num=20)
    parity.share_lively_statistics(theirs, ours)
    theirs.eval()
    ours.eval()
    images = np.random.default_rng(0).normal(size=(2, 3, 47, 64)).astype("float32")
    expected = theirs(paddle.to_tensor(images)).numpy()
    parity.assert_close(ours(paddle.to_tensor(images)).numpy(), expected)
    static = parity.static_logits(name, images, parity.arrays_of(theirs), class_num=20)
    parity.assert_close(static, expected)


@pytest.mark.parametrize("name", SMALLEST)
def test_one_step_equals_paddleclass(dygraph, no_dropout, tmp_path, name):
    theirs, ours = parity.both(name, class_num=5)
    if hasattr(theirs, "dropout"):
        theirs.dropout.p = 0.0
    before = parity.arrays_of(theirs)
    images = np.random.default_rng(0).normal(size=(8, 3, 32, 32)).astype("float32")
    labels = np.arange(8)[:, None] % 5
    loss, expected = parity.dygraph_step(theirs, images, labels)
    steps = [
        parity.dygraph_step(ours, images, labels),
        parity.static_step(tmp_path / "config.yaml", name, images, labels, before),
    ]
    for own_loss, after in steps:
        assert own_loss == pytest.approx(loss, rel=1e-5)
        for key, value in expected.items():
            parity.assert_close(after[key], value, key)
    moved = [key for key, value in expected.items() if not np.array_equal(value, before[key])]
    assert len(moved) > 0.9 * len(expected)
