"""VGG-16 for CIFAR and Ghost-VGG-16 (GhostNet paper, section 4.1, tables 3 to 5).

Thirteen 3x3 convolutions with batch normalisation, a pooling behind each of five groups, one hidden
fully connected layer (Li et al., arXiv 1608.08710, whose pruned VGG-16 the paper compares with). In
Ghost-VGG-16 every convolution is a ghost module. PaddleClas's VGG16 is ImageNet's, another network.
"""

from functools import partial

import paddle
from paddle.nn import functional

from ppghost.models.ghost import ghost_module
from ppghost.models.layers import conv_bn_layer, dropout, fc_layer, global_pool
from ppghost.models.network import Architecture, Network

#: convolutions, channels
GROUPS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
HIDDEN = 512


def ghost_vgg16(x, class_num: int, ratio: float, dw_size: int):
    """Images [N, C, H, W] -> logits [N, class_num].

    H and W are 32 or more; beyond 63 the maps that are left are averaged before the classifier.
    """
    for i, (convolutions, channels) in enumerate(GROUPS):
        for j in range(convolutions):
            name = f"group{i + 1}.conv{j + 1}"
            x = ghost_module(x, channels, 3, ratio, dw_size, name=name, fan_out=True)
        x = functional.max_pool2d(x, 2, stride=2)
    x = conv_bn_layer(global_pool(x), HIDDEN, 1, act="relu", name="fc1")
    x = dropout(paddle.flatten(x, 1), 0.5, name="dropout")
    return fc_layer(x, class_num, name="fc2")


def _network(
    class_num: int = 10, in_channels: int = 3, *, ratio: float = 2, dw_size: int = 3
) -> Network:
    body = partial(ghost_vgg16, class_num=class_num, ratio=ratio, dw_size=dw_size)
    return Network(body, in_channels)


def _plain(class_num: int = 10, in_channels: int = 3) -> Network:
    return _network(class_num, in_channels, ratio=1)


#: constructors of (class_num=10, in_channels=3), and of Ghost-VGG-16 (ratio=2, dw_size=3)
NETWORKS = {
    "GhostVGG16": Architecture("GhostVGG", _network, input_shape=(3, 32, 32)),
    "VGG16_cifar": Architecture("VGG", _plain, input_shape=(3, 32, 32)),
}
