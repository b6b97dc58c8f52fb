"""Ghost-VGG-16, Ghost-ResNet-50, the variants of GhostNet: counts, names, senseless arguments."""

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from paddleclas.ppcls.arch import backbone
from support.building import building
from support.seeded_weights import images, seeded

from ppghost.analysis.complexity import count_architecture
from ppghost.errors import InputError
from ppghost.models import factory, ghostnet, ghostnet_v2, ghostnet_v3, registry, repghost
from ppghost.static.program import assign

#: million parameters and FLOPs of convolutions (arXiv 1911.11907, tables 3 to 5)
PUBLISHED_VGG16 = {(1, 1): (15.0, 313), (2, 3): (7.7, 158)}
#: multiply-accumulates of VGG-16's two fully connected layers, which the paper leaves out
CLASSIFIER = 512 * 512 + 512 * 10


@pytest.mark.parametrize(("ratio", "dw_size"), PUBLISHED_VGG16)
def test_ghost_vgg16_is_as_large_as_published(static, ratio, dw_size):
    params, macs = count_architecture("GhostVGG16", ratio=ratio, dw_size=dw_size)
    published = (round(params / 1e6, 1), round((macs - CLASSIFIER) / 1e6))
    assert published == PUBLISHED_VGG16[ratio, dw_size]


def test_vgg16_is_ghost_vgg16_of_ratio_1():
    whole, ghost = registry.complexity("VGG16_cifar"), registry.complexity("GhostVGG16")
    assert whole["params"] / ghost["params"] == pytest.approx(2, rel=0.03)
    assert whole["macs"] / ghost["macs"] == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize(
    "name", ["VGG16_cifar", "GhostResNet50_s4", "GhostNetV2_x1_0", "RepGhost_x0_5"]
)
def test_the_file_of_complexities_is_what_the_program_says(static, name):
    assert count_architecture(name)._asdict() == registry.complexity(name)


def test_ghost_resnet50_without_ghosts_is_paddleclass_resnet50(dygraph):
    with unique_name.guard():
        reference = backbone.ResNet50(class_num=7)
    with unique_name.guard():
        candidate = factory.create("GhostResNet50", class_num=7, ratio=1)
    for key, tensor in reference.state_dict().items():
        ending = "running_var" if key.endswith("_variance") else "weight"
        tensor.set_value(seeded(f"{key}.{ending}", tuple(tensor.shape)))
    shapes = [
        {key: tensor.shape for key, tensor in network.state_dict().items()}
        for network in (reference, candidate)
    ]
    assert shapes[0] == shapes[1]
    candidate.set_state_dict(reference.state_dict())
    reference.eval()
    candidate.eval()
    x = paddle.to_tensor(images(64))
    expected = reference(x).numpy()
    bound = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(candidate(x).numpy(), expected, rtol=1e-5, atol=bound)


@pytest.mark.parametrize(("name", "macs"), [("GhostResNet50", 2.2), ("GhostResNet50_s4", 1.2)])
def test_ghost_resnet50_computes_as_much_as_published(name, macs):
    assert round(registry.complexity(name)["macs"] / 1e9, 1) == macs


def test_a_ghost_stem_replaces_the_first_convolution(static):
    """8 filters of 3x3x3 and 8 ghosts with norms, for 16 filters with a bias."""
    plain = registry.complexity("GhostResNet20")
    ghost = count_architecture("GhostResNet20", ghost_stem=True)
    assert ghost.params - plain["params"] == 8 * 27 + 8 * 9 + 2 * 16 - (16 * 27 + 16)
    assert ghost.macs - plain["macs"] == 32 * 32 * (8 * 27 + 8 * 9 - 16 * 27)


@pytest.fixture
def short(monkeypatch):
    """The family with the first five bottlenecks: with all that they are made of, built quickly."""
    for family in (ghostnet, ghostnet_v2, ghostnet_v3, repghost):
        monkeypatch.setattr(family, "BLOCKS", family.BLOCKS[:5])


def test_ratio_and_dw_size_are_those_of_every_ghost_module(static, short):
    plain, fewer, larger = (
        count_architecture("GhostNet_x0_5", (3, 32, 32), **arguments)
        for arguments in ({}, {"ratio": 4}, {"dw_size": 5})
    )
    assert fewer.macs < plain.macs < larger.macs
    ghosts = sum(expansion + channels for _, expansion, channels, _, _ in ghostnet.BLOCKS) // 4
    assert larger.params - plain.params == (25 - 9) * ghosts  # of half as many maps at x0.5


def gate_ops(**arguments):
    with building() as program:
        image = paddle.static.data("image", [1, 3, 32, 32])
        factory.create("GhostNet_x0_5", class_num=4, **arguments)(image)
    types = [op.type for op in program.global_block().ops]
    return types.count("clip"), types.count("hard_sigmoid")


def test_the_gate_is_the_layouts_own_or_another(static, short):
    assert gate_ops() == (2, 0)
    assert gate_ops(se_gate="hard_sigmoid") == (0, 2)
    assert gate_ops(layout="timm") == (0, 2)
    assert gate_ops(layout="timm", se_gate="clip") == (2, 0)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("GhostNetV2_x1_0", (8, 24)),  # a single row is left for the last attention
        ("GhostNetV2_x1_0", (45, 45)),
        ("GhostNetV3_x0_5", (32, 32)),
        ("RepGhost_x0_5", (32, 32)),
        ("GhostVGG16", (33, 64)),
    ],
)
def test_sizes_channels_and_classes_are_free_and_the_program_agrees(dygraph, short, name, size):
    arguments = {"class_num": 4, "in_channels": 2}
    with unique_name.guard():
        layer = factory.create(name, **arguments)
    layer.eval()
    x = np.random.default_rng(0).normal(size=(2, 2, *size)).astype("float32")
    expected = layer(paddle.to_tensor(x)).numpy()
    assert expected.shape == (2, 4)

    paddle.enable_static()
    scope = paddle.static.Scope()
    with building() as main:
        image = paddle.static.data("image", [None, 2, -1, -1])
        logits = factory.create(name, **arguments)(image)
    assign(scope, {tensor.name: tensor.numpy() for tensor in layer.state_dict().values()})
    with paddle.static.scope_guard(scope):
        program = main.clone(for_test=True)
        [actual] = paddle.static.Executor().run(program, feed={"image": x}, fetch_list=[logits])
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "key", "value", "wanted"),
    [
        ("GhostNet_x1_0", "ratio", 0, "1 (a plain convolution) or more"),
        ("GhostVGG16", "ratio", 0.5, "1 (a plain convolution) or more"),
        ("GhostResNet50", "ratio", "two", "a number"),
        ("GhostNetV2_x1_0", "dw_size", 4, "an odd number (1, 3, 5, 7)"),
        ("RepGhost_x0_5", "dw_size", 0, "a whole number of at least 1"),
        ("GhostResNet20", "class_num", 0, "a whole number of at least 1"),
        ("GhostNet_x0_5", "in_channels", 1.5, "a whole number of at least 1"),
        ("GhostNet_x0_5", "scale", 0, "a number above 0"),
        ("GhostNetV3_x1_0", "scale", float("nan"), "a number above 0"),
        ("GhostNet_x0_5", "layout", "tim", "did you mean timm?: give paddleclas or timm"),
        ("GhostNet_x0_5", "se_gate", None, "clip or hard_sigmoid"),
        ("RepGhost_x0_5", "deploy", 1, "True or False"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line(static, name, key, value, wanted):
    with pytest.raises(InputError) as caught:
        factory.create(name, **{key: value})
    message = str(caught.value)
    assert message.startswith(f"Arch.{key} of {name} is {value!r}")
    assert wanted in message
    assert "\n" not in message
