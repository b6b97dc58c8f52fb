"""SqueezeNet (Iandola et al. 2016, https://arxiv.org/abs/1602.07360), as PaddleClas defines it.

A fire module squeezes to few channels and expands with 1x1 and 3x3 convolutions side by side.
Version 1.1 (the authors' own) pools earlier. With `bypass` every second fire module is added to
what it is given (paper, figure 2, middle). With `stem_stride` 1, for 32x32, the first convolution
keeps the image's size; its three poolings stay.
"""

from functools import partial
from typing import NamedTuple

import paddle
from paddle.nn import functional

from ppghost.errors import InputError
from ppghost.models.layers import conv_layer, dropout, global_pool
from ppghost.models.network import Architecture, Network

#: number of a fire module -> squeezed channels, channels of each expanding convolution (table 1)
FIRES = {
    2: (16, 64),
    3: (16, 64),
    4: (32, 128),
    5: (32, 128),
    6: (48, 192),
    7: (48, 192),
    8: (64, 256),
    9: (64, 256),
}
#: those around which `bypass` goes: their input has as many channels as their output
BYPASSED = (3, 5, 7, 9)


class Version(NamedTuple):
    """What differs between the versions.

    Attributes:
        channels: of the first convolution.
        size: of its kernel.
        padding: around the image.
        pooled: fire modules in front of which maps are pooled, besides the first.
    """

    channels: int
    size: int
    padding: int
    pooled: tuple[int, int]


VERSIONS = {
    "1_0": Version(channels=96, size=7, padding=0, pooled=(5, 9)),
    "1_1": Version(channels=64, size=3, padding=1, pooled=(4, 6)),
}


def squeezenet(x, version: Version, class_num: int, bypass: bool, borders: str, stem_stride: int):
    """Images [N, C, H, W] -> logits [N, class_num].

    Args:
        x: the images.
        version: of VERSIONS.
        class_num: the number of classes.
        bypass: whether there are shortcuts.
        borders: "paddleclas", or "torchvision": no padding around the image, and pooling at the
            maps' right and bottom border also where less than three pixels are left.
        stem_stride: of the first convolution.

    Raises:
        InputError: the image is too small.
    """
    pool = partial(_pool, ceil=borders == "torchvision")
    padding = 0 if borders == "torchvision" else version.padding
    x = _convolution(x, version.channels, version.size, stem_stride, padding, name="conv1")
    x = pool(x)
    for number, (squeezed, expanded) in FIRES.items():
        x = pool(x) if number in version.pooled else x
        output = _fire(x, squeezed, expanded, f"fire{number}")
        x = paddle.add(x, output) if bypass and number in BYPASSED else output
    x = dropout(x, 0.5, name="dropout", mode="downscale_in_infer")
    x = _convolution(x, class_num, 1, name="conv10")
    return paddle.squeeze(global_pool(x), axis=[2, 3])


def _fire(input, squeezed: int, expanded: int, name: str):
    """[N, C, H, W] -> [N, 2 expanded, H, W]."""
    x = _convolution(input, squeezed, 1, name=f"{name}.squeeze1x1")
    pointwise = _convolution(x, expanded, 1, name=f"{name}.expand1x1")
    wide = _convolution(x, expanded, 3, name=f"{name}.expand3x3")
    return paddle.concat([pointwise, wide], axis=1)


def _convolution(
    input, channels: int, size: int, stride: int = 1, padding: int | None = None, *, name: str
):
    x = conv_layer(input, channels, size, stride, name=name, bias=True, padding=padding)
    return functional.relu(x)


def _pool(x, ceil: bool):
    # of two pixels Paddle makes one, also where it rounds down
    if any(0 <= size < 2 for size in x.shape[2:]):
        raise InputError(
            "Global.image_shape: SqueezeNet pools these images down to nothing; give larger ones, "
            "or Arch.stem_stride: 1, whose first convolution does not halve them"
        )
    return functional.max_pool2d(x, 3, stride=2, ceil_mode=ceil)


#: last part of a builder's name -> PaddleClas's attribute in a fire module
_IN_FIRE = {"squeeze1x1": "_conv", "expand1x1": "_conv_path1", "expand3x3": "_conv_path2"}


def _structured_name(path: str) -> str:
    """A sub-layer's path as PaddleClas has it.

    `fire2.expand1x1._conv` is `_conv1._conv_path1._conv` there.
    """
    first, *rest = path.split(".")
    if first.startswith("fire"):
        return f"_conv{int(first.removeprefix('fire')) - 1}.{_IN_FIRE[rest[0]]}._conv"
    return {"conv1": "_conv", "conv10": "_conv9", "dropout": "_drop"}[first]


def _network(
    version: Version,
    class_num: int = 1000,
    in_channels: int = 3,
    *,
    bypass: bool = False,
    borders: str = "paddleclas",
    stem_stride: int = 2,
) -> Network:
    body = partial(
        squeezenet,
        version=version,
        class_num=class_num,
        bypass=bypass,
        borders=borders,
        stem_stride=stem_stride,
    )
    return Network(body, in_channels, _structured_name)


#: constructors of (class_num=1000, in_channels=3, bypass, borders="paddleclas", stem_stride=2)
NETWORKS = {
    f"SqueezeNet{number}{'_bypass' if bypass else ''}": Architecture(
        "SqueezeNet", partial(_network, version, bypass=bypass)
    )
    for number, version in VERSIONS.items()
    for bypass in (False, True)
}
