"""The CIFAR networks: their counts, their shortcut, and that all modes agree."""

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from support.building import building

from ppghost.analysis import complexity as analysis
from ppghost.models import factory, ghost_resnet, registry

#: trainable parameters of the published Ghost-ResNets (FACTS.md's source), and He's by option A
PUBLISHED = {
    "GhostResNet20": 140_474,
    "GhostResNet32": 241_050,
    "GhostResNet44": 341_626,
    "GhostResNet56": 442_202,
    "GhostResNet110": 894_794,
    "GhostResNet1202": 10_047_210,
    "ResNet20": 269_722,
    "ResNet32": 464_154,
    "ResNet44": 658_586,
    "ResNet56": 853_018,
    "ResNet110": 1_727_962,
    "ResNet1202": 19_421_274,
}


def test_published_parameter_counts():
    assert {name: registry.complexity(name)["params"] for name in PUBLISHED} == PUBLISHED


# the others are built from the same loop; the deepest takes minutes
@pytest.mark.parametrize(
    "name", ["GhostNet_x0_5", "GhostResNet20", "GhostResNet56", "ResNet20", "ResNet110"]
)
def test_the_file_of_complexities_is_what_the_program_says(static, name):
    assert analysis.count_architecture(name)._asdict() == registry.complexity(name)


def test_every_architecture_of_ours_is_in_the_file():
    ours = {name for name in registry.ARCHITECTURES if not name.startswith("Tiny")}
    assert {name for name in ours if registry.complexity(name)} == ours


def test_depths_follow_one_rule():
    """From depth 6n + 2 to 6m + 2 each count grows by the same amount per block."""
    for family in ("GhostResNet", "ResNet"):
        for figure in ("params", "macs"):
            counts = [registry.complexity(f"{family}{d}")[figure] for d in ghost_resnet.DEPTHS]
            blocks = [(d - 2) // 6 for d in ghost_resnet.DEPTHS]
            steps = {
                (counts[i + 1] - counts[i]) / (blocks[i + 1] - blocks[i])
                for i in range(len(counts) - 1)
            }
            assert len(steps) == 1


@pytest.mark.parametrize("name", ["GhostResNet20", "ResNet20"])
def test_layer_and_program_agree(dygraph, name):
    with unique_name.guard():
        layer = factory.create(name)
    layer.eval()
    images = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype("float32")
    expected = layer(paddle.to_tensor(images)).numpy()
    weights = {p.name: p.numpy() for p in layer.state_dict().values()}

    paddle.enable_static()
    scope = paddle.static.Scope()
    with building() as main:
        image = paddle.static.data("image", [None, 3, 32, 32])
        logits = factory.create(name)(image)
    with paddle.static.scope_guard(scope):
        for key, array in weights.items():
            scope.var(key).get_tensor().set(array, paddle.CPUPlace())
        program = main.clone(for_test=True)
        [actual] = paddle.static.Executor().run(
            program, feed={"image": images}, fetch_list=[logits]
        )
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    assert expected.shape == (2, 10)


def test_the_shortcut_takes_every_second_pixel_and_adds_empty_maps(dygraph):
    x = paddle.arange(2 * 4 * 4, dtype="float32").reshape([1, 2, 4, 4])
    out = ghost_resnet._shortcut(x, maps=4, stride=2).numpy()
    np.testing.assert_array_equal(out[:, :2], x.numpy()[:, :, ::2, ::2])
    assert out.shape == (1, 4, 2, 2)
    assert not out[:, 2:].any()


def test_kaiming_by_fan_out(dygraph):
    with unique_name.guard():
        layer = factory.create("ResNet20")
    weight = layer.stage3_block1.conv1._conv.weight.numpy()  # 64 filters of 3x3
    assert weight.std() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)
    first = layer.stage3_block0.conv1._conv.weight.numpy()  # 32 maps in, 64 out
    assert first.std() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)
