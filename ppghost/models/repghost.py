"""RepGhost (Chen et al. 2022, https://arxiv.org/abs/2211.06088), named as in timm.

GhostNet in its authors' layout with narrower bottlenecks, whose modules add where ghost modules
concatenate: a depthwise convolution and a batch normalisation of the same maps, which become one
convolution for inference (`ppghost.models.reparameterization`).
"""

from functools import partial

from paddle.nn import functional

from ppghost.models.ghost import ghost_bottleneck
from ppghost.models.ghost_layouts import TIMM, timm_names
from ppghost.models.ghostnet import ghostnet, scale_suffix
from ppghost.models.layers import conv_bn_layer
from ppghost.models.network import Architecture, Network
from ppghost.models.reparameterization import Branch, branched_conv

#: kernel, expansion, channels, squeeze-and-excitation, stride (paper, table 1), at scale 1
BLOCKS = (
    (3, 8, 16, 0, 1),
    (3, 24, 24, 0, 2),
    (3, 36, 24, 0, 1),
    (5, 36, 40, 1, 2),
    (5, 60, 40, 1, 1),
    (3, 120, 80, 0, 2),
    (3, 100, 80, 0, 1),
    (3, 120, 80, 0, 1),
    (3, 120, 80, 0, 1),
    (3, 240, 112, 1, 1),
    (3, 336, 112, 1, 1),
    (5, 336, 160, 1, 2),
    (5, 480, 160, 0, 1),
    (5, 480, 160, 1, 1),
    (5, 480, 160, 0, 1),
    (5, 480, 160, 1, 1),
)


def rep_ghost_module(
    input, output: int, relu: bool = True, *, name: str, dw_size: int = 3, deploy: bool = False
):
    """RepGhost module (section 3.2, figure 3): [N, C, H, W] -> [N, output, H, W].

    Args:
        input: [N, C, H, W].
        output: channels of the output, and between the two convolutions.
        relu: whether there is an activation behind both.
        name: the builder's dotted name.
        dw_size: of the depthwise convolution.
        deploy: whether the branches are merged.
    """
    act = "relu" if relu else None
    x = conv_bn_layer(input, output, 1, act=act, name=f"{name}.primary_conv")
    cheap = f"{name}.cheap_operation"
    branches = (Branch(cheap, dw_size), Branch(f"{name}.fusion_bn", None))
    x = branched_conv(
        x, output, dw_size, groups=output, name=cheap, branches=branches, deploy=deploy
    )
    return functional.relu(x) if relu else x


def _network(
    class_num: int = 1000,
    in_channels: int = 3,
    *,
    scale: float,
    dw_size: int = 3,
    deploy: bool = False,
) -> Network:
    module = partial(rep_ghost_module, dw_size=dw_size, deploy=deploy)
    bottleneck = partial(ghost_bottleneck, expand=module, project=module, se=TIMM.se_block(None))
    body = partial(
        ghostnet,
        scale=scale,
        class_num=class_num,
        layout=TIMM,
        bottlenecks=lambda i: bottleneck,
        blocks=BLOCKS,
    )
    own = {".fusion_bn._batch_norm": ".fusion_bn.0"}
    merged = {".cheap_operation._conv": ".cheap_operation"}
    return Network(body, in_channels, timm_names(merged if deploy else own))


#: constructors of (class_num=1000, in_channels=3, dw_size=3, deploy=False)
NETWORKS = {
    f"RepGhost_{scale_suffix(scale)}": Architecture(
        "RepGhost", partial(_network, scale=scale), reparameterizable=True
    )
    for scale in (0.5, 0.58, 0.8, 1.0, 1.11, 1.3, 1.5, 2.0)
}
