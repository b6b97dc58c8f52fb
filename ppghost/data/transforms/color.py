"""Operations that change an image's colours: ColorJitter, PCALighting."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from ppghost.data.transforms.operation import to_pillow
from ppghost.data.transforms.parameters import number
from ppghost.data.transforms.pillow_ops import apply_op
from ppghost.i18n import tr

# Eigenvalues and eigenvectors (columns) of ImageNet's RGB covariance (AlexNet's lighting noise)
_EIGENVALUES = np.array([0.2175, 0.0188, 0.0045], np.float32)
_EIGENVECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]],
    np.float32,
)
_LIGHTING_STD = 0.1


class ColorJitter:
    """Change brightness, contrast, saturation and hue, in random order, with chance `prob`.

    A number b means a factor from max(0, 1 - b) to 1 + b, a list [least, most] the factor itself;
    `hue` is a shift in turns of the colour circle, at most 0.5: a number h means -h to h.
    `prob` above 1 is always, as PaddleClas's default of 2.
    """

    def __init__(
        self,
        prob: float = 2,
        brightness: float | list[float] = 0,
        contrast: float | list[float] = 0,
        saturation: float | list[float] = 0,
        hue: float | list[float] = 0,
    ) -> None:
        self.prob = number("prob", prob, 0)
        self.ranges = {
            "brightness": _factor_range("brightness", brightness),
            "contrast": _factor_range("contrast", contrast),
            "color": _factor_range("saturation", saturation),
            "hue": _hue_range(hue),
        }

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        pillow = to_pillow(image)
        names = list(self.ranges)
        for index in rng.permutation(len(names)):
            name = names[index]
            bounds = self.ranges[name]
            if bounds is None:
                continue
            amount = rng.uniform(*bounds)
            if name == "hue":
                pillow = _turn_hue(pillow, amount)
            else:
                pillow = apply_op(pillow, name, amount, fill=(0, 0, 0))
        return np.asarray(pillow)


def _factor_range(name: str, value: object) -> tuple[float, float] | None:
    """Return the bounds of a factor, None where it is always 1."""
    if isinstance(value, list | tuple):
        return _bounds(name, value, 0, math.inf)
    spread = number(name, value, 0)
    return (max(0.0, 1 - spread), 1 + spread) if spread else None


def _hue_range(value: object) -> tuple[float, float] | None:
    if isinstance(value, list | tuple):
        return _bounds("hue", value, -0.5, 0.5)
    spread = number("hue", value, 0, 0.5)
    return (-spread, spread) if spread else None


def _bounds(name: str, value: list | tuple, least: float, most: float) -> tuple[float, float]:
    if len(value) != 2:
        raise ValueError(
            tr("{name} is {value!r}: give one number or [least, most]").format(
                name=name, value=value
            )
        )
    upper = number(f"{name}[1]", value[1], least, most)
    return number(f"{name}[0]", value[0], least, upper), upper


def _turn_hue(image: Image.Image, turns: float) -> Image.Image:
    hue, saturation, brightness = image.convert("HSV").split()
    shift = int(turns * 255)  # PaddleClas's scale, although Pillow's circle has 256 steps
    hue = hue.point([(value + shift) % 256 for value in range(256)])
    return Image.merge("HSV", (hue, saturation, brightness)).convert("RGB")


class PCALighting:
    """Add a random colour along ImageNet's principal colours; uint8 becomes float32.

    PaddleClas's one config adds this noise, meant for values of 0 to 1, before NormalizeImage,
    where it is too small to see.
    """

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        alpha = rng.normal(0, _LIGHTING_STD, size=3).astype(np.float32)
        return image + _EIGENVECTORS @ (alpha * _EIGENVALUES)
