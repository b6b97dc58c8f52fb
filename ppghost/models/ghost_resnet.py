"""ResNets for CIFAR (He et al. 2015, section 4.2) and their ghost versions (GhostNet paper, 4.1).

Three stages of 2n convolutions with 16, 32 and 64 maps, 6n + 2 layers in all. In a ghost version
every convolution but the first is a ghost module (ratio 2, depthwise 3x3), whose two halves have
their own batch normalisation, before the block's. Shortcuts have no parameters (He's option A):
every second pixel, missing maps filled with zeros. Meant for 32x32; other sizes work.
"""

from functools import partial

import paddle
from paddle.nn import functional

from ppghost.models.ghost import ghost_module
from ppghost.models.layers import batch_norm, conv_layer, fc_layer, global_pool
from ppghost.models.network import Architecture, Network

DEPTHS = (20, 32, 44, 56, 110, 1202)
#: maps, stride of the first block
STAGES = ((16, 1), (32, 2), (64, 2))


def cifar_resnet(x, depth: int, class_num: int, ghost: bool):
    """Images [N, C, H, W] -> logits [N, class_num]."""
    # the ghost nets' published counts hold with a bias here, He's without
    x = conv_layer(x, STAGES[0][0], 3, name="conv1", bias=ghost, fan_out=True)
    x = batch_norm(x, act="relu", name="conv1")
    for i, (maps, stride) in enumerate(STAGES):
        for j in range((depth - 2) // 6):
            x = _block(x, maps, stride if j == 0 else 1, ghost, f"stage{i + 1}_block{j}")
    return fc_layer(paddle.flatten(global_pool(x), 1), class_num, name="fc")


def _block(input, maps: int, stride: int, ghost: bool, name: str):
    """Two 3x3 convolutions (or ghost modules) around an identity."""
    x = _convolution(input, maps, stride, "relu", ghost, f"{name}.conv1")
    x = _convolution(x, maps, 1, None, ghost, f"{name}.conv2")
    return functional.relu(paddle.add(x, _shortcut(input, maps, stride)))


def _convolution(input, maps: int, stride: int, act: str | None, ghost: bool, name: str):
    if ghost:
        relu = act is not None
        x = ghost_module(input, maps, 3, stride=stride, relu=relu, name=name, fan_out=True)
    else:
        x = conv_layer(input, maps, 3, stride, name=name, fan_out=True)
    return batch_norm(x, act, name)


def _shortcut(input, maps: int, stride: int):
    if input.shape[1] == maps and stride == 1:
        return input
    x = functional.avg_pool2d(input, kernel_size=1, stride=stride)  # takes every second pixel
    return paddle.concat([x, paddle.zeros_like(x)], axis=1)  # a stage doubles the maps


def _network(class_num: int = 10, in_channels: int = 3, *, depth: int, ghost: bool) -> Network:
    return Network(
        partial(cifar_resnet, depth=depth, class_num=class_num, ghost=ghost), in_channels
    )


#: constructors of (class_num=10, in_channels=3)
NETWORKS = {
    f"{family}{depth}": Architecture(
        family, partial(_network, depth=depth, ghost=ghost), input_shape=(3, 32, 32)
    )
    for family, ghost in (("GhostResNet", True), ("ResNet", False))
    for depth in DEPTHS
}
