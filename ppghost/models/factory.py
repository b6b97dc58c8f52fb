"""Networks made by name: ours, the user's, and every one of PaddleClas's that we do not define."""

import contextlib
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import paddle
from paddle.utils import unique_name

from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.models import dy2static
from ppghost.models.argument_values import checked_arguments
from ppghost.models.arguments import accepted_arguments
from ppghost.models.network import Architecture
from ppghost.models.paddleclas_zoo import paddleclas_architectures
from ppghost.models.registry import ARCHITECTURES
from ppghost.utils.text import nearest

logger = logging.getLogger(__name__)


def list_models(source: str | None = None) -> list[str]:
    """Names of the networks that `create_model` and `Arch.name` know, sorted.

    Args:
        source: "ppghost" for those defined here and registered, "paddleclas" for the others.

    Raises:
        InputError: another source.
    """
    own = set(ARCHITECTURES)
    match source:
        case "ppghost":
            return sorted(own)
        case None:
            return sorted(own | set(paddleclas_architectures()))
        case "paddleclas":
            return sorted(set(paddleclas_architectures()) - own)
    raise InputError("source: {source!r} is none of ppghost, paddleclas", source=source)


def find(name: str) -> Architecture:
    """The architecture of a name. Raises InputError if there is none."""
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    zoo = paddleclas_architectures()
    if name not in zoo:
        hint = nearest(name, [*ARCHITECTURES, *zoo])
        raise InputError(
            "Arch.name: no architecture {name!r}{hint} (see ppghost list)", name=name, hint=hint
        )
    return zoo[name]


def create_model(name: str, **arguments: Any) -> paddle.nn.Layer:
    """A network by name, as a `paddle.nn.Layer` that maps images [N, C, H, W] to logits.

    In static mode call it inside a `paddle.static.program_guard`, and under
    `paddle.utils.unique_name.guard()` if its parameters are to have PaddleClas's names.

    Args:
        name: see `list_models`.
        arguments: of the network: `class_num`, `in_channels`, ...

    Raises:
        InputError: unknown architecture, or an argument that it does not take.
    """
    if not paddle.in_dynamic_mode() or name not in ARCHITECTURES:
        return create(name, **arguments)
    with unique_name.guard():
        network = create(name, **arguments)
    rename_if_taken(network)
    return network


def create(name: str, **arguments: Any) -> paddle.nn.Layer:
    """`create_model` for a caller that guards names itself, in static graph and dygraph.

    Under `paddle.utils.unique_name.guard()` the parameters' names are the same each time.

    Raises:
        InputError: unknown architecture, or an argument that it does not take.
    """
    architecture = find(name)
    constructor = architecture.build
    if "pretrained" in inspect.signature(constructor).parameters:
        arguments.setdefault("pretrained", False)  # some would download by default
    _check_arguments(name, constructor, arguments)
    if architecture.static:
        arguments = checked_arguments(name, arguments)
    with building(name):
        if architecture.static or paddle.in_dynamic_mode():
            network = constructor(**arguments)
        else:
            network = dy2static.construct(constructor, **arguments)
    network._constructor_arguments = arguments
    return network


def arguments_of(network: paddle.nn.Layer) -> dict[str, Any]:
    """What a network of `create` was made with: to make the same once more."""
    return network._constructor_arguments


def rename_if_taken(network: paddle.nn.Layer) -> None:
    """Give a second network of the process, as in distillation, parameter names of its own.

    Dygraph optimizers keep their state by parameter name; weight files go by structure.
    """
    from paddle.base import unique_name

    for parameter in network.parameters():
        if unique_name.dygraph_parameter_name_checker(parameter.name):
            parameter.name = unique_name.generate(parameter.name)


@contextlib.contextmanager
def building(name: str) -> Iterator[None]:
    """Turn what a network of PaddleClas's raises while it is built into one line.

    Some of its networks use what Paddle only has in dygraph, and its constructors pass arguments
    on before they look at them. An error of a network defined here, or of a user's own, is a
    defect of that network and stays as it is.

    Raises:
        InputError: in place of what a network of PaddleClas's raised.
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
        reasons = lines[-1:] if "In transformed code" in str(error) else lines[:1]
        reason = reasons[0] if reasons else type(error).__name__
        raise InputError(
            "Arch.name: PaddleClas's {name} cannot be built so as a static graph: {reason}",
            name=name,
            reason=reason,
        ) from error


def _check_arguments(name: str, constructor: Callable, arguments: dict) -> None:
    accepted = accepted_arguments(constructor)
    if accepted is None:
        return
    for key in arguments:
        if key not in accepted:
            message = tr("Arch.{key}: {name} takes no such key{nearest}").format(
                key=key, name=name, nearest=nearest(key, accepted)
            )
            if arguments[key] or not _swallows(constructor):
                raise InputError(message)
            logger.info("%s; %r has no effect there", message, arguments[key])


def _swallows(constructor: Callable) -> bool:
    """Whether keys that it does not know are lost in its `**kwargs`, as in PaddleClas."""
    parameters = inspect.signature(constructor).parameters.values()
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
