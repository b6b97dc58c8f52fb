"""GhostNetV3 (Liu et al. 2024, https://arxiv.org/abs/2404.11202), named as in timm.

GhostNetV2 with every convolution of a ghost module, and the depthwise one between the modules, as
the sum of several branches while it is trained (`ppghost.models.reparameterization`). Ghosts are as
many as intrinsic maps (ratio 2), as one branch is the intrinsic maps themselves.
"""

from functools import partial

import paddle
from paddle.nn import functional

from ppghost.models.ghost import ghost_bottleneck
from ppghost.models.ghost_layouts import TIMM, timm_names
from ppghost.models.ghostnet import BLOCKS, ghostnet, scale_suffix
from ppghost.models.ghostnet_v2 import ATTENTION_NAMES, PLAIN_BLOCKS, attended_ghost_module
from ppghost.models.network import Architecture, Network
from ppghost.models.reparameterization import Branch, branched_conv

#: convolutions of one size in a sum
REPEATS = 3
#: what timm calls the branches, and the convolutions that they are merged into
_NAMES = {
    **{f".{i}._conv": f".{i}.conv" for i in range(REPEATS)},
    **{f".{i}._batch_norm": f".{i}.bn1" for i in range(REPEATS)},
    "_rpr_scale._conv": "_rpr_scale.conv",
    "_rpr_scale._batch_norm": "_rpr_scale.bn1",
    ".cheap_rpr_skip._batch_norm": ".cheap_rpr_skip",
    ".depthwise._conv": ".conv_dw",
}


def branched_ghost_module(
    input, output: int, relu: bool = True, *, name: str, dw_size: int = 3, deploy: bool = False
):
    """A ghost module of ratio 2 (section 4.1): [N, C, H, W] -> [N, output, H, W].

    Args:
        input: [N, C, H, W].
        output: channels of the output, even.
        relu: whether there is an activation behind each convolution.
        name: the builder's dotted name.
        dw_size: of the depthwise convolution.
        deploy: whether the branches are merged.
    """
    intrinsic = output // 2
    primary = [Branch(f"{name}.primary_rpr_conv.{i}", 1) for i in range(REPEATS)]
    x = branched_conv(
        input, intrinsic, 1, name=f"{name}.primary_conv", branches=primary, deploy=deploy
    )
    x = functional.relu(x) if relu else x
    cheap = [
        Branch(f"{name}.cheap_rpr_scale", 1),
        Branch(f"{name}.cheap_rpr_skip", None),
        *(Branch(f"{name}.cheap_rpr_conv.{i}", dw_size) for i in range(REPEATS)),
    ]
    name = f"{name}.cheap_operation"
    y = branched_conv(
        x, intrinsic, dw_size, groups=intrinsic, name=name, branches=cheap, deploy=deploy
    )
    return paddle.concat([x, functional.relu(y) if relu else y], axis=1)


def branched_depthwise_conv(
    input, output: int, kernel_size: int, stride: int, *, name: str, deploy: bool = False
):
    """Depthwise convolution: [N, output, H, W] -> [N, output, H / stride, W / stride]."""
    block = name.rpartition(".")[0]
    branches = [
        Branch(f"{block}.dw_rpr_scale", 1),
        *(Branch(f"{block}.dw_rpr_conv.{i}", kernel_size) for i in range(REPEATS)),
    ]
    return branched_conv(
        input, output, kernel_size, stride, output, name=name, branches=branches, deploy=deploy
    )


def _network(
    class_num: int = 1000,
    in_channels: int = 3,
    *,
    scale: float,
    dw_size: int = 3,
    deploy: bool = False,
) -> Network:
    module = partial(branched_ghost_module, dw_size=dw_size, deploy=deploy)
    plain = partial(
        ghost_bottleneck,
        expand=module,
        project=module,
        downsample=partial(branched_depthwise_conv, deploy=deploy),
        se=TIMM.se_block(None),
    )
    attended = partial(plain, expand=partial(attended_ghost_module, module=module))
    body = partial(
        ghostnet,
        scale=scale,
        class_num=class_num,
        layout=TIMM,
        bottlenecks=lambda i: plain if i < PLAIN_BLOCKS else attended,
        blocks=BLOCKS,
    )
    return Network(body, in_channels, timm_names(ATTENTION_NAMES | _NAMES))


#: constructors of (class_num=1000, in_channels=3, dw_size=3, deploy=False)
NETWORKS = {
    f"GhostNetV3_{scale_suffix(scale)}": Architecture(
        "GhostNetV3", partial(_network, scale=scale), reparameterizable=True
    )
    for scale in (0.5, 1.0, 1.3, 1.6)
}
