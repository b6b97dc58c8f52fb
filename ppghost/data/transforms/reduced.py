"""JPEGs that are decoded when it is known how large they must be (`DecodeImage: {reduced: true}`).

libjpeg decodes at 1/2, 1/4 or 1/8 of the size by computing fewer values of each block of 8x8.
DecodeImage then hands on an `UndecodedJpeg`, and the operation behind it, which knows what part of
the image it wants and at what size, has it decoded no larger than it must be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg

#: largest first; libjpeg has others, but without the processor's vector instructions
_FACTORS = (8, 4, 2)


class Box(NamedTuple):
    """A rectangle of an image, in its pixels; `left` and `top` are distances from the corner."""

    left: float
    top: float
    width: float
    height: float


class UndecodedJpeg:
    """A JPEG in memory, of which the size is known.

    Args:
        data: the file.
        channels: their order, "RGB" or "BGR".
        size: of the whole image, (height, width).
        decode_otherwise: gives the pixels where libjpeg finds the file damaged.
    """

    def __init__(
        self,
        data: bytes,
        channels: str,
        size: tuple[int, int],
        decode_otherwise: Callable[[], np.ndarray],
    ) -> None:
        self._data, self._channels, self._decode_otherwise = data, channels, decode_otherwise
        self.shape = (*size, 3)  # as an array's

    def decode(self, factor: int = 1) -> tuple[np.ndarray, int]:
        """The pixels of the whole image at 1/`factor` of its size, and the factor there is."""
        least = {}
        if factor > 1:
            height, width, _ = self.shape
            least = {"min_height": -(-height // factor), "min_width": -(-width // factor)}
        try:
            return simplejpeg.decode_jpeg(self._data, self._channels, **least), factor
        except ValueError:
            return self._decode_otherwise(), 1


def decode_for(
    image: UndecodedJpeg, box: Box, size: tuple[int, int]
) -> tuple[np.ndarray, Box, int]:
    """Decode so that `box` of the image has no fewer pixels than `size` (width, height).

    Returns:
        The pixels of the whole image, the box in them (its edges may lie within pixels), and by
        what factor they are fewer in each direction.
    """
    fitting = (f for f in _FACTORS if box.width >= f * size[0] and box.height >= f * size[1])
    pixels, factor = image.decode(next(fitting, 1))
    return pixels, Box(*(value / factor for value in box)), factor


def resize_box(pixels: np.ndarray, box: Box, size: tuple[int, int], resample: int) -> np.ndarray:
    """OpenCV's resize of a box whose edges may lie within pixels, to `size` (width, height)."""
    step_x, step_y = box.width / size[0], box.height / size[1]
    # pixel centres are half a pixel from the edges, in both images
    back = np.array(
        [
            [step_x, 0, box.left + step_x / 2 - 0.5],
            [0, step_y, box.top + step_y / 2 - 0.5],
        ]
    )
    flags = resample | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(pixels, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
