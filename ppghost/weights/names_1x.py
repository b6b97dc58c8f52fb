"""PaddleClas 1.x's parameter names -> the names that 2.x has for the same tensors.

1.x named every parameter by hand. 2.x kept those names in most networks (they are its parameter
names still); in some its parameters have generated names, and what stays is the structure.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ppghost.i18n import tr

Names = dict[str, str]  # of 1.x -> of 2.x

#: those that are read although their names are others now, for messages
FAMILIES = tr("GhostNet, ResNet, ResNet_vd, VGG, MobileNetV1, MobileNetV3 and HRNet")


def renamed(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The arrays of a file of 1.x under 2.x's names; any other file's as they are, the same object.

    Args:
        arrays: by the file's names.
        name: of the architecture.
    """
    rule = next((rule for pattern, rule in _RULES.items() if re.match(pattern, name)), _variances)
    names = rule(arrays)
    if not names.keys() & arrays.keys():
        return arrays
    return {names.get(key, key): array for key, array in arrays.items()}


def looks_like_1x(names: Iterable[str]) -> bool:
    """Whether names are those that 1.x gave: `res2a_branch2a_weights`, `bn2a_branch2a_mean`."""
    endings = ("_weights", "_scale", "_offset", "_mean", "_variance")
    known = [name.endswith(endings) for name in names]
    return sum(known) > len(known) / 2


def _variances(arrays: Iterable[str]) -> Names:
    """GhostNet's, whose variances alone are called otherwise: `<n>_variance`."""
    keys = set(arrays)
    starts = {key.removesuffix("_variance") for key in keys if key.endswith("_variance")}
    return {f"{s}_variance": f"{s}_bn_variance" for s in starts if f"{s}_bn_mean" in keys}


def _conv_bn(conv: str, bn: str, layer: str) -> Names:
    """A convolution and its batch norm."""
    kinds = {"scale": "weight", "offset": "bias", "mean": "_mean", "variance": "_variance"}
    names = {f"{bn}_{old}": f"{layer}.bn.{new}" for old, new in kinds.items()}
    return names | {f"{conv}_weights": f"{layer}.conv.weight"}


def _with_bias(old: str, layer: str) -> Names:
    return {f"{old}_weights": f"{layer}.weight", f"{old}_offset": f"{layer}.bias"}


def _resnet(arrays: Iterable[str]) -> Names:
    """`res4a`, then `res4b` or, in the deeper ones, `res4b1`; the stem's BN is `bnv1_1` in vd."""
    names = _conv_bn("conv1", "bn_conv1", "stem.0")
    for i in range(3):
        names |= _conv_bn(f"conv1_{i + 1}", f"bnv1_{i + 1}", f"stem.{i}")
    found = {m.groups() for key in arrays if (m := re.match(r"res(\d)([a-z])(\d*)_branch", key))}
    blocks = sorted(found, key=lambda b: (b[0], int(b[2]) if b[2] else ord(b[1]) - ord("a")))
    parts = {"2a": "conv0", "2b": "conv1", "2c": "conv2", "1": "short"}
    for i, block in enumerate(map("".join, blocks)):
        for branch, part in parts.items():
            end = f"{block}_branch{branch}"
            names |= _conv_bn(f"res{end}", f"bn{end}", f"blocks.{i}.{part}")
    return names | {"fc_0.w_0": "fc.weight", "fc_0.b_0": "fc.bias"}


def _vgg(arrays: Iterable[str]) -> Names:
    found = [m for key in arrays if (m := re.fullmatch(r"conv(\d)_(\d)_weights", key))]
    names = {m[0]: f"conv_block_{m[1]}.conv{m[2]}.weight" for m in found}
    for i in range(3):
        names |= _with_bias(f"fc{6 + i}", f"fc{1 + i}")
    return names


def _mobilenet_v1(arrays: Iterable[str]) -> Names:
    names = _conv_bn("conv1", "conv1_bn", "conv")
    blocks = {m[1] for key in arrays if (m := re.fullmatch(r"(conv\d(_\d)?)_dw_weights", key))}
    for i, block in enumerate(sorted(blocks)):
        for old, new in (("dw", "depthwise_conv"), ("sep", "pointwise_conv")):
            names |= _conv_bn(f"{block}_{old}", f"{block}_{old}_bn", f"blocks.{i}.{new}")
    return names | _with_bias("fc7", "fc")


def _mobilenet_v3(arrays: Iterable[str]) -> Names:
    names = _conv_bn("conv1", "conv1_bn", "conv") | _with_bias("fc", "fc")
    names |= _conv_bn("conv_last", "conv_last_bn", "last_second_conv")
    names["last_1x1_conv_weights"] = "last_conv.weight"
    parts = {"expand": "expand_conv", "depthwise": "bottleneck_conv", "linear": "linear_conv"}
    for number in {m[1] for key in arrays if (m := re.match(r"conv(\d+)_expand_weights", key))}:
        block, old = f"blocks.{int(number) - 2}", f"conv{number}"
        for part, new in parts.items():
            names |= _conv_bn(f"{old}_{part}", f"{old}_{part}_bn", f"{block}.{new}")
        for i in (1, 2):
            names |= _with_bias(f"{old}_se_{i}", f"{block}.mid_se.conv{i}")
    return names


_HRNET_LAYERS = {
    "layer1_1": "conv_layer1_1",
    "layer1_2": "conv_layer1_2",
    "tr1_layer_1": "conv_tr1_1",
    "tr1_layer_2": "conv_tr1_2",
    "tr2_layer_3": "conv_tr2",
    "tr3_layer_4": "conv_tr3",
    "cls_head_add1": "cls_head_conv_list.0",
    "cls_head_add2": "cls_head_conv_list.1",
    "cls_head_add3": "cls_head_conv_list.2",
    "cls_head_last_conv": "conv_last",
}
#: blocks by their numbers, counted from 1
_HRNET_BLOCKS = {
    r"layer2_(\d)": "layer1.{0}",
    r"st(\d)_(\d)_branch_layer_(\d)_(\d)": "st{stage}.stage_func_list.{1}.basic_block_list.{2}.{3}",
    r"cls_headconv_(\d)": "last_cls.func_list.{0}",
}


def _hrnet(arrays: Iterable[str]) -> Names:
    """Its blocks, and the layers between branches, which 2.x numbers in each module."""
    layers = dict(_HRNET_LAYERS)
    names = _with_bias("fc", "fc")
    for block, new in _hrnet_blocks(arrays):
        layers |= {f"{block}_{part}": f"{new}.{part}" for part in ("conv1", "conv2", "conv3")}
        layers[f"{block}_downsample"] = f"{new}.conv_down"
        names |= _with_bias(f"fc{block}_sqz", f"{new}.se.fc_squeeze")
        names |= _with_bias(f"fc{block}_exc", f"{new}.se.fc_excitation")
    counts: Counter[str] = Counter()
    for key in sorted(arrays):  # of one digit each: target branch, source branch, step
        if m := re.fullmatch(r"(st(\d)_(\d)_layer_\w+)_weights", key):
            module = f"st{m[2]}.stage_func_list.{int(m[3]) - 1}"
            layers[m[1]] = f"{module}.fuse_func.residual_func_list.{counts[module]}"
            counts[module] += 1
    for old, new in layers.items():
        names |= _conv_bn(old, f"{old}_bn", new)
    return names


def _hrnet_blocks(arrays: Iterable[str]) -> Iterator[tuple[str, str]]:
    for pattern, new in _HRNET_BLOCKS.items():
        for key in arrays:
            if m := re.fullmatch(f"({pattern})_conv1_weights", key):
                _, *numbers = m.groups()
                yield m[1], new.format(*(int(number) - 1 for number in numbers), stage=numbers[0])


#: start of the architecture's name -> its rule
_RULES: dict[str, Callable[[Iterable[str]], Names]] = {
    r"ResNet\d+(_vd)?$": _resnet,
    r"VGG\d+$": _vgg,
    "MobileNetV1": _mobilenet_v1,
    "MobileNetV3_": _mobilenet_v3,
    r"(SE_)?HRNet_W\d+_C$": _hrnet,
}
