"""RandAugment (arXiv:1909.13719) in the forms that PaddleClas's configs name."""

from __future__ import annotations

import logging

import numpy as np
from PIL import Image

from ppghost.data.transforms.operation import to_pillow
from ppghost.data.transforms.parameters import number, one_of, rgb_color, whole_number
from ppghost.data.transforms.pillow_ops import PLAIN, Color, Strength, apply_op

logger = logging.getLogger(__name__)

MOST_LEVEL = 10  # the magnitude that is level 1
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "hamming": Image.Resampling.HAMMING,
}

SHEAR = Strength(lambda level: 0.3 * level, signed=True)
TURN = Strength(lambda level: 30 * level, signed=True)
_MOVE = Strength(lambda level: 150 / 331 * level, signed=True)  # a share of the image's side
AWAY_FROM_ONE = Strength(lambda level: 0.9 * level, signed=True, offset=1.0)
UP_TO_1_9 = Strength(lambda level: 1.8 * level + 0.1)
SOLARIZE_ADD = Strength(lambda level: int(110 * level))


def enhance(strength: Strength) -> dict[str, Strength]:
    """Give all four enhancers one strength."""
    return dict.fromkeys(("color", "contrast", "brightness", "sharpness"), strength)


class RandAugment:
    """Apply `num_layers` operations, each drawn from all, at a strength of `magnitude` of 10.

    `fillcolor` fills what a move uncovers. As in PaddleClas a rotation always turns the same way,
    posterize keeps more bits and solarize inverts less the higher the magnitude.
    """

    strengths = (
        dict.fromkeys(("shear_x", "shear_y"), SHEAR)
        | dict.fromkeys(("translate_x", "translate_y"), _MOVE)
        | enhance(AWAY_FROM_ONE)
        | {
            "rotate": Strength(lambda level: 30 * level),
            "posterize": Strength(lambda level: int(4 * level)),
            "solarize": Strength(lambda level: 256 * level),
        }
    )
    moves_are_shares = True

    def __init__(
        self, num_layers: int = 2, magnitude: float = 5, fillcolor: Color = (128, 128, 128)
    ) -> None:
        self.num_layers = whole_number("num_layers", num_layers)
        # above 20 no bit would be left to posterize, or more than eight
        self.level = number("magnitude", magnitude, 0, 20) / MOST_LEVEL
        self.fill = rgb_color("fillcolor", fillcolor)
        self.names = (*self.strengths, *PLAIN)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        pillow = to_pillow(image)
        for _ in range(self.num_layers):
            pillow = self.apply(pillow, self.names[rng.integers(len(self.names))], rng)
        return np.asarray(pillow)

    def apply(self, image: Image.Image, name: str, rng: np.random.Generator) -> Image.Image:
        """Apply one operation by its name, its sign drawn."""
        amount = self.strengths[name].draw(self.level, rng) if name in self.strengths else 0
        if self.moves_are_shares and name in ("translate_x", "translate_y"):
            amount *= image.size[name == "translate_y"]
        return apply_op(image, name, amount, fill=self.fill, resample=self._filter(name))

    def _filter(self, name: str) -> Image.Resampling:
        shears = name in ("shear_x", "shear_y")
        return Image.Resampling.BICUBIC if shears else Image.Resampling.NEAREST


class RandAugmentV2(RandAugment):
    """EfficientNetV2's form: also solarize_add and cutout, moves in pixels, no filter.

    `Global.train_mode` progressive alone follows `progress_magnitude` (variants.py), as in
    PaddleClas.
    """

    strengths = (
        dict.fromkeys(("shear_x", "shear_y"), SHEAR)
        | dict.fromkeys(("translate_x", "translate_y"), Strength(lambda level: 100 * level, True))
        | enhance(UP_TO_1_9)
        | {
            "rotate": TURN,
            "posterize": Strength(lambda level: int(4 * level)),
            "solarize": Strength(lambda level: int(256 * level)),
            "solarize_add": SOLARIZE_ADD,
            "cutout": Strength(lambda level: int(40 * level)),
        }
    )
    moves_are_shares = False

    def __init__(
        self,
        num_layers: int = 2,
        magnitude: float = 5,
        progress_magnitude: list[float] | None = None,
        fillcolor: Color = (128, 128, 128),
    ) -> None:
        super().__init__(num_layers, magnitude, fillcolor)
        if progress_magnitude is not None:
            logger.warning(
                "RandAugmentV2: progress_magnitude is not followed, the magnitude stays %s",
                magnitude,
            )

    def apply(self, image: Image.Image, name: str, rng: np.random.Generator) -> Image.Image:
        """Apply one operation by its name, its sign or place drawn."""
        if name != "cutout":
            return super().apply(image, name, rng)
        reach = self.strengths["cutout"].draw(self.level, rng)
        y, x = rng.integers(image.height + 1), rng.integers(image.width + 1)
        pixels = np.array(image)
        pixels[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach] = self.fill[0]
        return Image.fromarray(pixels)

    def _filter(self, name: str) -> Image.Resampling:
        return Image.Resampling.NEAREST


class RandAugmentV3(RandAugment):
    """MobileViTV2's form: every move filtered, and every operation stronger with the magnitude."""

    strengths = RandAugment.strengths | {
        "rotate": TURN,
        "posterize": Strength(lambda level: 8 - int(4 * level)),
        "solarize": Strength(lambda level: 255 * (1 - level)),
    }

    def __init__(
        self,
        num_layers: int = 2,
        magnitude: float = 3,
        fillcolor: Color = (0, 0, 0),
        interpolation: str = "bicubic",
    ) -> None:
        super().__init__(num_layers, magnitude, fillcolor)
        self._resample = FILTERS[one_of("interpolation", interpolation, FILTERS)]

    def _filter(self, name: str) -> Image.Resampling:
        return self._resample
