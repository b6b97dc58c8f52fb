"""The boxes that a RetinaNet starts from, in the order of its outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: the first and the last level of the pyramid, as in the paper: strides 8 to 128
LEVELS = (3, 7)


@dataclass(frozen=True)
class AnchorGrid:
    """Anchors at each position of each level, as PaddleDetection's RetinaAnchorGenerator has them.

    At the position (x, y) of a level of stride s they lie around (s x, s y). Their order: level,
    row, column, size, ratio.

    Attributes:
        levels: the first and the last; the stride of level l is 2^l pixels.
        octave_base_scale: side of the smallest square at a level, in strides.
        scales_per_octave: sizes at each position, up to twice the smallest.
        aspect_ratios: heights over widths.
    """

    levels: tuple[int, int] = LEVELS
    octave_base_scale: float = 4.0
    scales_per_octave: int = 3
    aspect_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)

    @classmethod
    def of(cls, levels: Sequence[int], anchors: Mapping[str, Any] | None = None) -> "AnchorGrid":
        """The grid of a network's arguments `levels` and `anchors`, read from a config."""
        settings = dict(anchors or {})
        if "aspect_ratios" in settings:
            settings["aspect_ratios"] = tuple(settings["aspect_ratios"])
        first, last = levels
        return cls((first, last), **settings)

    @property
    def per_position(self) -> int:
        """How many anchors each position has."""
        return self.scales_per_octave * len(self.aspect_ratios)

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of each level's map, of images of that size in pixels."""
        first, last = self.levels
        return [(-(-height // 2**level), -(-width // 2**level)) for level in range(first, last + 1)]

    def boxes(self, height: int, width: int) -> np.ndarray:
        """All anchors of an image of that size, float32 [A, 4]: x1, y1, x2, y2 in pixels."""
        levels = []
        for number, (rows, columns) in enumerate(self.sizes(height, width)):
            stride = 2.0 ** (self.levels[0] + number)
            y, x = np.meshgrid(stride * np.arange(rows), stride * np.arange(columns), indexing="ij")
            centers = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)
            levels.append((centers + self._shapes(stride)).reshape(-1, 4))
        return np.concatenate(levels).astype(np.float32)

    def _shapes(self, stride: float) -> np.ndarray:
        """The anchors around (0, 0), [per_position, 4]."""
        octaves = 2.0 ** (np.arange(self.scales_per_octave) / self.scales_per_octave)
        side = stride * self.octave_base_scale * octaves[:, None]
        ratio = np.sqrt(np.array(self.aspect_ratios, np.float64))
        half_width, half_height = (side / ratio / 2).ravel(), (side * ratio / 2).ravel()
        return np.stack([-half_width, -half_height, half_width, half_height], axis=1)
