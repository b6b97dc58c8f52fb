"""GhostNetV2 (Tang et al., NeurIPS 2022, https://arxiv.org/abs/2211.12905), named as in timm.

GhostNet in its authors' layout, where from the third bottleneck on the first ghost module is
weighted by DFC attention: what a pixel's row and column hold, in two long depthwise convolutions
on maps of half the size.
"""

from functools import partial

import paddle
from paddle.nn import functional

from ppghost.models.ghost import ghost_bottleneck, ghost_module
from ppghost.models.ghost_layouts import TIMM, timm_names
from ppghost.models.ghostnet import BLOCKS, ghostnet, scale_suffix
from ppghost.models.layers import conv_bn_layer
from ppghost.models.network import Architecture, Network

#: bottlenecks without attention
PLAIN_BLOCKS = 2
#: of the attention's horizontal and vertical convolution
LENGTH = 5
#: what timm calls the parts of `dfc_attention`
ATTENTION_NAMES = {
    ".short_conv.pointwise._conv": ".short_conv.0",
    ".short_conv.pointwise._batch_norm": ".short_conv.1",
    ".short_conv.horizontal._conv": ".short_conv.2",
    ".short_conv.horizontal._batch_norm": ".short_conv.3",
    ".short_conv.vertical._conv": ".short_conv.4",
    ".short_conv.vertical._batch_norm": ".short_conv.5",
}


def dfc_attention(input, output: int, name: str):
    """Weights in (0, 1) for every value (section 4.1): [N, C, H, W] -> [N, output, H, W]."""
    x = conv_bn_layer(_halved(input), output, 1, name=f"{name}.pointwise")
    x = conv_bn_layer(x, output, (1, LENGTH), groups=output, name=f"{name}.horizontal")
    x = conv_bn_layer(x, output, (LENGTH, 1), groups=output, name=f"{name}.vertical")
    height, width = input.shape[2:]
    size = [height, width] if min(height, width) > 0 else paddle.shape(input)[2:]
    return functional.interpolate(functional.sigmoid(x), size=size, mode="nearest")


def attended_ghost_module(input, output: int, name: str, module=ghost_module):
    """`module(input, output)` times DFC attention: [N, C, H, W] -> [N, output, H, W]."""
    attention = dfc_attention(input, output, f"{name}.short_conv")
    return paddle.multiply(module(input, output, name=name), attention)


def _halved(x):
    """The mean of each 2x2 pixels; a single row or column, of images below 64, stays as it is."""
    window = [1 if size == 1 else 2 for size in x.shape[2:]]
    return functional.avg_pool2d(x, window)


def _network(
    class_num: int = 1000,
    in_channels: int = 3,
    *,
    scale: float,
    ratio: float = 2,
    dw_size: int = 3,
) -> Network:
    module = partial(ghost_module, ratio=ratio, dw_size=dw_size)
    plain = partial(ghost_bottleneck, expand=module, project=module, se=TIMM.se_block(None))
    attended = partial(plain, expand=partial(attended_ghost_module, module=module))
    body = partial(
        ghostnet,
        scale=scale,
        class_num=class_num,
        layout=TIMM,
        bottlenecks=lambda i: plain if i < PLAIN_BLOCKS else attended,
        blocks=BLOCKS,
    )
    return Network(body, in_channels, timm_names(ATTENTION_NAMES))


#: constructors of (class_num=1000, in_channels=3, ratio=2, dw_size=3)
NETWORKS = {
    f"GhostNetV2_{scale_suffix(scale)}": Architecture("GhostNetV2", partial(_network, scale=scale))
    for scale in (1.0, 1.3, 1.6)
}
