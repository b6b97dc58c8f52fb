"""The networks that are defined here, by name. A family is a module and its name in FAMILIES."""

import importlib
from collections.abc import Callable
from pathlib import Path

from ppghost.errors import InputError
from ppghost.models.network import Architecture
from ppghost.utils.files import read_json

#: modules of this package; each says what it defines in its table NETWORKS
FAMILIES = (
    "ghostnet",
    "ghostnet_v2",
    "ghostnet_v3",
    "repghost",
    "ghost_resnet",
    "ghost_resnet50",
    "vgg",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3",
    "shufflenet_v1",
    "shufflenet_v2",
    "squeezenet",
    "retinanet",
)
_COMPLEXITY = Path(__file__).with_name("complexity.json")

#: the networks defined here, and those that users register
ARCHITECTURES: dict[str, Architecture] = {
    name: architecture
    for family in FAMILIES
    for name, architecture in importlib.import_module(f"ppghost.models.{family}").NETWORKS.items()
}


def register_model(
    name: str,
    constructor: Callable | None = None,
    *,
    family: str = "User",
    input_shape: tuple[int, int, int] = (3, 224, 224),
) -> Callable:
    """Make a network of one's own known by name: in configs, and to every function that takes one.

    Also a decorator: `@register_model("MyNet")`.

    Args:
        name: what `Arch.name` will call it.
        constructor: called with `class_num` and the other keys of `Arch`; returns a
            `paddle.nn.Layer` that maps images [N, C, H, W] to logits [N, class_num]: a
            `ppghost.models.network.Network` of builders, or any Layer, whose forward is then
            converted for static graph as `paddle.jit.to_static` does.
        family: for `ppghost list`.
        input_shape: the image [C, H, W] that it is made for.

    Returns:
        The constructor.

    Raises:
        InputError: another network here has that name. (One of PaddleClas's is replaced.)
    """
    if constructor is None:
        return lambda decorated: register_model(
            name, decorated, family=family, input_shape=input_shape
        )
    known = ARCHITECTURES.get(name)
    if known and known.build is not constructor:
        raise InputError("there is a network {name} already; register another name", name=name)
    ARCHITECTURES[name] = Architecture(family, constructor, input_shape, static=False)
    return constructor


def complexity(name: str) -> dict[str, int] | None:
    """{"params", "macs"} of one of our networks at its own input, as counted when it was added.

    Counting builds the network, which takes minutes for the deepest; a test holds the file to what
    the built Programs say. None for a network that the file does not know.
    """
    return read_json(_COMPLEXITY).get(name)
