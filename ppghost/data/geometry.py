"""Operations that move pixels: resize, crop, pad, flip (PaddleClas `ops/operators.py`)."""

from __future__ import annotations

import logging
import math

import cv2
import numpy as np
from PIL import Image

from ppghost.data.op import BadImage, flag, one_of, to_pillow, whole_number, width_height

log = logging.getLogger(__name__)

# The data pipeline is parallel over images; OpenCV's own threads inside one image would only
# compete with it and with Paddle's.
cv2.setNumThreads(0)

_CV2_FILTERS = {
    "nearest": (cv2.INTER_NEAREST,),
    "bilinear": (cv2.INTER_LINEAR,),
    "area": (cv2.INTER_AREA,),
    "bicubic": (cv2.INTER_CUBIC,),
    "lanczos": (cv2.INTER_LANCZOS4,),
    "random": (cv2.INTER_LINEAR, cv2.INTER_CUBIC),
}
_PIL_FILTERS = {
    "nearest": (Image.Resampling.NEAREST,),
    "bilinear": (Image.Resampling.BILINEAR,),
    "bicubic": (Image.Resampling.BICUBIC,),
    "box": (Image.Resampling.BOX,),
    "lanczos": (Image.Resampling.LANCZOS,),
    "hamming": (Image.Resampling.HAMMING,),
    "random": (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC),
}


class _Resampler:
    """Resizes to (width, height) with OpenCV or Pillow; they differ: Pillow's filters widen when
    an image shrinks (antialiasing), OpenCV's do not.
    """

    def __init__(self, interpolation: str | None, backend: str) -> None:
        self.backend = one_of("backend", str(backend).lower(), ("cv2", "pil"))
        filters = _CV2_FILTERS if self.backend == "cv2" else _PIL_FILTERS
        name = "bilinear" if interpolation is None else str(interpolation).lower()
        self.filters = filters[one_of("interpolation", name, filters)]

    def __call__(
        self, image: np.ndarray, size: tuple[int, int], rng: np.random.Generator
    ) -> np.ndarray:
        resample = self.filters[0]
        if len(self.filters) > 1:
            resample = self.filters[rng.integers(len(self.filters))]
        if self.backend == "cv2":
            return cv2.resize(image, size, interpolation=resample)
        return np.asarray(to_pillow(image).resize(size, resample))


class ResizeImage:
    """Resize to `size`, or so that the shorter side is `resize_short` (which wins if both).

    `return_numpy` is PaddleClas's and has no effect: images are always arrays between operations.
    """

    def __init__(
        self,
        size: int | list[int] | None = None,
        resize_short: int | None = None,
        interpolation: str | None = None,
        backend: str = "cv2",
        return_numpy: bool = True,
    ) -> None:
        self.resize_short = self.size = None
        if resize_short:
            self.resize_short = whole_number("resize_short", resize_short)
        elif size is not None:
            self.size = width_height("size", size)
        else:
            raise ValueError("neither size nor resize_short is given: give one of them")
        self._resample = _Resampler(interpolation, backend)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        size = self.size
        if size is None:
            height, width = image.shape[:2]
            factor = float(self.resize_short) / min(width, height)
            size = (round(width * factor), round(height * factor))
        return self._resample(image, size, rng)


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
        self.scale = _ordered_range("scale", (0.08, 1.0) if scale is None else scale)
        self.ratio = _ordered_range("ratio", (3 / 4, 4 / 3) if ratio is None else ratio)
        self.use_log_aspect = flag("use_log_aspect", use_log_aspect)
        self._resample = _Resampler(interpolation, backend)
        if progress_size is not None:
            # PaddleClas's progressive trainer changes the size between epochs; its operation alone
            # does not look at this parameter either.
            log.warning("RandCropImage: progress_size is not followed, the size stays %s", size)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
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
        crop = image[top : top + crop_height, left : left + crop_width]
        return self._resample(crop, self.size, rng)


def _ordered_range(name: str, value: object) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError(f"{name} is {value!r} ({type(value).__name__}): give [least, most]")
    if not all(isinstance(bound, int | float) for bound in value):
        raise TypeError(f"{name} is {value!r}: give two numbers")
    if not 0 < value[0] <= value[1]:
        raise ValueError(f"{name} is {value!r}: give 0 < least <= most")
    return float(value[0]), float(value[1])


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
            f"is {image.shape[1]}x{image.shape[0]}, smaller than the crop {size[0]}x{size[1]}: "
            "resize or pad it first"
        )
    return spare_height, spare_width


class Pad:
    """Add `padding` pixels of value `fill` (one number, or one per channel) on all four sides.

    `backend` chooses a library in PaddleClas, with equal pixels; here it is only checked.
    """

    def __init__(
        self,
        padding: int,
        fill: int | list[int] = 0,
        padding_mode: str = "constant",
        backend: str = "pil",
    ) -> None:
        self.padding = whole_number("padding", padding, least=0)
        self.fill = tuple(fill) if isinstance(fill, list | tuple) else (fill,) * 3
        if len(self.fill) != 3 or not all(isinstance(value, int | float) for value in self.fill):
            raise TypeError(f"fill is {fill!r}: give one number or a list of three")
        # PaddleClas's Pad takes other modes and pads with the constant all the same
        one_of("padding_mode", padding_mode, ("constant",))
        one_of("backend", backend, ("pil", "cv2"))

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        sides = (self.padding,) * 4
        return cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT, value=self.fill)


class RandFlipImage:
    """Flip one image in two; `flip_code` 1: left-right, 0: top-bottom, -1: both."""

    def __init__(self, flip_code: int = 1) -> None:
        self.flip_code = one_of("flip_code", flip_code, (-1, 0, 1))

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return cv2.flip(image, self.flip_code) if rng.integers(2) else image
