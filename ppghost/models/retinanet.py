"""RetinaNet (Lin et al. 2017, https://arxiv.org/abs/1708.02002) on light backbones.

A feature pyramid makes maps of equal width of a backbone's; two heads, shared by all levels, say of
each anchor what class it holds and where its box lies. Order and meaning of the outputs are
PaddleDetection's.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import paddle
from paddle.nn import functional
from paddle.nn.initializer import Normal, XavierUniform

from ppghost.errors import InputError
from ppghost.models.anchors import LEVELS, AnchorGrid
from ppghost.models.backbones import BACKBONES, create_backbone
from ppghost.models.layers import conv_layer, group_norm
from ppghost.models.network import Architecture, Network
from ppghost.utils.schema_kinds import NONE, Key, Tagged
from ppghost.utils.validation import check

#: of the first predictions that an anchor holds an object (paper, section 4.1)
PRIOR = 0.01
#: the last level that a backbone has
_BACKBONE_END = 5


def feature_pyramid(maps: Mapping[int, Any], levels: tuple[int, int], width: int, kernel: int):
    """FPN (https://arxiv.org/abs/1612.03144): a map [N, width, H / 2^l, W / 2^l] for each level l.

    Args:
        maps: the backbone's by level.
        levels: the first and the last; those above the backbone's are made of the one below.
        width: channels.
        kernel: of the convolutions behind the sums: 3 is the paper's, and its levels above the
            backbone's come from 3x3 convolutions; with 1 they are 1x1 and depthwise-separable.
    """
    first, last = levels
    top = min(last, _BACKBONE_END)
    conv = partial(conv_layer, bias=True)
    below: Any = None
    sums = {}
    for level in range(top, first - 1, -1):
        lateral = _xavier(conv, maps[level], width, 1, name=f"neck.lateral{level}")
        if below is not None:
            size = [int(side) for side in lateral.shape[2:]]
            lateral = paddle.add(lateral, functional.interpolate(below, size=size, mode="nearest"))
        sums[level] = below = lateral
    outputs = [
        _xavier(conv, sums[level], width, kernel, name=f"neck.output{level}")
        for level in range(first, top + 1)
    ]
    for level in range(top + 1, last + 1):
        x = outputs[-1] if level == top + 1 else functional.relu(outputs[-1])
        name = f"neck.extra{level}"
        if kernel == 1:
            x = conv(x, width, 3, stride=2, groups=width, name=f"{name}.depthwise")
            outputs.append(_xavier(conv, x, width, 1, name=f"{name}.pointwise"))
        else:
            outputs.append(_xavier(conv, x, width, 3, stride=2, name=name))
    return outputs


def _xavier(conv, x, channels: int, size: int, stride: int = 1, *, name: str):
    init = XavierUniform(fan_in=x.shape[1] * size * size, fan_out=channels * size * size)
    return conv(x, channels, size, stride, name=name, init=init)


def head(
    x,
    outputs: int,
    name: str,
    *,
    width: int,
    convs: int,
    kernel: int,
    norm: str | None,
    bias_init: float = 0.0,
):
    """Maps [N, C, H, W] -> [N, outputs, H, W], by `convs` convolutions with ReLU and a last one."""
    init = Normal(0.0, 0.01)
    for i in range(convs):
        layer = f"{name}.{i}"
        x = conv_layer(x, width, kernel, name=layer, bias=norm is None, init=init)
        if norm == "gn":
            x = group_norm(x, layer)
        x = functional.relu(x)
    return conv_layer(
        x, outputs, kernel, name=f"{name}.predictor", bias=True, init=init, bias_init=bias_init
    )


def retinanet(x, backbone: Network, grid: AnchorGrid, class_num: int, neck: dict, heads: dict):
    """Images [N, C, H, W] -> "logits" [N, A, class_num], "deltas" [N, A, 4] of the A anchors.

    Deltas are (dx, dy, dw, dh): the box's middle relative to the anchor's in widths and heights of
    the anchor, and the logarithms of its width and height over the anchor's. "image" is x itself,
    whose size tells where the anchors are.
    """
    if min(x.shape[2:]) < 1:
        raise InputError("Global.image_shape: a RetinaNet's anchors lie in images of one size")
    logits, deltas = [], []
    prior = -math.log((1 - PRIOR) / PRIOR)
    count = grid.per_position
    for level in feature_pyramid(backbone(x), grid.levels, **neck):
        scores = head(level, count * class_num, "head.classes", bias_init=prior, **heads)
        logits.append(_by_anchor(scores, class_num))
        deltas.append(_by_anchor(head(level, count * 4, "head.boxes", **heads), 4))
    return {
        "logits": paddle.concat(logits, axis=1),
        "deltas": paddle.concat(deltas, axis=1),
        "image": x,
    }


def _by_anchor(x, values: int):
    """[N, K values, H, W] -> [N, H W K, values]."""
    height, width = x.shape[2:]
    x = paddle.transpose(x, [0, 2, 3, 1])
    return paddle.reshape(x, [0, height * width * (x.shape[3] // values), values])


def _positive(default: Any, *types: type) -> Key:
    return Key(types or (int,), default, minimum=1)


#: what a config may say of a RetinaNet, under Arch; the defaults are those of a light one
ARGUMENTS: dict[str, Any] = {
    "backbone": Tagged(
        "GhostNet_x0_5",
        {name: backbone.arguments for name, backbone in BACKBONES.items()},
        common={"pretrained": Key((bool, str, NONE), None)},
    ),
    "levels": Key((list,), list(LEVELS), item=int),
    "anchors": {
        "octave_base_scale": Key((float,), 4.0, between=(0, math.inf)),
        "scales_per_octave": _positive(3),
        "aspect_ratios": Key((list,), [0.5, 1.0, 2.0], item=float),
    },
    "neck": {"width": _positive(64), "kernel": Key((int,), 1)},
    "head": {
        "width": _positive(64),
        "convs": Key((int,), 2, minimum=0),
        "kernel": Key((int,), 1),
        "norm": Key((str, NONE), None, choices=("gn",)),
    },
}


def read_arguments(arch: Mapping[str, Any]) -> dict[str, Any]:
    """A RetinaNet's keys of `Arch`, checked, with defaults; a backbone may be its name alone.

    Raises:
        InputError: a key that there is not, or a value that it cannot have.
    """
    given = {key: arch[key] for key in ARGUMENTS if arch.get(key) is not None}
    if isinstance(given.get("levels"), tuple):
        given["levels"] = list(given["levels"])
    if isinstance(given.get("backbone"), str):
        given["backbone"] = {"name": given["backbone"]}
    read = check(given, ARGUMENTS, "Arch", "RetinaNet")
    levels = read["levels"]
    if len(levels) != 2 or not 3 <= levels[0] <= min(_BACKBONE_END, levels[1]) or levels[1] > 8:
        raise InputError(
            "Arch.levels is {levels}: give the first (3, 4 or 5) and the last (at most 8) "
            "level of the pyramid; level l has a stride of 2^l pixels",
            levels=levels,
        )
    for part in ("neck", "head"):
        if read[part]["kernel"] not in (1, 3):
            raise InputError(
                "Arch.{part}.kernel is {kernel}: give 1 or 3",
                part=part,
                kernel=read[part]["kernel"],
            )
    return read


def _network(
    class_num: int = 80,
    in_channels: int = 3,
    *,
    backbone: str | Mapping[str, Any] | None = None,
    levels: Sequence[int] | None = None,
    anchors: Mapping[str, Any] | None = None,
    neck: Mapping[str, Any] | None = None,
    head: Mapping[str, Any] | None = None,
) -> Network:
    given = {"backbone": backbone, "levels": levels, "anchors": anchors, "neck": neck, "head": head}
    read = read_arguments(given)
    settings = {key: value for key, value in read["backbone"].items() if key != "pretrained"}
    body = create_backbone(settings.pop("name"), in_channels, **settings)
    arguments = {
        "backbone": body,
        "grid": AnchorGrid.of(read["levels"], read["anchors"]),
        "class_num": class_num,
        "neck": read["neck"],
        "heads": read["head"],
    }
    return Network(partial(retinanet, **arguments), in_channels, parts={"backbone": body})


#: constructors of (class_num=80, in_channels=3, and the arguments of `_network`)
NETWORKS = {"RetinaNet": Architecture("RetinaNet", _network, (3, 320, 320), task="detection")}
