"""Weights of PaddleClas 1.x for networks whose parameters have other names in 2.x.

The names are those that its `ppcls/modeling/architectures/*.py` make, in the order in which they
build the network, which is that of the layers in 2.x.
"""

import numpy as np
import pytest
from paddleclas.ppcls.arch.backbone.legendary_models.hrnet import MODEL_STAGES_PATTERN, HRNet

from ppghost import weights
from ppghost.weights import names_1x
from ppghost.weights.conversion import network


def conv_bn(name, bn):
    return [
        f"{name}_weights",
        *(f"{bn}_{kind}" for kind in ("scale", "offset", "mean", "variance")),
    ]


def resnet(depths, deep, vd=False):
    names = []
    for stem in ["conv1_1", "conv1_2", "conv1_3"] if vd else ["conv1"]:
        names += conv_bn(stem, f"bn{stem[3:]}" if vd else f"bn_{stem}")
    for stage, depth in enumerate(depths):
        for i in range(depth):
            block = f"{stage + 2}{chr(97 + i)}"
            if deep and stage == 2:
                block = "4a" if i == 0 else f"4b{i}"
            branches = ["2a", "2b", "2c"] if max(depths) > 2 or vd else ["2a", "2b"]
            for branch in branches + (["1"] if i == 0 else []):
                names += conv_bn(f"res{block}_branch{branch}", f"bn{block}_branch{branch}")
    return [*names, "fc_0.w_0", "fc_0.b_0"]


def vgg11():
    convs = [
        f"conv{i + 1}_{j + 1}_weights" for i, n in enumerate([1, 1, 2, 2, 2]) for j in range(n)
    ]
    return convs + [f"fc{i}_{kind}" for i in (6, 7, 8) for kind in ("weights", "offset")]


def mobilenet_v1():
    blocks = ["2_1", "2_2", "3_1", "3_2", "4_1", "4_2", *(f"5_{i}" for i in range(1, 7)), "6"]
    names = conv_bn("conv1", "conv1_bn")
    for block in blocks:
        for part in ("dw", "sep"):
            names += conv_bn(f"conv{block}_{part}", f"conv{block}_{part}_bn")
    return [*names, "fc7_weights", "fc7_offset"]


def mobilenet_v3_small():
    names = conv_bn("conv1", "conv1_bn")
    for i, se in enumerate([1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]):
        block = f"conv{i + 2}"
        for part in ("expand", "depthwise", "se", "linear"):
            if part != "se":
                names += conv_bn(f"{block}_{part}", f"{block}_{part}_bn")
            elif se:
                names += [
                    f"{block}_se_{n}_{kind}" for n in (1, 2) for kind in ("weights", "offset")
                ]
    names += conv_bn("conv_last", "conv_last_bn")
    return [*names, "last_1x1_conv_weights", "fc_weights", "fc_offset"]


def hrnet(se=False):
    def squeeze(block):
        parts = [f"fc{block}_{part}" for part in ("sqz", "exc")] if se else []
        return [f"{part}_{kind}" for part in parts for kind in ("weights", "offset")]

    def block(name, parts):
        layers = [f"{name}_{part}" for part in parts]
        return [key for layer in layers for key in conv_bn(layer, f"{layer}_bn")] + squeeze(name)

    def module(name, branches):
        names = []
        for i in range(branches):
            for j in range(4):
                names += block(f"{name}_branch_layer_{i + 1}_{j + 1}", ["conv1", "conv2"])
        for i in range(branches):
            for j in range(branches):
                between = f"{name}_layer_{i + 1}_{j + 1}"
                steps = [between] if j > i else [f"{between}_{k + 1}" for k in range(i - j)]
                for step in steps:
                    names += conv_bn(step, f"{step}_bn")
        return names

    bottleneck = ["conv1", "conv2", "conv3"]
    names = conv_bn("layer1_1", "layer1_1_bn") + conv_bn("layer1_2", "layer1_2_bn")
    for i in range(4):
        names += block(f"layer2_{i + 1}", bottleneck + ["downsample"] * (i == 0))
    names += conv_bn("tr1_layer_1", "tr1_layer_1_bn")
    for stage, (branches, modules) in enumerate([(2, 1), (3, 4), (4, 3)]):
        transition = f"tr{stage + 1}_layer_{branches}"
        names += conv_bn(transition, f"{transition}_bn")
        for i in range(modules):
            names += module(f"st{stage + 2}_{i + 1}", branches)
    for i in range(4):
        names += block(f"cls_headconv_{i + 1}", [*bottleneck, "downsample"])
    for layer in ("cls_head_add1", "cls_head_add2", "cls_head_add3", "cls_head_last_conv"):
        names += conv_bn(layer, f"{layer}_bn")
    return [*names, "fc_weights", "fc_offset"]


def found(names, name):
    """2.x's names of them in their order, although a folder of variables is sorted."""
    numbered = {key: np.array(number) for number, key in enumerate(names)}
    renamed = names_1x.renamed(dict(sorted(numbered.items())), name)
    return sorted(renamed, key=lambda key: int(renamed[key]))


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("ResNet18", resnet([2, 2, 2, 2], deep=False)),
        ("MobileNetV1_x0_25", mobilenet_v1()),
        ("MobileNetV3_small_x0_35", mobilenet_v3_small()),
    ],
)
def test_every_tensor_has_its_name(name, names):
    """Layers are built in one order, and so are the names of both."""
    assert found(names, name) == [s.structured for s in weights.tensor_specs(network(name, 2))]


def test_the_deeper_ones_count_their_blocks_and_vd_has_three_stems():
    names = resnet([3, 4, 23, 3], deep=True, vd=True)
    new = dict(zip(names, found(names, "ResNet101_vd"), strict=True))
    assert new["conv1_2_weights"] == "stem.1.conv.weight"
    assert new["bnv1_3_scale"] == "stem.2.bn.weight"
    assert new["res4b10_branch2a_weights"] == "blocks.17.conv0.conv.weight"
    assert new["bn5c_branch2c_variance"] == "blocks.32.conv2.bn._variance"
    assert new["bn4a_branch1_mean"] == "blocks.7.short.bn._mean"


def test_vgg_has_its_own():
    names = found(vgg11(), "VGG11")
    assert names[:4] == [f"conv_block_{i}.weight" for i in ("1.conv1", "2.conv1", "3.conv1",
                                                             "3.conv2")]  # fmt: skip
    assert names[-2:] == ["fc3.weight", "fc3.bias"]


@pytest.mark.parametrize(("name", "se"), [("HRNet_W18_C", False), ("SE_HRNet_W64_C", True)])
def test_hrnet_has_its_own_with_and_without_squeeze_and_excitation(dygraph, name, se):
    """Of 16 channels: the published ones have the same layers, and up to 128 million parameters."""
    small = HRNet(MODEL_STAGES_PATTERN["HRNet"], width=16, has_se=se, class_num=2)
    assert found(hrnet(se), name) == list(small.state_dict())


def test_weights_of_2x_are_left_alone():
    arrays = {"blocks.0.conv0.conv.weight": np.zeros(1), "fc.weight": np.zeros(1)}
    assert names_1x.renamed(arrays, "ResNet50") is arrays
