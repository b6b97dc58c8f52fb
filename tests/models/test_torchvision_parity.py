"""ShuffleNetV2 and SqueezeNet against torchvision, by the outputs in `torchvision_goldens.json`."""

import json
from pathlib import Path

import pytest
from support import torch_parity

from ppghost.models import registry

GOLDENS = json.loads(Path(__file__).with_name("torchvision_goldens.json").read_text())
OURS = {
    name: name.replace("shufflenet_v2", "ShuffleNetV2").replace("squeezenet", "SqueezeNet")
    for name in GOLDENS["networks"]
}
LAYERS = {"_conv1": "conv1", "_last_conv": "conv5"}
#: a convolution of a unit -> torchvision's branch and its number there, before its BN's
UNIT = {
    "_conv_dw_1": ("branch1", 0),
    "_conv_linear_1": ("branch1", 2),
    "_conv_pw": ("branch2", 0),
    "_conv_dw": ("branch2", 3),
    "_conv_linear": ("branch2", 5),
}


def shufflenet(path):
    """Our path of a layer -> torchvision's: `2_1._conv_dw_2._batch_norm`, `stage2.0.branch2.4`."""
    if path == "_fc":
        return "fc"
    *unit, layer, kind = path.split(".")
    norm = int(kind == "_batch_norm")
    if not unit:
        return f"{LAYERS[layer]}.{norm}"
    stage, number = unit[0].split("_")
    branch, first = UNIT.get(layer) or UNIT[layer.removesuffix("_2")]
    return f"stage{stage}.{int(number) - 1}.{branch}.{first + norm}"


def squeezenet(pooled):
    """The same for a SqueezeNet whose poolings stand before the fire modules `pooled`."""

    def rename(path):
        if path in ("_conv", "_conv9"):
            return {"_conv": "features.0", "_conv9": "classifier.1"}[path]
        module, layer, _ = path.split(".")
        fire = int(module.removeprefix("_conv")) + 1
        number = fire + 1 + sum(fire >= p for p in pooled)
        part = {"_conv": "squeeze", "_conv_path1": "expand1x1", "_conv_path2": "expand3x3"}[layer]
        return f"features.{number}.{part}"

    return rename


@pytest.mark.parametrize("name", GOLDENS["networks"])
def test_parameters_are_as_many_as_torchvisions(name):
    assert registry.complexity(OURS[name])["params"] == GOLDENS["networks"][name]["params"]


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "shufflenet_v2_x1_5"])
def test_shufflenet_computes_the_same_with_weights_of_torchvisions_names(static, tmp_path, name):
    golden = GOLDENS["networks"][name]
    torch_parity.check(tmp_path, GOLDENS, golden, OURS[name], shufflenet)


@pytest.mark.parametrize(("name", "pooled"), [("squeezenet1_0", (5, 9)), ("squeezenet1_1", (4, 6))])
def test_squeezenet_computes_the_same_with_torchvisions_borders(static, tmp_path, name, pooled):
    golden, rename = GOLDENS["networks"][name], squeezenet(pooled)
    torch_parity.check(tmp_path, GOLDENS, golden, OURS[name], rename, borders="torchvision")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        torch_parity.check(tmp_path, GOLDENS, golden, OURS[name], rename)
