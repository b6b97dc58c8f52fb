"""A random crop that keeps objects (SSD, arXiv:1512.02325, in PaddleDetection's form)."""

from __future__ import annotations

import math

import numpy as np

from ppghost.data.transforms.boxes.operation import Sample, have_area
from ppghost.data.transforms.parameters import flag, number, ordered_range, whole_number


class RandomCrop:
    """Cut out a rectangle that overlaps the boxes by at least a threshold (IoU) drawn at random.

    Of each threshold in random order `num_attempts` rectangles are tried, with sides of `scaling`
    times the image's and a width / height (as a factor of the image's) within `aspect_ratio`; the
    first one that reaches the threshold with a box, or with `cover_all_box` with all of them, and
    that holds the centre of a box is taken. Objects whose centre lies outside are dropped, the
    others are cut at its edges. With `allow_no_crop` "leave it whole" is one of the draws. An image
    without boxes stays whole. `is_mask_crop` concerns masks, which there are none of here.
    """

    def __init__(
        self,
        aspect_ratio: list[float] | tuple | None = (0.5, 2.0),
        thresholds: list[float] | tuple = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9),
        scaling: list[float] | tuple = (0.3, 1.0),
        num_attempts: int = 50,
        allow_no_crop: bool = True,
        cover_all_box: bool = False,
        is_mask_crop: bool = False,
    ) -> None:
        self.aspect_ratio = None
        if aspect_ratio is not None:
            self.aspect_ratio = ordered_range("aspect_ratio", aspect_ratio)
        if not isinstance(thresholds, list | tuple):
            raise TypeError(f"thresholds is {thresholds!r}: give a list of numbers")
        self.draws: list[float | None] = [number("thresholds", least, 0, 1) for least in thresholds]
        if flag("allow_no_crop", allow_no_crop):
            self.draws.append(None)
        self.scaling = ordered_range("scaling", scaling)
        number("scaling[1]", self.scaling[1], most=1)
        self.num_attempts = whole_number("num_attempts", num_attempts)
        self.cover_all_box = flag("cover_all_box", cover_all_box)
        flag("is_mask_crop", is_mask_crop)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if not len(sample.objects):
            return sample
        for place in rng.permutation(len(self.draws)):
            least = self.draws[place]
            if least is None:
                return sample
            for _ in range(self.num_attempts):
                cropped = self._attempt(sample, least, rng)
                if cropped is not None:
                    return cropped
        return sample

    def _attempt(self, sample: Sample, least: float, rng: np.random.Generator) -> Sample | None:
        """Draw a rectangle; None if it does not hold what it has to."""
        rectangle = self._draw(sample.image.shape[0], sample.image.shape[1], rng)
        if rectangle is None:
            return None
        left, top, right, bottom = rectangle
        edges = np.array(rectangle, np.float32)
        boxes = sample.objects.boxes
        overlaps = _overlaps(boxes, edges)
        if (overlaps.min() if self.cover_all_box else overlaps.max()) < least:
            return None
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = ((centers >= edges[:2]) & (centers < edges[2:])).all(axis=1)
        low, high = np.maximum(boxes[:, :2], edges[:2]), np.minimum(boxes[:, 2:], edges[2:])
        cut = np.concatenate((low, high), axis=1) - np.tile(edges[:2], 2)
        kept = inside & have_area(cut)
        if not kept.any():
            return None
        image = sample.image[top:bottom, left:right]
        return Sample(image, sample.objects.moved(cut).select(kept), sample.scale)

    def _draw(
        self, height: int, width: int, rng: np.random.Generator
    ) -> tuple[int, int, int, int] | None:
        """Left, top, right, bottom of a rectangle in pixels; None for one of no use."""
        if self.aspect_ratio is None:
            of_height, of_width = rng.uniform(*self.scaling), rng.uniform(*self.scaling)
            if not 0.5 <= height * of_height / (width * of_width) <= 2:
                return None
        else:
            scale = rng.uniform(*self.scaling)
            # no wider or higher than the image
            low, high = max(self.aspect_ratio[0], scale**2), min(self.aspect_ratio[1], scale**-2)
            root = math.sqrt(rng.uniform(low, high)) if low <= high else 1.0
            of_height, of_width = scale / root, scale * root
        cut_height, cut_width = int(height * of_height), int(width * of_width)
        if not (0 < cut_height <= height and 0 < cut_width <= width):
            return None
        top = int(rng.integers(height - cut_height + 1))
        left = int(rng.integers(width - cut_width + 1))
        return left, top, left + cut_width, top + cut_height


def _overlaps(boxes: np.ndarray, rectangle: np.ndarray) -> np.ndarray:
    """Intersection over union of `boxes` [G, 4] with one rectangle [4]: [G]."""
    low = np.maximum(boxes[:, :2], rectangle[:2])
    high = np.minimum(boxes[:, 2:], rectangle[2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    whole = (rectangle[2:] - rectangle[:2]).prod()
    return shared / (areas + whole - shared + 1e-10)
