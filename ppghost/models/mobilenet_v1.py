"""MobileNetV1 (Howard et al. 2017, https://arxiv.org/abs/1704.04861), as PaddleClas defines it.

`scale` is the paper's width multiplier alpha, the image size its resolution multiplier rho. Five
convolutions halve the image: 224x224 ends in 7x7 maps. For 32x32 images `stem_stride` 1 leaves the
first of them out.
"""

from functools import partial

import paddle
from paddle.nn.initializer import KaimingNormal

from ppghost.models.ghostnet import scale_suffix
from ppghost.models.layers import batch_norm, conv_layer, fc_layer, global_pool
from ppghost.models.network import Architecture, Network

STEM = 32
#: channels and stride of the depthwise separable convolutions (paper, table 1), at scale 1
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)


def mobilenet_v1(x, scale: float, class_num: int, stem_stride: int):
    """Images [N, C, H, W] -> logits [N, class_num]; `scale` is the factor of all widths."""

    def width(channels: int) -> int:
        return max(1, int(channels * scale))

    x = _conv_bn_relu(x, width(STEM), 3, stem_stride, name="conv")
    for i, (channels, stride) in enumerate(BLOCKS):
        maps = x.shape[1]
        x = _conv_bn_relu(x, maps, 3, stride, groups=maps, name=f"blocks.{i}.depthwise_conv")
        x = _conv_bn_relu(x, width(channels), 1, name=f"blocks.{i}.pointwise_conv")
    return fc_layer(paddle.flatten(global_pool(x), 1), class_num, "fc", init=KaimingNormal())


def _conv_bn_relu(x, channels: int, size: int, stride: int = 1, groups: int = 1, *, name: str):
    x = conv_layer(x, channels, size, stride, groups, name)
    return batch_norm(x, "relu", name, decay=True)


def structured_name(path: str) -> str:
    """A sub-layer's path as PaddleClas has it."""
    return path.replace("._conv", ".conv").replace("._batch_norm", ".bn")


def _network(
    class_num: int = 1000, in_channels: int = 3, *, scale: float, stem_stride: int = 2
) -> Network:
    body = partial(mobilenet_v1, scale=scale, class_num=class_num, stem_stride=stem_stride)
    return Network(body, in_channels, structured_name, generated_names=True)


#: constructors of (class_num=1000, in_channels=3, scale, stem_stride=2)
NETWORKS = {
    name: Architecture("MobileNetV1", partial(_network, scale=scale))
    for name, scale in {
        "MobileNetV1": 1.0,
        **{f"MobileNetV1_{scale_suffix(scale)}": scale for scale in (0.25, 0.5, 0.75)},
    }.items()
}
