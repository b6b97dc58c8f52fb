"""Checks that the parameters of operations share; each raises TypeError or ValueError."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

from ppghost.i18n import tr
from ppghost.utils import text
from ppghost.utils.text import parse_number

T = TypeVar("T")


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Read a whole number of at least `least`; ValueError for anything else."""
    try:
        return text.whole_number(value, least)
    except ValueError as error:
        raise ValueError(tr("{name} {error}").format(name=name, error=error)) from error


def number(name: str, value: object, least: float = -math.inf, most: float = math.inf) -> float:
    """Read a number, also one written as "1.0/3.0"; it must lie in `least` to `most`."""
    try:
        result = parse_number(value)
    except ValueError as error:
        raise TypeError(
            tr("{name} is {value!r} ({type}): give a number").format(
                name=name, value=value, type=type(value).__name__
            )
        ) from error
    if not least <= result <= most:
        raise ValueError(
            tr("{name} is {value!r}: give a number from {least:g} to {most:g}").format(
                name=name, value=value, least=least, most=most
            )
        )
    return result


def three_numbers(
    name: str, value: object, least: float = -math.inf, most: float = math.inf
) -> tuple[float, float, float]:
    """Read a list of one number per channel, each from `least` to `most`."""
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise TypeError(
            tr("{name} is {value!r}: give a list of three numbers").format(name=name, value=value)
        )
    red, green, blue = (number(name, channel, least, most) for channel in value)
    return red, green, blue


def rgb_color(name: str, value: object) -> tuple[int, int, int]:
    """Read a colour of 8 bits per channel, rounded to whole numbers as Pillow wants them."""
    red, green, blue = (round(channel) for channel in three_numbers(name, value, 0, 255))
    return red, green, blue


def ordered_range(name: str, value: object) -> tuple[float, float]:
    """Return `value` as (least, most) if it is two numbers with 0 < least <= most."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError(
            tr("{name} is {value!r} ({type}): give [least, most]").format(
                name=name, value=value, type=type(value).__name__
            )
        )
    if not all(isinstance(bound, int | float) for bound in value):
        raise TypeError(tr("{name} is {value!r}: give two numbers").format(name=name, value=value))
    if not 0 < value[0] <= value[1]:
        raise ValueError(
            tr("{name} is {value!r}: give 0 < least <= most").format(name=name, value=value)
        )
    return float(value[0]), float(value[1])


def width_height(name: str, value: object) -> tuple[int, int]:
    """Read a size as (width, height), from one number for both or from a list of two.

    PaddleClas takes lists in this order in every operation here, although some of its comments
    say (h, w): `size: [256, 192]` is an image 256 wide and 192 high.
    """
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise ValueError(
                tr("{name} is {value!r}: give one number or [width, height]").format(
                    name=name, value=value
                )
            )
        return whole_number(f"{name}[0]", value[0]), whole_number(f"{name}[1]", value[1])
    return (whole_number(name, value),) * 2


def one_of(name: str, value: object, choices: Iterable[T]) -> T:
    """Return the one of `choices` that `value` equals; ValueError otherwise."""
    for choice in choices:
        if choice == value:
            return choice
    raise ValueError(
        tr("{name} is {value!r}: give one of {choices}").format(
            name=name, value=value, choices=", ".join(map(str, choices))
        )
    )


def flag(name: str, value: object) -> bool:
    """Return `value` if it is a bool; TypeError otherwise ("False" as a string is true)."""
    if not isinstance(value, bool):
        raise TypeError(
            tr("{name} is {value!r} ({type}): give True or False").format(
                name=name, value=value, type=type(value).__name__
            )
        )
    return value
