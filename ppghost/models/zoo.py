"""Architectures by name: ours, and every one of PaddleClas's that we do not define."""

import inspect
import logging
from collections.abc import Callable

from ppghost.config import nearest
from ppghost.errors import InputError
from ppghost.models import ghostnet

#: name -> (family, constructor), for the networks defined here
ARCHITECTURES: dict[str, tuple[str, Callable]] = {
    "GhostNet_x0_5": ("GhostNet", ghostnet.GhostNet_x0_5),
    "GhostNet_x1_0": ("GhostNet", ghostnet.GhostNet_x1_0),
    "GhostNet_x1_3": ("GhostNet", ghostnet.GhostNet_x1_3),
}


def paddleclas_architectures() -> dict[str, tuple[str, Callable]]:
    """PaddleClas's own classification backbones: name -> (family, constructor).

    A backbone module names its architectures in MODEL_URLS; the family is the module's name.
    """
    from paddleclas.ppcls.arch import backbone

    # it warns of its own deprecated arguments each time that it builds a network
    logging.getLogger("ppcls").setLevel(logging.ERROR)
    found = {}
    for name, item in inspect.getmembers(backbone, callable):
        module = inspect.getmodule(item)
        if name in getattr(module, "MODEL_URLS", {}):
            found[name] = (module.__name__.rsplit(".", 1)[-1], item)
    return found


def create(name: str, **arguments):
    """The network `name` as a `paddle.nn.Layer`, for static graph and dygraph.

    Build it under `paddle.utils.unique_name.guard()`, so that its names are the same each time.

    Raises:
        InputError: unknown architecture, or an argument that it does not take.
    """
    if name in ARCHITECTURES:
        _, constructor = ARCHITECTURES[name]
    else:
        theirs = paddleclas_architectures()
        if name not in theirs:
            hint = nearest(name, [*ARCHITECTURES, *theirs])
            raise InputError(f"Arch.name: no architecture {name!r}{hint} (see ppghost list)")
        _, constructor = theirs[name]
    _check_arguments(name, constructor, arguments)
    try:
        return constructor(**arguments)
    except TypeError as error:  # PaddleClas's constructors pass **kwargs on before they look
        raise InputError(f"Arch: {name} refuses its arguments: {error}") from None


def _check_arguments(name: str, constructor: Callable, arguments: dict) -> None:
    parameters = inspect.signature(constructor).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for key in arguments:
        if key not in parameters:
            raise InputError(f"Arch.{key}: {name} takes no such key{nearest(key, parameters)}")
