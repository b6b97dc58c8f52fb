"""Ghost-ResNet-50 for ImageNet (GhostNet paper, section 4.2, table 6).

ResNet-50 (He et al. 2015) with every convolution but the first as a ghost module, the shortcuts'
too, as in the authors' code. Each half of a module has batch normalisation and the activation, as
in GhostNet. With ratio 1 it is ResNet-50, with the names that PaddleClas's has; ResNet50 itself is
left to PaddleClas's zoo.
"""

from functools import partial

import paddle

from ppghost.models import resnet
from ppghost.models.ghost import ghost_module
from ppghost.models.layers import fc_layer, global_pool
from ppghost.models.network import Architecture, Network


def ghost_resnet50(x, class_num: int, ratio: float, dw_size: int):
    """Images [N, C, H, W] -> logits [N, class_num]."""

    def conv(input, channels: int, size: int, stride: int = 1, act: str | None = None, name=None):
        relu = act == "relu"
        return ghost_module(input, channels, size, ratio, dw_size, stride, relu=relu, name=name)

    block = partial(resnet.bottleneck, conv=conv)
    x = resnet.resnet_maps(x, resnet.STAGES[50], block)[5]
    return fc_layer(paddle.flatten(global_pool(x), 1), class_num, name="fc")


def _plain_structured_name(path: str) -> str:
    """The same where the modules are plain convolutions: PaddleClas's ResNet50 throughout."""
    return resnet.structured_name(path).replace(".primary_conv", "")


def _network(
    class_num: int = 1000, in_channels: int = 3, *, ratio: float = 2, dw_size: int = 3
) -> Network:
    body = partial(ghost_resnet50, class_num=class_num, ratio=ratio, dw_size=dw_size)
    names = _plain_structured_name if ratio == 1 else resnet.structured_name
    return Network(body, in_channels, names)


#: constructors of (class_num=1000, in_channels=3, ratio, dw_size=3)
NETWORKS = {
    name: Architecture("GhostResNet50", partial(_network, ratio=ratio))
    for name, ratio in (("GhostResNet50", 2), ("GhostResNet50_s4", 4))
}
