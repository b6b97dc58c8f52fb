"""Architectures by name: ours, and every one of PaddleClas's that we do not define."""

import contextlib
import inspect
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import paddle

from ppghost.errors import InputError
from ppghost.models import dy2static, ghost_resnet, ghostnet
from ppghost.utils.files import read_json
from ppghost.utils.text import nearest

_COMPLEXITY = Path(__file__).with_name("complexity.json")


class Architecture(NamedTuple):
    """A network by name: its family, its constructor, and the image [C, H, W] it is made for."""

    family: str
    build: Callable
    input_shape: tuple[int, int, int] = (3, 224, 224)


#: the networks defined here
ARCHITECTURES: dict[str, Architecture] = {
    "GhostNet_x0_5": Architecture("GhostNet", ghostnet.GhostNet_x0_5),
    "GhostNet_x1_0": Architecture("GhostNet", ghostnet.GhostNet_x1_0),
    "GhostNet_x1_3": Architecture("GhostNet", ghostnet.GhostNet_x1_3),
    **{
        name: Architecture(family, build, (3, 32, 32))
        for name, (family, build) in ghost_resnet.NETWORKS.items()
    },
}


def complexity(name: str) -> dict[str, int] | None:
    """{"params", "macs"} of one of our networks at its own input, as counted when it was added.

    Counting builds the network, which takes minutes for the deepest; a test holds the file to what
    the built Programs say. None for a network that the file does not know.
    """
    return read_json(_COMPLEXITY).get(name)


def paddleclas_architectures() -> dict[str, Architecture]:
    """PaddleClas's own classification backbones by name.

    A backbone module names its architectures in MODEL_URLS; the family is the module's name.
    """
    try:
        from paddleclas.ppcls.arch import backbone
    except ImportError:  # in a checkout's own folder `paddleclas` is a file of the checkout
        from ppcls.arch import backbone

    # it warns of its own deprecated arguments each time that it builds a network
    logging.getLogger("ppcls").setLevel(logging.ERROR)
    found = {}
    for name, item in inspect.getmembers(backbone, callable):
        module = inspect.getmodule(item)
        if name in getattr(module, "MODEL_URLS", {}):
            found[name] = Architecture(module.__name__.rsplit(".", 1)[-1], item)
    return found


def create(name: str, **arguments):
    """The network `name` as a `paddle.nn.Layer`, for static graph and dygraph.

    Build it under `paddle.utils.unique_name.guard()`, so that its names are the same each time.

    Raises:
        InputError: unknown architecture, or an argument that it does not take.
    """
    if name in ARCHITECTURES:
        constructor = ARCHITECTURES[name].build
    else:
        theirs = paddleclas_architectures()
        if name not in theirs:
            hint = nearest(name, [*ARCHITECTURES, *theirs])
            raise InputError(f"Arch.name: no architecture {name!r}{hint} (see ppghost list)")
        constructor = theirs[name].build
        if "pretrained" in inspect.signature(constructor).parameters:
            arguments.setdefault("pretrained", False)  # some would download by default
    _check_arguments(name, constructor, arguments)
    with building(name):
        if name in ARCHITECTURES or paddle.in_dynamic_mode():
            return constructor(**arguments)
        return dy2static.construct(constructor, **arguments)


@contextlib.contextmanager
def building(name: str) -> Iterator[None]:
    """Turn what a network of PaddleClas's raises while it is built into one line.

    Some of its networks use what Paddle only has in dygraph, and its constructors pass arguments
    on before they look at them. An error of a network of ours is a defect and stays as it is.
    """
    try:
        yield
    except (
        RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, NameError
    ) as error:  # fmt: skip
        if name in ARCHITECTURES:
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        # a converted forward reports where it was first, and what it was last
        told = lines[-1:] if "In transformed code" in str(error) else lines[:1]
        reason = told[0] if told else type(error).__name__
        raise InputError(
            f"Arch.name: PaddleClas's {name} cannot be built so as a static graph: {reason}"
        ) from None


def _check_arguments(name: str, constructor: Callable, arguments: dict) -> None:
    parameters = inspect.signature(constructor).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for key in arguments:
        if key not in parameters:
            raise InputError(f"Arch.{key}: {name} takes no such key{nearest(key, parameters)}")
