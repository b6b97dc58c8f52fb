"""TimmAutoAugment: timm's RandAugment, described by a string such as rand-m9-mstd0.5-inc1."""

from __future__ import annotations

import re

import numpy as np
from PIL import Image

from ppghost.data.transforms.operation import to_pillow
from ppghost.data.transforms.parameters import (
    number,
    one_of,
    rgb_color,
    three_numbers,
    width_height,
)
from ppghost.data.transforms.pillow_ops import PLAIN, Strength, apply_op
from ppghost.data.transforms.pixels import IMAGENET_MEAN
from ppghost.data.transforms.randaugment import (
    AWAY_FROM_ONE,
    FILTERS,
    MOST_LEVEL,
    SHEAR,
    SOLARIZE_ADD,
    TURN,
    UP_TO_1_9,
    enhance,
)
from ppghost.i18n import tr

_MOVES = ("translate_x", "translate_y")
_COMMON = (
    dict.fromkeys(("shear_x", "shear_y"), SHEAR)
    | dict.fromkeys(_MOVES, Strength(lambda level: 0.45 * level, signed=True))
    | {"rotate": TURN, "solarize_add": SOLARIZE_ADD}
)
_STRENGTHS = (
    _COMMON
    | enhance(UP_TO_1_9)
    | {
        "posterize": Strength(lambda level: int(4 * level)),
        "solarize": Strength(lambda level: int(256 * level)),
    }
)
# `inc`: every operation does more the higher the magnitude
_INCREASING_STRENGTHS = (
    _COMMON
    | enhance(AWAY_FROM_ONE)
    | {
        "posterize": Strength(lambda level: 4 - int(4 * level)),
        "solarize": Strength(lambda level: 256 - int(256 * level)),
    }
)
_CHANCE = 0.5  # of each drawn operation
_SECTION = re.compile(r"(mstd|m|n|inc(?=1$))(\d+(?:\.\d+)?)")


class TimmAutoAugment:
    """With chance `prob` draw operations and apply each or not, one chance in two.

    `config_str` is `rand` and then, each with a dash before it: `m` the magnitude (10), `mstd` the
    standard deviation of noise on it (0), `n` the number of operations (2), `inc1` for operations
    that all get stronger with the magnitude. None changes no image: FasterNet_T0's config says so,
    which PaddleClas itself cannot read. timm's other policies (`augmix`, `auto`, weighted
    choice) are not here: no ImageNet config of PaddleClas names them. Magnitudes above 10 count as
    10, after the noise.

    `interpolation` filters moves; `random` draws bilinear or bicubic each time. What a move
    uncovers gets the colour `mean` (of 1). `img_size` is only checked: moves are shares of the
    image's own size.
    """

    def __init__(
        self,
        prob: float = 1.0,
        config_str: str | None = "rand-m9-mstd0.5-inc1",
        interpolation: str | None = "bicubic",
        img_size: int | list[int] = 224,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
    ) -> None:
        self.prob = number("prob", prob, 0, 1)
        settings = _parse(config_str)
        self.magnitude = settings["m"]
        self.magnitude_std = settings["mstd"]
        self.num_layers = int(settings["n"])
        self.increasing = bool(settings["inc"])
        if interpolation in (None, "random"):
            self._filters: tuple[Image.Resampling, ...] = (
                Image.Resampling.BILINEAR,
                Image.Resampling.BICUBIC,
            )
        else:
            self._filters = (FILTERS[one_of("interpolation", interpolation, FILTERS)],)
        width_height("img_size", img_size)
        self.names = (*self.strengths, *PLAIN)
        shares = three_numbers("mean", mean, 0, 1)
        self.fill = rgb_color("mean", [255 * share for share in shares])

    @property
    def strengths(self) -> dict[str, Strength]:
        """How much each operation does; no attribute, as its functions cannot go to a worker."""
        return _INCREASING_STRENGTHS if self.increasing else _STRENGTHS

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        pillow = to_pillow(image)
        for index in rng.integers(len(self.names), size=self.num_layers):
            if rng.random() <= _CHANCE:
                pillow = self.apply(pillow, self.names[index], rng)
        return np.asarray(pillow)

    def apply(self, image: Image.Image, name: str, rng: np.random.Generator) -> Image.Image:
        """Apply one operation by its name; its strength, sign and filter are drawn."""
        magnitude = rng.normal(self.magnitude, self.magnitude_std)
        level = min(MOST_LEVEL, max(0, magnitude)) / MOST_LEVEL
        amount = self.strengths[name].draw(level, rng) if name in self.strengths else 0
        if name in _MOVES:
            amount *= image.size[_MOVES.index(name)]
        resample = self._filters[rng.integers(len(self._filters))]
        return apply_op(image, name, amount, fill=self.fill, resample=resample)


def _parse(config_str: str | None) -> dict[str, float]:
    """Read "rand-m9-mstd0.5-inc1" as {"m": 9, "mstd": 0.5, ...}; ValueError otherwise."""
    settings = {"m": float(MOST_LEVEL), "mstd": 0.0, "n": 2.0, "inc": 0.0}
    if config_str is None:
        return settings | {"n": 0.0}
    policy, *sections = str(config_str).split("-")
    if policy != "rand":
        raise ValueError(
            tr("config_str is {config_str!r}: give rand-..., as in rand-m9-mstd0.5-inc1").format(
                config_str=config_str
            )
        )
    for section in sections:
        match = _SECTION.fullmatch(section)
        if not match:
            raise ValueError(
                tr("config_str is {config_str!r}: {section!r} is not m, mstd, n or inc1").format(
                    config_str=config_str, section=section
                )
            )
        settings[match[1]] = float(match[2])
    if settings["n"] < 1 or settings["n"] % 1:
        raise ValueError(
            tr("config_str is {config_str!r}: n is a whole number of at least 1").format(
                config_str=config_str
            )
        )
    return settings
