"""The networks that detectors stand on, by name: images in, feature maps by level out."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ppghost.models import resnet
from ppghost.models.ghost import ghost_bottleneck
from ppghost.models.ghost_layouts import LAYOUTS
from ppghost.models.ghostnet import BLOCKS, ghostnet_maps, scale_suffix
from ppghost.models.mobilenet_v2 import mobilenet_v2_maps
from ppghost.models.mobilenet_v2 import structured_name as mobilenet_v2_name
from ppghost.models.network import Network
from ppghost.models.slim_backbone import NORMS, slim_maps
from ppghost.utils.schema_kinds import Key


class Backbone(NamedTuple):
    """How a backbone is built.

    Attributes:
        maps: a function of images [N, C, H, W] that returns maps by level; its keywords are the
            backbone's arguments.
        structured_names: see `Network`; those of the classifier of that name, whose weights fit.
        arguments: that a config may give it.
    """

    maps: Callable[..., dict]
    structured_names: Mapping[str, str] | Callable[[str], str] | None = None
    arguments: dict[str, Key] = {}  # noqa: RUF012 - never written to


def _ghostnet(x, scale: float) -> dict:
    chosen = LAYOUTS["paddleclas"]
    bottleneck = partial(ghost_bottleneck, se=chosen.se_block(None))
    return ghostnet_maps(x, scale, layout=chosen, bottlenecks=lambda i: bottleneck, blocks=BLOCKS)


BACKBONES: dict[str, Backbone] = {
    **{
        f"GhostNet_{scale_suffix(scale)}": Backbone(
            partial(_ghostnet, scale=scale), LAYOUTS["paddleclas"].structured_names
        )
        for scale in (0.5, 1.0, 1.3)
    },
    "MobileNetV2": Backbone(partial(mobilenet_v2_maps, scale=1.0), mobilenet_v2_name),
    **{
        f"ResNet{depth}": Backbone(
            partial(
                resnet.resnet_maps,
                stages=stages,
                block=resnet.bottleneck if depth >= 50 else resnet.basic_block,
            ),
            resnet.structured_name,
        )
        for depth, stages in resnet.STAGES.items()
    },
    "SlimNet": Backbone(
        slim_maps,
        arguments={"norm": Key((str,), choices=tuple(NORMS))}
        | dict.fromkeys(("dilated_stem", "shortcuts", "relus"), Key((bool,))),
    ),
}


def create_backbone(name: str, in_channels: int, **arguments: Any) -> Network:
    """A backbone of BACKBONES as a part of a network."""
    backbone = BACKBONES[name]
    return Network(partial(backbone.maps, **arguments), in_channels, backbone.structured_names)
