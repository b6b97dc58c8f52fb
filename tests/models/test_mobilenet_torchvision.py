"""MobileNetV2 and V3 against torchvision, by the outputs in `torchvision_goldens.json`."""

import json
from pathlib import Path

import pytest
from support import torch_parity

from ppghost.models import mobilenet_v2, mobilenet_v3

GOLDENS = json.loads(Path(__file__).with_name("torchvision_goldens.json").read_text())
#: convolutions of a bottleneck in their order
V2_PARTS = ("_expand_conv", "_bottleneck_conv", "_linear_conv")
V3_PARTS = ("expand_conv", "bottleneck_conv", "mid_se", "linear_conv")


def v2(path):
    """Our path of a layer -> torchvision's, None for the expansion that it has not."""
    if path == "out":
        return "classifier.1"
    first, *block, kind = path.split(".")
    norm = int(kind == "_batch_norm")
    if not block:
        return f"features.{0 if first == 'conv1' else 18}.{norm}"
    stage = int(first.removeprefix("conv")) - 2
    before = sum(blocks for _, _, blocks, _ in mobilenet_v2.STAGES[:stage])
    number = 0 if block[0] == "_first_block" else int(block[0].rpartition("_")[2]) - 1
    place = V2_PARTS.index(block[1]) - (stage == 0)  # the first block widens nothing
    if place < 0:
        return None
    last = block[1] == "_linear_conv"
    return f"features.{1 + before + number}.conv." + (
        f"{place + norm}" if last else f"{place}.{norm}"
    )


def v3(blocks):
    """Our path of a layer in a network of `blocks` -> torchvision's."""
    parts = {
        i: [p for p in V3_PARTS if (p != "expand_conv" or i) and (p != "mid_se" or se)]
        for i, (_, _, _, se, _, _) in enumerate(blocks)
    }
    kinds = {"conv": "0", "bn": "1", "conv1": "fc1", "conv2": "fc2"}
    outside = {"conv": "features.0", "last_second_conv": f"features.{len(blocks) + 1}"}

    def rename(path):
        if path in ("last_conv", "fc"):
            return {"last_conv": "classifier.0", "fc": "classifier.3"}[path]
        *layer, kind = path.split(".")
        if layer[0] != "blocks":
            return f"{outside[layer[0]]}.{kinds[kind]}"
        number = int(layer[1])
        place = parts[number].index(layer[2])
        return f"features.{number + 1}.block.{place}.{kinds[kind]}"

    return rename


def test_v2_computes_the_same_with_torchvisions_weights(static, tmp_path):
    """Its first block expands by a factor of 1, which neutral weights undo."""
    golden = GOLDENS["networks"]["mobilenet_v2"]
    torch_parity.check(tmp_path, GOLDENS, golden, "MobileNetV2", v2)


@pytest.mark.parametrize("variant", ["large", "small"])
def test_v3_computes_the_same_in_torchvisions_layout(static, tmp_path, variant):
    golden = GOLDENS["networks"][f"mobilenet_v3_{variant}"]
    rename = v3(mobilenet_v3.VARIANTS[variant][0])
    name = f"MobileNetV3_{variant}_x1_0"
    torch_parity.check(tmp_path, GOLDENS, golden, name, rename, layout="torchvision")
