"""What the arguments may be: one meaning for each, in every network defined here."""

from collections.abc import Callable, Iterable
from typing import Any

from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.text import nearest, whole_number


def checked_arguments(network: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a network, read.

    Raises:
        InputError: a value that it cannot be built with; one line with key and network.
    """
    read = {}
    readers = _READERS | _READERS_OF.get(network.partition("_")[0], {})
    for key, value in arguments.items():
        try:
            read[key] = readers[key](value) if key in readers else value
        except ValueError as error:
            raise InputError(
                "Arch.{key} of {network} {error}", key=key, network=network, error=error
            ) from error
    return read


def _positive_whole(value: Any) -> int:
    return whole_number(value, 1)


def _odd(value: Any) -> int:
    number = whole_number(value, 1)
    if number % 2 == 0:
        raise ValueError(
            tr("is {value}: give an odd number (1, 3, 5, 7), which has a middle").format(
                value=value
            )
        )
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) == float("inf"):
        raise ValueError(
            tr("is {value!r} ({type}): give a number").format(
                value=value, type=type(value).__name__
            )
        )
    return value


def _positive(value: Any) -> float:
    if not _number(value) > 0:
        raise ValueError(tr("is {value}: give a number above 0").format(value=value))
    return value


def _at_least_one(value: Any) -> float:
    if not _number(value) >= 1:
        raise ValueError(tr("is {value}: give 1 (a plain convolution) or more").format(value=value))
    return value


def _one_or_two(value: Any) -> int:
    number = whole_number(value, 1)
    if number > 2:
        raise ValueError(tr("is {value}: give 2, or 1 for images of 32x32").format(value=value))
    return number


def _dropped_share(value: Any) -> float | None:
    if value is not None and not 0 <= _number(value) < 1:
        raise ValueError(
            tr("is {value}: give a number from 0 to below 1, or null for no dropout").format(
                value=value
            )
        )
    return value


def _listed(choices: Iterable[int]) -> Callable[[Any], int]:
    numbers = tuple(choices)

    def read(value: Any) -> int:
        number = whole_number(value, 1)
        if number not in numbers:
            raise ValueError(
                tr("is {value}: give {numbers}").format(
                    value=value, numbers=tr(" or ").join(map(str, numbers))
                )
            )
        return number

    return read


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(tr("is {value!r}: give True or False").format(value=value))
    return value


def _one_of(choices: Iterable[str]) -> Callable[[Any], str]:
    names = tuple(choices)

    def read(value: Any) -> str:
        if value not in names:
            raise ValueError(
                tr("is {value!r}{nearest}: give {names}").format(
                    value=value, nearest=nearest(value, names), names=tr(" or ").join(names)
                )
            )
        return value

    return read


#: key of Arch -> what reads its value, or says in a ValueError what is wrong with it
_READERS: dict[str, Callable[[Any], Any]] = {
    "class_num": _positive_whole,
    "in_channels": _positive_whole,
    "scale": _positive,
    "ratio": _at_least_one,
    "dw_size": _odd,
    "groups": _listed((1, 2, 3, 4, 8)),  # those that ShuffleNet's paper gives widths for
    "stem_stride": _one_or_two,
    "class_expand": _positive_whole,
    "dropout_prob": _dropped_share,
    "layout": _one_of(("paddleclas", "timm")),
    "se_gate": _one_of(("clip", "hard_sigmoid")),
    "act": _one_of(("relu", "swish")),
    "borders": _one_of(("paddleclas", "torchvision")),
    "bypass": _truth,
    "deploy": _truth,
    "ghost_stem": _truth,
}
#: start of a network's name -> what is read otherwise there
_READERS_OF = {"MobileNetV3": {"layout": _one_of(("paddleclas", "torchvision"))}}
