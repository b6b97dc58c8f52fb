"""Ghost-ResNet-50 for ImageNet (GhostNet paper, section 4.2, table 6).

ResNet-50 (He et al. 2015) with every convolution but the first as a ghost module, the shortcuts'
too, as in the authors' code. Each half of a module has batch normalisation and the activation, as
in GhostNet. With ratio 1 it is ResNet-50, with the names that PaddleClas's has; ResNet50 itself is
left to PaddleClas's zoo.
"""

from functools import partial

import paddle
from paddle.nn import functional

from ppghost.models.ghost import ghost_module
from ppghost.models.layers import conv_bn_layer, fc_layer, global_pool
from ppghost.models.network import Architecture, Network

#: blocks, channels inside a block, stride of the first
STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
STEM = 64
#: channels behind a block, of those inside
EXPANSION = 4


def ghost_resnet50(x, class_num: int, ratio: float, dw_size: int):
    """Images [N, C, H, W] -> logits [N, class_num]."""
    module = partial(ghost_module, ratio=ratio, dw_size=dw_size)
    x = conv_bn_layer(x, STEM, 7, stride=2, act="relu", name="stem.0")
    x = functional.max_pool2d(x, 3, stride=2, padding=1)
    number = 0
    for blocks, channels, stride in STAGES:
        for i in range(blocks):
            x = _block(x, channels, stride if i == 0 else 1, module, f"blocks.{number}")
            number += 1
    return fc_layer(paddle.flatten(global_pool(x), 1), class_num, name="fc")


def _block(input, channels: int, stride: int, module, name: str):
    """1x1, 3x3 with the stride, 1x1, around an identity where shapes allow."""
    output = EXPANSION * channels
    x = module(input, channels, 1, name=f"{name}.conv0")
    x = module(x, channels, 3, stride=stride, name=f"{name}.conv1")
    x = module(x, output, 1, relu=False, name=f"{name}.conv2")
    shortcut = input
    if input.shape[1] != output:
        shortcut = module(input, output, 1, stride=stride, relu=False, name=f"{name}.short")
    return functional.relu(paddle.add(x, shortcut))


def _structured_name(path: str) -> str:
    """A sub-layer's path, with the names that PaddleClas's ResNet50 has for its layers."""
    return path.replace("._conv", ".conv").replace("._batch_norm", ".bn")


def _plain_structured_name(path: str) -> str:
    """The same where the modules are plain convolutions: PaddleClas's ResNet50 throughout."""
    return _structured_name(path).replace(".primary_conv", "")


def _network(
    class_num: int = 1000, in_channels: int = 3, *, ratio: float = 2, dw_size: int = 3
) -> Network:
    body = partial(ghost_resnet50, class_num=class_num, ratio=ratio, dw_size=dw_size)
    return Network(body, in_channels, _plain_structured_name if ratio == 1 else _structured_name)


#: constructors of (class_num=1000, in_channels=3, ratio, dw_size=3)
NETWORKS = {
    name: Architecture("GhostResNet50", partial(_network, ratio=ratio))
    for name, ratio in (("GhostResNet50", 2), ("GhostResNet50_s4", 4))
}
