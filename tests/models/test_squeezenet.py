"""SqueezeNet against PaddleClas's own, and what it has not: bypass, a stem for 32x32."""

from contextlib import nullcontext

import numpy as np
import paddle
import pytest
from paddle.nn import functional
from paddle.utils import unique_name
from support import paddleclas_parity as parity
from support.building import building

from ppghost.analysis import complexity as analysis
from ppghost.errors import InputError
from ppghost.models import factory, registry, squeezenet

IN_PADDLECLAS = ["SqueezeNet1_0", "SqueezeNet1_1"]


@pytest.fixture
def no_dropout(monkeypatch):
    monkeypatch.setattr(squeezenet, "dropout", lambda x, p, name, mode: x)


@pytest.mark.parametrize("name", IN_PADDLECLAS)
def test_tensors_and_their_initial_values_are_paddleclass(dygraph, name):
    theirs, ours = parity.both(name, class_num=3)
    assert parity.described(ours) == parity.described(theirs)
    assert [p.name for p in ours.parameters()] == [p.name for p in theirs.parameters()]
    for (key, tensor), expected in zip(
        ours.state_dict().items(), theirs.state_dict().values(), strict=True
    ):
        np.testing.assert_array_equal(tensor.numpy(), expected.numpy(), err_msg=key)


@pytest.mark.parametrize(
    ("name", "size"), [("SqueezeNet1_0", 32), ("SqueezeNet1_0", 65), ("SqueezeNet1_1", 64)]
)
def test_both_modes_compute_what_paddleclas_does(dygraph, name, size):
    """In evaluation dropout halves, as PaddleClas's does; at 32 the last pooling sees 2 pixels."""
    theirs, ours = parity.both(name, class_num=20)
    theirs.eval()
    ours.eval()
    images = np.random.default_rng(0).normal(size=(2, 3, size, size + 1)).astype("float32")
    expected = theirs(paddle.to_tensor(images)).numpy()
    parity.assert_close(ours(paddle.to_tensor(images)).numpy(), expected)
    static = parity.static_logits(name, images, parity.arrays_of(theirs), class_num=20)
    parity.assert_close(static, expected)


def test_one_step_equals_paddleclass(dygraph, no_dropout, tmp_path):
    theirs, ours = parity.both("SqueezeNet1_1", class_num=5)
    theirs._drop.p = 0.0
    before = parity.arrays_of(theirs)
    images = np.random.default_rng(0).normal(size=(4, 3, 32, 32)).astype("float32")
    labels = np.array([[0], [2], [4], [1]])
    loss, expected = parity.dygraph_step(theirs, images, labels)
    steps = [
        parity.dygraph_step(ours, images, labels),
        parity.static_step(tmp_path / "config.yaml", "SqueezeNet1_1", images, labels, before),
    ]
    for own_loss, after in steps:
        assert own_loss == pytest.approx(loss, rel=1e-5)
        for key, value in expected.items():
            parity.assert_close(after[key], value, key)
    moved = [key for key, value in expected.items() if not np.array_equal(value, before[key])]
    assert len(moved) == len(expected)


def test_a_bypass_adds_what_a_fire_module_was_given(dygraph):
    """The paper's figure 2 (middle), by hand: shortcuts around modules 3, 5, 7 and 9."""
    with unique_name.guard():
        network = factory.create("SqueezeNet1_0_bypass", class_num=4)
    network.eval()
    state = network.state_dict()
    image = paddle.randn([1, 3, 64, 64])

    def conv(x, path, **keys):
        kernel, bias = state[f"{path}.weight"], state[f"{path}.bias"]
        return functional.relu(functional.conv2d(x, kernel, bias, **keys))

    def fire(x, path):
        x = conv(x, f"{path}._conv._conv")
        wide = conv(x, f"{path}._conv_path2._conv", padding=1)
        return paddle.concat([conv(x, f"{path}._conv_path1._conv"), wide], axis=1)

    x = functional.max_pool2d(conv(image, "_conv", stride=2), 3, 2)
    for module in range(2, 10):
        y = fire(x, f"_conv{module - 1}")
        x = x + y if module in (3, 5, 7, 9) else y
        x = functional.max_pool2d(x, 3, 2) if module in (4, 8) else x
    expected = conv(0.5 * x, "_conv9").mean([2, 3])
    parity.assert_close(network(image).numpy(), expected.numpy())


@pytest.mark.parametrize("name", squeezenet.NETWORKS)
def test_counts_are_what_the_program_says(static, name):
    assert analysis.count_architecture(name)._asdict() == registry.complexity(name)


@pytest.mark.parametrize(("name", "size"), [("SqueezeNet1_0", 2), ("SqueezeNet1_1", 3)])
def test_a_stem_of_stride_1_is_for_32x32(static, name, size):
    with building() as main:
        image = paddle.static.data("image", [None, 1, 32, 32])
        network = factory.create(name, class_num=10, in_channels=1, stem_stride=1)
        assert tuple(network(image).shape) == (-1, 10)
    last_pool = [op for op in main.global_block().ops if op.type == "pool2d"][-1]
    assert main.global_block().var(last_pool.input("X")[0]).shape[2:] == (size, size)


@pytest.mark.parametrize(
    ("name", "size", "fits"),
    [
        ("SqueezeNet1_0", 26, False),
        ("SqueezeNet1_0", 27, True),
        ("SqueezeNet1_1", -1, True),
    ],
)
def test_images_that_are_pooled_away_are_refused(static, name, size, fits):
    refused = pytest.raises(InputError, match=r"pools these images down to nothing; .*stride: 1")
    with paddle.static.program_guard(paddle.static.Program(), paddle.static.Program()):
        image = paddle.static.data("image", [None, 3, size, size])
        with nullcontext() if fits else refused:
            assert factory.create(name)(image).shape == (-1, 1000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_num": 0}, r"Arch\.class_num of SqueezeNet1_1 is 0"),
        ({"bypass": 1}, r"Arch\.bypass of SqueezeNet1_1 is 1: give True or False"),
        ({"borders": "torch"}, r"Arch\.borders .* give paddleclas or torchvision"),
    ],
)
def test_impossible_arguments_are_named(static, arguments, message):
    with pytest.raises(InputError, match=message):
        factory.create("SqueezeNet1_1", **arguments)
