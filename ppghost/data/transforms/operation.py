"""What every image operation is.

An operation is a small class whose constructor takes PaddleClas's parameters (names and
defaults) and whose call maps an image to an image. An image is `bytes` (an encoded file) before
DecodeImage, then an array: HWC uint8 in RGB order until an operation says otherwise. All chance
comes from the generator handed in, so that a sample can be replayed.

A constructor raises TypeError or ValueError for a value it refuses, a call raises BadImage.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from PIL import Image

from ppghost.i18n import TranslatableError


class BadImage(TranslatableError, ValueError):
    """This image cannot be used: it does not decode, or an operation cannot be applied to it."""


class Operation(Protocol):
    """Maps an image to an image; raises BadImage when it cannot."""

    # the first one gets what a data set has: the bytes of a file, or pixels
    def __call__(self, image: Any, rng: np.random.Generator) -> np.ndarray: ...


def to_pillow(image: np.ndarray) -> Image.Image:
    """Turn an HWC uint8 array into a Pillow image; BadImage for anything else."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise BadImage(
            "is {dtype} of shape {shape} where Pillow wants HWC uint8: place this "
            "operation before NormalizeImage and ToCHWImage",
            dtype=image.dtype,
            shape=image.shape,
        )
    return Image.fromarray(np.ascontiguousarray(image))
