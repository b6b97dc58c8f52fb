"""Operations that cut out part of an image (PaddleClas `ops/operators.py`)."""

from __future__ import annotations

import logging
import math

import numpy as np

from ppghost.data.transforms.geometry import Resampler
from ppghost.data.transforms.operation import BadImage
from ppghost.data.transforms.parameters import (
    flag,
    number,
    ordered_range,
    whole_number,
    width_height,
)
from ppghost.data.transforms.reduced import Box, UndecodedJpeg

logger = logging.getLogger(__name__)


class RandCropImage:
    """Cut a rectangle of random area and aspect ratio and resize it to `size`.

    `scale` bounds the area as a share of the image, `ratio` bounds width / height, uniformly or,
    with `use_log_aspect`, uniformly in the logarithm. Unlike torchvision's RandomResizedCrop there
    is no retry: the area is bounded so that every draw fits (PaddleClas `RandCropImage`).
    """

    def __init__(
        self,
        size: int | list[int],
        progress_size: list[int] | None = None,
        scale: list[float] | None = None,
        ratio: list[float] | None = None,
        interpolation: str | None = None,
        use_log_aspect: bool = False,
        backend: str = "cv2",
    ) -> None:
        self.size = width_height("size", size)
        self.scale = ordered_range("scale", (0.08, 1.0) if scale is None else scale)
        self.ratio = ordered_range("ratio", (3 / 4, 4 / 3) if ratio is None else ratio)
        self.use_log_aspect = flag("use_log_aspect", use_log_aspect)
        self._resample = Resampler(interpolation, backend)
        self.averages = self._resample.averages
        if progress_size is not None:
            # Global.train_mode progressive follows it (see variants.py), as in PaddleClas
            logger.warning("RandCropImage: progress_size is not followed, the size stays %s", size)

    def __call__(self, image: np.ndarray | UndecodedJpeg, rng: np.random.Generator) -> np.ndarray:
        height, width = image.shape[:2]
        if self.use_log_aspect:
            aspect = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
        else:
            aspect = rng.uniform(*self.ratio)
        # the largest share of the area that a rectangle of this aspect can have
        largest = min(width / height / aspect, height / width * aspect)
        share = rng.uniform(min(self.scale[0], largest), min(self.scale[1], largest))
        area = width * height * share
        # an image of a few pixels may round to nothing; one pixel is the least that can be resized
        crop_width = max(1, int(math.sqrt(area * aspect)))
        crop_height = max(1, int(math.sqrt(area / aspect)))
        left = rng.integers(width - crop_width + 1)
        top = rng.integers(height - crop_height + 1)
        box = Box(left, top, crop_width, crop_height)
        return self._resample.part(image, box, self.size, rng)


class RandomCropImage:
    """Cut `size` out at a random place, every place equally likely."""

    def __init__(self, size: int | list[int]) -> None:
        self.size = width_height("size", size)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        width, height = self.size
        spare_height, spare_width = _spare(image, self.size)
        top = rng.integers(spare_height + 1)
        left = rng.integers(spare_width + 1)
        return image[top : top + height, left : left + width]


class RandCropImageV2(RandomCropImage):
    """PaddleClas's second name for a random cut without resizing.

    Theirs draws the corner from one position too many at the right and the bottom, where the cut
    comes out a pixel short and the batch cannot be stacked; here the last position is the last one
    that fits, so both names mean the same.
    """


class CropImage:
    """Cut `size` out of the middle."""

    def __init__(self, size: int | list[int]) -> None:
        self.size = width_height("size", size)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        width, height = self.size
        spare_height, spare_width = _spare(image, self.size)
        top, left = spare_height // 2, spare_width // 2
        return image[top : top + height, left : left + width]


def _spare(image: np.ndarray, size: tuple[int, int]) -> tuple[int, int]:
    """Return how many rows and columns remain beside a cut of `size` (width, height)."""
    spare_height = image.shape[0] - size[1]
    spare_width = image.shape[1] - size[0]
    if spare_height < 0 or spare_width < 0:
        raise BadImage(
            "is {shape}x{shape2}, smaller than the crop {size}x{size2}: resize or pad it first",
            shape=image.shape[1],
            shape2=image.shape[0],
            size=size[0],
            size2=size[1],
        )
    return spare_height, spare_width


class CropImageAtRatio:
    """Cut the middle square out, `size` / (`size` + `pad`) of the shorter side, and resize it to
    `size`.
    """

    def __init__(self, size: int, pad: int, interpolation: str = "bilinear") -> None:
        self.size = whole_number("size", size)
        self.pad = whole_number("pad", pad, least=0)
        self._resample = Resampler(interpolation, "cv2")

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        side = int(self.size / (self.size + self.pad) * min(image.shape[:2]))
        if side == 0:
            raise BadImage(
                "is {shape}x{shape2}: nothing is left of it to crop",
                shape=image.shape[1],
                shape2=image.shape[0],
            )
        middle = CropImage(side)(image, rng)
        return self._resample(middle, (self.size, self.size), rng)


class CropWithPadding:
    """Keep a random rectangle where it is and paint the rest with `padding_num`, by chance `prob`.

    The rectangle is RandomResizedCrop's: area within `scale`, aspect within `ratio` (uniform in the
    logarithm), ten attempts, then the largest in the middle. The image keeps its size: `size` and
    `interpolation` are PaddleClas's and have no effect there either.
    """

    def __init__(
        self,
        prob: float = 1,
        padding_num: int = 0,
        size: int | list[int] = 224,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: str = "bilinear",
    ) -> None:
        self.prob = number("prob", prob, 0)
        self.padding_num = number("padding_num", padding_num, 0, 255)
        self.scale = ordered_range("scale", scale)
        self.ratio = ordered_range("ratio", ratio)
        width_height("size", size)
        Resampler(interpolation, "cv2")

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        rows, columns = self._draw_rectangle(image.shape[0], image.shape[1], rng)
        padded = np.full_like(image, self.padding_num)
        padded[rows, columns] = image[rows, columns]
        return padded

    def _draw_rectangle(
        self, image_height: int, image_width: int, rng: np.random.Generator
    ) -> tuple[slice, slice]:
        for _ in range(10):
            area = rng.uniform(*self.scale) * (image_height * image_width)
            aspect = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < width <= image_width and 0 < height <= image_height:
                top = rng.integers(image_height - height + 1)
                left = rng.integers(image_width - width + 1)
                return slice(top, top + height), slice(left, left + width)
        height = min(image_height, round(image_width / self.ratio[0]))
        width = min(image_width, round(image_height * self.ratio[1]))
        top, left = (image_height - height) // 2, (image_width - width) // 2
        return slice(top, top + height), slice(left, left + width)
