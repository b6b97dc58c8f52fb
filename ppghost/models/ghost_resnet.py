"""ResNets for CIFAR (He et al. 2015, section 4.2) and their ghost versions (GhostNet paper, 4.1).

Three stages of 2n convolutions with 16, 32 and 64 maps, 6n + 2 layers in all. In a ghost version
every convolution but the first (with `ghost_stem` that too) is a ghost module, whose two halves
have their own batch normalisation, before the block's. Shortcuts have no parameters (He's option
A): every second pixel, missing maps filled with zeros. Meant for 32x32; other sizes work.
"""

from collections.abc import Callable
from functools import partial

import paddle
from paddle.nn import functional

from ppghost.models.ghost import ghost_module
from ppghost.models.layers import batch_norm, conv_layer, fc_layer, global_pool
from ppghost.models.network import Architecture, Network

DEPTHS = (20, 32, 44, 56, 110, 1202)
#: maps, stride of the first block
STAGES = ((16, 1), (32, 2), (64, 2))


def cifar_resnet(x, depth: int, class_num: int, module: Callable, stem: Callable | None = None):
    """Images [N, C, H, W] -> logits [N, class_num].

    Args:
        x: the images.
        depth: 6n + 2.
        class_num: the number of classes.
        module: makes maps, called as `ghost_module` is.
        stem: makes the first maps, called so too; None for a convolution with a bias.
    """
    # the ghost nets' published counts hold with a bias here, He's without
    make_stem = stem or partial(_plain_convolution, bias=True)
    x = make_stem(x, STAGES[0][0], 3, name="conv1")
    x = batch_norm(x, act="relu", name="conv1")
    for i, (maps, stride) in enumerate(STAGES):
        for j in range((depth - 2) // 6):
            x = _block(x, maps, stride if j == 0 else 1, module, f"stage{i + 1}_block{j}")
    return fc_layer(paddle.flatten(global_pool(x), 1), class_num, name="fc")


def _block(input, maps: int, stride: int, module: Callable, name: str):
    """Two 3x3 convolutions (or ghost modules) around an identity."""
    x = module(input, maps, 3, stride=stride, name=f"{name}.conv1")
    x = batch_norm(x, "relu", f"{name}.conv1")
    x = module(x, maps, 3, relu=False, name=f"{name}.conv2")
    x = batch_norm(x, name=f"{name}.conv2")
    return functional.relu(paddle.add(x, _shortcut(input, maps, stride)))


def _plain_convolution(
    input,
    maps: int,
    size: int,
    *,
    stride: int = 1,
    relu: bool = True,
    name: str,
    bias: bool = False,
):
    """A convolution in place of a ghost module; its activation comes behind the block's norm."""
    return conv_layer(input, maps, size, stride, name=name, bias=bias, fan_out=True)


def _shortcut(input, maps: int, stride: int):
    if input.shape[1] == maps and stride == 1:
        return input
    x = functional.avg_pool2d(input, kernel_size=1, stride=stride)  # takes every second pixel
    return paddle.concat([x, paddle.zeros_like(x)], axis=1)  # a stage doubles the maps


def _plain(class_num: int = 10, in_channels: int = 3, *, depth: int) -> Network:
    body = partial(
        cifar_resnet,
        depth=depth,
        class_num=class_num,
        module=_plain_convolution,
        stem=_plain_convolution,
    )
    return Network(body, in_channels)


def _ghost(
    class_num: int = 10,
    in_channels: int = 3,
    *,
    depth: int,
    ratio: float = 2,
    dw_size: int = 3,
    ghost_stem: bool = False,
) -> Network:
    module = partial(ghost_module, ratio=ratio, dw_size=dw_size, fan_out=True)
    stem = module if ghost_stem else None
    body = partial(cifar_resnet, depth=depth, class_num=class_num, module=module, stem=stem)
    return Network(body, in_channels)


#: constructors of (class_num=10, in_channels=3), and of the ghost nets' own arguments
NETWORKS = {
    f"{family}{depth}": Architecture(family, partial(build, depth=depth), input_shape=(3, 32, 32))
    for family, build in (("GhostResNet", _ghost), ("ResNet", _plain))
    for depth in DEPTHS
}
