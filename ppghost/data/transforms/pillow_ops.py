"""The Pillow operations that augmentation policies choose from, one definition for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

Color = tuple[int, int, int]

_ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "color": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "sharpness": ImageEnhance.Sharpness,
}
_AFFINE = {
    "shear_x": lambda amount: (1, amount, 0, 0, 1, 0),
    "shear_y": lambda amount: (1, 0, 0, amount, 1, 0),
    "translate_x": lambda amount: (1, 0, amount, 0, 1, 0),
    "translate_y": lambda amount: (1, 0, 0, 0, 1, amount),
}
_SOLARIZE_ADD_BELOW = 128

#: operations without a strength
PLAIN = ("autocontrast", "equalize", "invert")


class Strength(NamedTuple):
    """How strong an operation is at a level, 0 to 1 or more: `offset` ± `from_level(level)`."""

    from_level: Callable[[float], float]
    signed: bool = False
    offset: float = 0

    def draw(self, level: float, rng: np.random.Generator) -> float:
        """Return the strength at `level`, with a sign by chance if it is signed."""
        amount = self.from_level(level)
        if self.signed and not rng.integers(2):
            amount = -amount
        return self.offset + amount


def apply_op(
    image: Image.Image,
    name: str,
    amount: float,
    *,
    fill: Color,
    resample: Image.Resampling = Image.Resampling.NEAREST,
) -> Image.Image:
    """Apply the operation `name` to an RGB image.

    Args:
        amount: shear as a slope; translate in pixels; rotate in degrees, counter-clockwise;
            posterize: bits kept; solarize: values from here on are inverted; solarize_add: added to
            dark values; color, contrast, brightness, sharpness: 1 changes nothing. PLAIN
            operations do not look at it.
        fill: the colour of what a move uncovers.
        resample: Pillow's filter for moves.
    """
    if name in PLAIN:
        return getattr(ImageOps, name)(image)
    if name in _ENHANCERS:
        return _ENHANCERS[name](image).enhance(amount)
    if name in ("posterize", "solarize"):
        return getattr(ImageOps, name)(image, amount)
    if name == "solarize_add":
        brighter = [min(255, v + amount) if v < _SOLARIZE_ADD_BELOW else v for v in range(256)]
        return image.point(brighter * 3)
    if name == "rotate":
        return image.rotate(amount, resample, fillcolor=fill)
    matrix = _AFFINE[name](amount)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample, fillcolor=fill)
