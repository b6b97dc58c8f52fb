"""What layers are called, and the blocks and stages that they are part of."""

import pytest
from paddle.nn import functional

from ppghost.analysis.complexity import analyze
from ppghost.analysis.names import block_of
from ppghost.analysis.stages import stages_of


@pytest.fixture(scope="module")
def tiny():
    return analyze("TinyGhostNet", class_num=3)


def test_layers_have_their_builders_names(tiny):
    names = [layer.name for layer in tiny.layers]
    assert len(set(names)) == len(names)
    module = "_ghostbottleneck_0_ghost_module_1"
    assert names[:7] == [
        "conv1", "conv1_bn", "conv1.relu", f"{module}_primary_conv", f"{module}_primary_conv_bn",
        f"{module}_primary_conv.relu", f"{module}_cheap_operation",
    ]  # fmt: skip
    assert {f"{module}.concat", "_ghostbottleneck_0.elementwise_add", "fc_1"} <= set(names)
    assert {"_ghostbottleneck_0_se_1", "_ghostbottleneck_0.elementwise_mul"} <= set(names)


def test_blocks_and_stages_are_all_layers_once(tiny):
    assert [part.name for part in tiny.blocks] == [
        "conv1", "_ghostbottleneck_0", "_ghostbottleneck_1", "fc_1",
    ]  # fmt: skip
    assert [part.name for part in tiny.stages] == ["1/2", "1/4", "head"]
    for parts in (tiny.blocks, tiny.stages):
        assert sum(part.layers for part in parts) == len(tiny.layers)
        for figure in ("params", "macs", "flops", "memory_bytes"):
            assert sum(getattr(part, figure) for part in parts) == getattr(tiny, figure)
    assert tiny.stages[1].output_shape == (1, 12, 8, 8)
    assert {layer.stage for layer in tiny.layers if "_se_" in layer.name} == {"1/4"}


def test_a_net_without_names_is_called_by_its_structure():
    found = analyze("PPLCNet_x0_25", image_size=64)
    names = [layer.name for layer in found.layers]
    assert names[0] == "conv1.conv"
    assert any(name.startswith("blocks2.0.dw_conv") for name in names)
    assert [part.name for part in found.stages] == ["1/2", "1/4", "1/8", "1/16", "1/32", "head"]


@pytest.mark.parametrize(
    ("size", "stage"), [(112, "1/2"), (111, "1/2"), (13, "1/16"), (16, "1/14"), (448, "2/1")]
)
def test_a_stage_is_a_resolution(pairs, size, stage):
    graph, _ = pairs(
        lambda x: functional.interpolate(x, size=[size, size], mode="nearest"), [1, 3, 224, 224]
    )
    assert set(stages_of(graph).values()) == {stage}


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("_ghostbottleneck_3_ghost_module_1_primary_conv", "_ghostbottleneck_3"),
        ("stage1_block0_conv1_primary_conv", "stage1_block0"),
        ("layers.0.blocks.1.attn.qkv", "layers.0.blocks.1"),
        ("layer1.0.conv1", "layer1.0"),
        ("stage_2_1_conv1", "stage_2_1"),
        ("res2a_branch2a", "res2a"),
        ("conv3_2_expand", "conv3_2"),
        ("fire2_squeeze", "fire2"),
        ("conv_last", "conv_last"),
        ("fc_1", "fc_1"),
    ],
)
def test_blocks_are_told_by_names(name, block):
    assert block_of(name) == block
