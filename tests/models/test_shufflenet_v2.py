"""ShuffleNetV2 against PaddleClas's own."""

import numpy as np
import paddle
import pytest
from support import paddleclas_parity as parity
from support.building import building

from ppghost.analysis import complexity as analysis
from ppghost.errors import InputError
from ppghost.models import factory, registry, shufflenet_v2

SMALLEST = "ShuffleNetV2_x0_25"


@pytest.mark.parametrize("name", shufflenet_v2.NETWORKS)
def test_tensors_and_their_initial_values_are_paddleclass(dygraph, name):
    theirs, ours = parity.both(name, class_num=3)
    assert parity.described(ours) == parity.described(theirs)
    assert [p.name for p in ours.parameters()] == [p.name for p in theirs.parameters()]
    for (key, tensor), expected in zip(
        ours.state_dict().items(), theirs.state_dict().values(), strict=True
    ):
        np.testing.assert_array_equal(tensor.numpy(), expected.numpy(), err_msg=key)


@pytest.mark.parametrize("name", [SMALLEST, "ShuffleNetV2_swish"])
def test_both_modes_compute_what_paddleclas_does(dygraph, name):
    theirs, ours = parity.both(name, class_num=20)
    parity.share_lively_statistics(theirs, ours)
    theirs.eval()
    ours.eval()
    images = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype("float32")
    expected = theirs(paddle.to_tensor(images)).numpy()
    parity.assert_close(ours(paddle.to_tensor(images)).numpy(), expected)
    static = parity.static_logits(name, images, parity.arrays_of(theirs), class_num=20)
    parity.assert_close(static, expected)


def test_one_step_equals_paddleclass(dygraph, tmp_path):
    """Decay, and BN's momentum and epsilon too."""
    theirs, ours = parity.both(SMALLEST, class_num=5)
    before = parity.arrays_of(theirs)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(4, 3, 64, 64)).astype("float32")
    labels = np.array([[0], [2], [4], [1]])
    loss, expected = parity.dygraph_step(theirs, images, labels)
    steps = [
        parity.dygraph_step(ours, images, labels),
        parity.static_step(tmp_path / "config.yaml", SMALLEST, images, labels, before),
    ]
    for own_loss, after in steps:
        assert own_loss == pytest.approx(loss, rel=1e-5)
        for key, value in expected.items():
            parity.assert_close(after[key], value, key)
    moved = [key for key, value in expected.items() if not np.array_equal(value, before[key])]
    assert len(moved) == len(expected)


@pytest.mark.parametrize("name", [SMALLEST, "ShuffleNetV2_x2_0"])
def test_counts_are_what_the_program_says(static, name):
    assert analysis.count_architecture(name)._asdict() == registry.complexity(name)


@pytest.mark.parametrize(("stem_stride", "size"), [(2, 1), (1, 4)])
def test_a_stem_of_stride_1_is_for_32x32(static, stem_stride, size):
    with building() as main:
        image = paddle.static.data("image", [None, 1, 32, 32])
        network = factory.create(SMALLEST, class_num=10, in_channels=1, stem_stride=stem_stride)
        assert tuple(network(image).shape) == (-1, 10)
    last_pool = [op for op in main.global_block().ops if op.type == "pool2d"][-1]
    assert main.global_block().var(last_pool.input("X")[0]).shape[2:] == (size, size)


def test_height_and_width_may_stay_open(static):
    with building():
        logits = factory.create(SMALLEST)(paddle.static.data("image", [None, 3, -1, -1]))
    assert tuple(logits.shape) == (-1, 1000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_num": 0}, r"Arch\.class_num of ShuffleNetV2_x0_25 is 0"),
        ({"stem_stride": 3}, r"Arch\.stem_stride of ShuffleNetV2_x0_25 is 3: give 2, or 1"),
        ({"act": "swihs"}, r"Arch\.act .* is 'swihs', did you mean swish\?"),
        ({"scale": 0}, r"Arch\.scale: ShuffleNetV2_x0_25 takes no such key"),
    ],
)
def test_impossible_arguments_are_named(static, arguments, message):
    with pytest.raises(InputError, match=message):
        factory.create(SMALLEST, **arguments)
