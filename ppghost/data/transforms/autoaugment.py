"""AutoAugment's ImageNet policy (arXiv:1805.09501, table 9), as PaddleClas means it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ppghost.data.transforms.operation import to_pillow
from ppghost.data.transforms.parameters import rgb_color
from ppghost.data.transforms.pillow_ops import apply_op

# One row per sub-policy: probability, operation, magnitude index; the same for the second one.
POLICY = (
    (0.4, "posterize", 8, 0.6, "rotate", 9),
    (0.6, "solarize", 5, 0.6, "autocontrast", 5),
    (0.8, "equalize", 8, 0.6, "equalize", 3),
    (0.6, "posterize", 7, 0.6, "posterize", 6),
    (0.4, "equalize", 7, 0.2, "solarize", 4),
    (0.4, "equalize", 4, 0.8, "rotate", 8),
    (0.6, "solarize", 3, 0.6, "equalize", 7),
    (0.8, "posterize", 5, 1.0, "equalize", 2),
    (0.2, "rotate", 3, 0.6, "solarize", 8),
    (0.6, "equalize", 8, 0.4, "posterize", 6),
    (0.8, "rotate", 8, 0.4, "color", 0),
    (0.4, "rotate", 9, 0.6, "equalize", 2),
    (0.0, "equalize", 7, 0.8, "equalize", 8),
    (0.6, "invert", 4, 1.0, "equalize", 8),
    (0.6, "color", 4, 1.0, "contrast", 8),
    (0.8, "rotate", 8, 1.0, "color", 2),
    (0.8, "color", 8, 0.8, "solarize", 7),
    (0.4, "sharpness", 7, 0.6, "invert", 8),
    (0.6, "shear_x", 5, 1.0, "equalize", 9),
    (0.4, "color", 0, 0.6, "equalize", 3),
    (0.4, "equalize", 7, 0.2, "solarize", 4),
    (0.6, "solarize", 5, 0.6, "autocontrast", 5),
    (0.6, "invert", 4, 1.0, "equalize", 8),
    (0.6, "color", 4, 1.0, "contrast", 8),
    (0.8, "equalize", 8, 0.6, "equalize", 3),
)

# What a magnitude index 0..9 stands for; the operations that are not here have no strength.
MAGNITUDES = {
    "shear_x": np.linspace(0.0, 0.3, 10),
    "rotate": np.linspace(0.0, 30.0, 10),  # degrees, counter-clockwise
    "color": np.linspace(0.0, 0.9, 10),
    "contrast": np.linspace(0.0, 0.9, 10),
    "sharpness": np.linspace(0.0, 0.9, 10),
    "posterize": np.rint(np.linspace(8.0, 4.0, 10)).astype(int),  # bits kept
    "solarize": np.linspace(256.0, 0.0, 10),  # values from here on are inverted
}
_AROUND_ONE = ("color", "contrast", "sharpness")  # 1 changes nothing
_SIGNED = (*_AROUND_ONE, "shear_x")


class AutoAugment:
    """Apply one of the 25 sub-policies, drawn at random, to an HWC uint8 image.

    `fillcolor` fills what a shear or a rotation uncovers. A rotation always turns the same way, as
    in PaddleClas; shears and enhancements draw their sign.
    """

    def __init__(self, fillcolor: tuple[int, int, int] = (128, 128, 128)) -> None:
        self.fillcolor = rgb_color("fillcolor", fillcolor)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.apply(image, int(rng.integers(len(POLICY))), rng)

    def apply(self, image: np.ndarray, row: int, rng: np.random.Generator) -> np.ndarray:
        """Apply row `row` of POLICY; each of its two operations happens or not by chance."""
        first_chance, first, first_index, second_chance, second, second_index = POLICY[row]
        pillow = to_pillow(image)
        if rng.random() < first_chance:
            pillow = self._operate(pillow, first, first_index, rng)
        if rng.random() < second_chance:
            pillow = self._operate(pillow, second, second_index, rng)
        return np.asarray(pillow)

    def _operate(
        self, image: Image.Image, name: str, index: int, rng: np.random.Generator
    ) -> Image.Image:
        amount = MAGNITUDES[name][index].item() if name in MAGNITUDES else 0
        if name in _SIGNED:
            amount *= 1 if rng.integers(2) else -1
        if name in _AROUND_ONE:
            amount += 1
        resample = Image.Resampling.BICUBIC if name == "shear_x" else Image.Resampling.NEAREST
        return apply_op(image, name, amount, fill=self.fillcolor, resample=resample)
