"""Operations that move pixels: resize, pad, flip, rotate (PaddleClas `ops/operators.py`)."""

from __future__ import annotations

import math

import cv2
import numpy as np
from PIL import Image

from ppghost.data.transforms.operation import to_pillow
from ppghost.data.transforms.parameters import (
    flag,
    number,
    one_of,
    three_numbers,
    whole_number,
    width_height,
)
from ppghost.data.transforms.reduced import Box, UndecodedJpeg, decode_for, resize_box
from ppghost.i18n import tr

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


class Resampler:
    """Resizes to (width, height) with OpenCV or Pillow; they differ: Pillow's filters widen when
    an image shrinks (antialiasing), OpenCV's do not.
    """

    def __init__(self, interpolation: str | None, backend: str) -> None:
        self.backend = one_of("backend", str(backend).lower(), ("cv2", "pil"))
        filters = _CV2_FILTERS if self.backend == "cv2" else _PIL_FILTERS
        name = "bilinear" if interpolation is None else str(interpolation).lower()
        self.filters = filters[one_of("interpolation", name, filters)]
        self.averages = name == "area"

    def _choose(self, rng: np.random.Generator) -> int:
        if len(self.filters) == 1:
            return self.filters[0]
        return self.filters[rng.integers(len(self.filters))]

    def __call__(
        self, image: np.ndarray, size: tuple[int, int], rng: np.random.Generator
    ) -> np.ndarray:
        resample = self._choose(rng)
        if self.backend == "cv2":
            return cv2.resize(image, size, interpolation=resample)
        return np.asarray(to_pillow(image).resize(size, resample))

    def part(
        self,
        image: np.ndarray | UndecodedJpeg,
        box: Box,
        size: tuple[int, int],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Resize a box of whole pixels of an image, which is decoded for it if it is not yet."""
        if isinstance(image, UndecodedJpeg):
            image, box, factor = decode_for(image, box, size)
            if factor > 1:
                return self._within_pixels(image, box, size, rng)
        left, top, width, height = map(int, box)
        return self(image[top : top + height, left : left + width], size, rng)

    def _within_pixels(
        self, image: np.ndarray, box: Box, size: tuple[int, int], rng: np.random.Generator
    ) -> np.ndarray:
        resample = self._choose(rng)
        if self.backend == "cv2":
            return resize_box(image, box, size, resample)
        edges = (box.left, box.top, box.left + box.width, box.top + box.height)
        return np.asarray(to_pillow(image).resize(size, resample, box=edges))


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
        self.resize_short = whole_number("resize_short", resize_short) if resize_short else 0
        self.size: tuple[int, int] | None = None
        if not self.resize_short:
            if size is None:
                raise ValueError(tr("neither size nor resize_short is given: give one of them"))
            self.size = width_height("size", size)
        self._resample = Resampler(interpolation, backend)
        self.averages = self._resample.averages

    def __call__(self, image: np.ndarray | UndecodedJpeg, rng: np.random.Generator) -> np.ndarray:
        height, width = image.shape[:2]
        size = self.size
        if size is None:
            factor = self.resize_short / min(width, height)
            size = (round(width * factor), round(height * factor))
        return self._resample.part(image, Box(0, 0, width, height), size, rng)


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
            raise TypeError(
                tr("fill is {fill!r}: give one number or a list of three").format(fill=fill)
            )
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


class RandomRotation:
    """Turn around `center` (x, y; default the middle) by a random angle, with chance `prob`.

    `degrees` is [least, most], counter-clockwise, or one number d for -d to d. `expand` makes the
    result large enough for the whole turned image. `fill`, one number or three, is the colour of
    what is uncovered; in PaddleClas one number colours the first channel only.
    """

    def __init__(
        self,
        degrees: float | list[float],
        prob: float = 0.5,
        interpolation: str = "nearest",
        expand: bool = False,
        center: list[float] | None = None,
        fill: float | list[float] = 0,
    ) -> None:
        if isinstance(degrees, list | tuple):
            self.degrees = _pair("degrees", degrees)
        else:
            most = number("degrees", degrees, 0)
            self.degrees = (-most, most)
        self.prob = number("prob", prob, 0)
        fixed_filters = {name: found for name, found in _CV2_FILTERS.items() if len(found) == 1}
        [self.flags] = fixed_filters[one_of("interpolation", interpolation, fixed_filters)]
        self.expand = flag("expand", expand)
        self.center = None if center is None else _pair("center", center)
        colors = fill if isinstance(fill, list | tuple) else (fill,) * 3
        self.fill = three_numbers("fill", colors)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        angle = rng.uniform(*self.degrees)
        height, width = image.shape[:2]
        center = (width / 2, height / 2) if self.center is None else self.center
        matrix = cv2.getRotationMatrix2D(center, angle, 1)
        size = (width, height)
        if self.expand:
            size = _turned_size(width, height, angle)
            matrix[:, 2] += (np.array(size) - (width, height)) / 2
        return cv2.warpAffine(image, matrix, size, flags=self.flags, borderValue=self.fill)


def _turned_size(width: int, height: int, angle: float) -> tuple[int, int]:
    """Return the width and height of the box around an image turned around its middle."""
    # rounded, so that a quarter turn does not gain a pixel by cos(90 degrees) = 6e-17
    cosine = abs(round(math.cos(math.radians(angle)), 15))
    sine = abs(round(math.sin(math.radians(angle)), 15))
    reach_x = (width * cosine + height * sine) / 2
    reach_y = (width * sine + height * cosine) / 2
    return (
        math.ceil(width / 2 + reach_x) - math.floor(width / 2 - reach_x),
        math.ceil(height / 2 + reach_y) - math.floor(height / 2 - reach_y),
    )


def _pair(name: str, value: object) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError(
            tr("{name} is {value!r}: give a list of two numbers").format(name=name, value=value)
        )
    return number(f"{name}[0]", value[0]), number(f"{name}[1]", value[1])
