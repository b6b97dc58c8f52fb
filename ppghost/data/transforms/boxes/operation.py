"""What every operation is that changes an image and the boxes in it together.

As in `transforms.operation`, a class whose constructor takes the parameters, here PaddleDetection's
(names and defaults of its `data/transform/operators.py`, 2.6), and whose call maps a sample to a
sample. What it is given stays as it was. All chance comes from the generator handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ppghost.data.annotations import Objects
from ppghost.data.transforms.operation import Operation


@dataclass
class Sample:
    """An image on its way to the network.

    Args:
        image: HWC uint8 in RGB order, float32 after some operations; CHW after Permute.
        objects: boxes in pixels of `image`.
        scale: (x, y), pixels of `image` for one of the original.
    """

    image: np.ndarray
    objects: Objects
    scale: tuple[float, float] = (1.0, 1.0)


class BoxOperation(Protocol):
    """Maps a sample to a sample; raises BadImage when it cannot."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample: ...


class OnImage:
    """An operation of images alone, which leaves every pixel where it is."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return replace(sample, image=self.operation(sample.image, rng))


def clip(boxes: np.ndarray, width: float, height: float) -> np.ndarray:
    """Return `boxes` [G, 4] cut at the edges of an image."""
    return np.clip(boxes, 0, np.array([width, height, width, height], np.float32))


def have_area(boxes: np.ndarray) -> np.ndarray:
    """Say of each of `boxes` [G, 4] whether it covers anything: bool [G]."""
    return (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
