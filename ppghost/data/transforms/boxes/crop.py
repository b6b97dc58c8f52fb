"""A random crop that keeps objects (SSD, arXiv:1512.02325, in PaddleDetection's form)."""

from __future__ import annotations

import numpy as np

from ppghost.data.transforms.boxes.operation import Sample
from ppghost.data.transforms.parameters import flag, number, ordered_range, whole_number
from ppghost.i18n import tr


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
            raise TypeError(
                tr("thresholds is {thresholds!r}: give a list of numbers").format(
                    thresholds=thresholds
                )
            )
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
            cropped = self._first_good(sample, least, rng)
            if cropped is not None:
                return cropped
        return sample

    def _first_good(self, sample: Sample, least: float, rng: np.random.Generator) -> Sample | None:
        """Cut out the first of the rectangles drawn that holds what it has to."""
        edges = self._draw(sample.image.shape[0], sample.image.shape[1], rng)
        boxes = sample.objects.boxes
        overlaps = _overlaps(boxes, edges)
        enough = (overlaps.min(axis=1) if self.cover_all_box else overlaps.max(axis=1)) >= least
        low = np.maximum(boxes[:, :2], edges[:, None, :2])
        high = np.minimum(boxes[:, 2:], edges[:, None, 2:])
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = (centers >= edges[:, None, :2]) & (centers < edges[:, None, 2:])
        kept = (inside & (low < high)).all(axis=2)
        good = np.flatnonzero(enough & kept.any(axis=1))
        if not len(good):
            return None
        first = good[0]
        left, top, right, bottom = edges[first].tolist()
        cut = np.concatenate((low[first], high[first]), axis=1) - [left, top, left, top]
        image = sample.image[top:bottom, left:right]
        return Sample(image, sample.objects.moved(cut).select(kept[first]), sample.scale)

    def _draw(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """Up to `num_attempts` rectangles in the image: int64 [A, 4], x1, y1, x2, y2 in pixels."""
        of_height, of_width = self._draw_shares(height, width, rng)
        heights, widths = (height * of_height).astype(int), (width * of_width).astype(int)
        fits = (heights > 0) & (heights <= height) & (widths > 0) & (widths <= width)
        heights, widths = heights[fits], widths[fits]
        tops = rng.integers(height - heights + 1)
        lefts = rng.integers(width - widths + 1)
        return np.stack((lefts, tops, lefts + widths, tops + heights), axis=1)

    def _draw_shares(
        self, height: int, width: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Height and width of rectangles as shares of the image's."""
        scales = rng.uniform(*self.scaling, size=(2, self.num_attempts))
        if self.aspect_ratio is None:
            aspects = height * scales[0] / (width * scales[1])
            return tuple(scales[:, (aspects >= 0.5) & (aspects <= 2)])
        # no wider or higher than the image
        low = np.maximum(self.aspect_ratio[0], scales[0] ** 2)
        high = np.minimum(self.aspect_ratio[1], scales[0] ** -2)
        root = np.sqrt(low + rng.random(self.num_attempts) * (high - low))
        return scales[0] / root, scales[0] * root


def _overlaps(boxes: np.ndarray, rectangles: np.ndarray) -> np.ndarray:
    """Intersection over union of `boxes` [G, 4] with `rectangles` [A, 4]: [A, G]."""
    low = np.maximum(boxes[:, :2], rectangles[:, None, :2])
    high = np.minimum(boxes[:, 2:], rectangles[:, None, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    wholes = (rectangles[:, 2:] - rectangles[:, :2]).prod(axis=1)
    return shared / (areas + wholes[:, None] - shared)
