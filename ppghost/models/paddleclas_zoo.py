"""PaddleClas's own networks by name."""

import inspect
import logging
from collections.abc import Callable
from types import ModuleType

from ppghost.i18n import tr
from ppghost.models.network import Architecture


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
    return {
        name: Architecture(defining_module(item).__name__.rsplit(".", 1)[-1], item, static=False)
        for name, item in inspect.getmembers(backbone, callable)
        if name in getattr(inspect.getmodule(item), "MODEL_URLS", {})
    }


def defining_module(constructor: Callable) -> ModuleType:
    """PaddleClas's module that defines a network.

    Raises:
        TypeError: the constructor is of no module.
    """
    module = inspect.getmodule(constructor)
    if module is None:
        raise TypeError(
            tr("{constructor!r} is defined in no module").format(constructor=constructor)
        )
    return module
