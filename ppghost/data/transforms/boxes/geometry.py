"""Operations that move pixels and boxes: resize, pad, flip, expand."""

from __future__ import annotations

import cv2
import numpy as np

from ppghost.data.transforms.boxes.operation import Sample, clip
from ppghost.data.transforms.operation import BadImage
from ppghost.data.transforms.parameters import flag, number, one_of, three_numbers, whole_number
from ppghost.i18n import tr

_GRAY = (127.5, 127.5, 127.5)
#: OpenCV's numbers of its filters, which PaddleDetection's configs hold
_FILTERS = (
    cv2.INTER_NEAREST,
    cv2.INTER_LINEAR,
    cv2.INTER_CUBIC,
    cv2.INTER_AREA,
    cv2.INTER_LANCZOS4,
)


def height_width(name: str, value: object) -> tuple[int, int]:
    """Read a size as (height, width): PaddleDetection's order, PaddleClas's is the other one."""
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise ValueError(
                tr("{name} is {value!r}: give one number or [height, width]").format(
                    name=name, value=value
                )
            )
        return whole_number(f"{name}[0]", value[0]), whole_number(f"{name}[1]", value[1])
    return (whole_number(name, value),) * 2


class Resize:
    """Resize to `target_size`, one number or [height, width].

    With `keep_ratio` the sides keep their ratio, the shorter one at most the smaller and the
    longer one at most the larger number of `target_size`, whichever is the height: as in
    PaddleDetection. `Pad` then makes all images one size. `interp` is OpenCV's number of a filter.
    """

    def __init__(
        self, target_size: int | list[int], keep_ratio: bool, interp: int = cv2.INTER_LINEAR
    ) -> None:
        self.target_size = height_width("target_size", target_size)
        self.keep_ratio = flag("keep_ratio", keep_ratio)
        self.interp = one_of("interp", interp, _FILTERS)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        height, width = sample.image.shape[:2]
        x, y = self._scale(height, width)
        if round(x * width) < 1 or round(y * height) < 1:
            raise BadImage(
                "is {width}x{height}: nothing is left of it at {target_size}",
                width=width,
                height=height,
                target_size=self.target_size,
            )
        # by factors, as in PaddleDetection: with a size OpenCV rounds the factors too
        image = cv2.resize(sample.image, None, fx=x, fy=y, interpolation=self.interp)
        boxes = sample.objects.boxes * np.array([x, y, x, y], np.float32)
        boxes = clip(boxes, width * x, height * y)
        scale = (sample.scale[0] * x, sample.scale[1] * y)
        return Sample(image, sample.objects.moved(boxes), scale)

    def _scale(self, height: int, width: int) -> tuple[float, float]:
        if not self.keep_ratio:
            return self.target_size[1] / width, self.target_size[0] / height
        shorter = min(self.target_size) / min(height, width)
        longer = max(self.target_size) / max(height, width)
        return (min(shorter, longer),) * 2


class RandomResize:
    """`Resize` to one of the sizes in `target_size`, drawn anew for each image.

    With `random_range` its two entries are [least, longest] and [most, longest]: the shorter side
    is drawn between them. Without `random_size` it is one size. `random_interp` draws the filter
    too. Images of a batch need one size: let `Pad` follow.
    """

    def __init__(
        self,
        target_size: int | list,
        keep_ratio: bool = True,
        interp: int = cv2.INTER_LINEAR,
        random_range: bool = False,
        random_size: bool = True,
        random_interp: bool = False,
    ) -> None:
        self.keep_ratio = flag("keep_ratio", keep_ratio)
        self.random_range = flag("random_range", random_range)
        several = flag("random_size", random_size) or self.random_range
        if several and (not isinstance(target_size, list | tuple) or not target_size):
            raise TypeError(
                tr("target_size is {target_size!r}: give a list of sizes").format(
                    target_size=target_size
                )
            )
        sizes = target_size if isinstance(target_size, list | tuple) and several else [target_size]
        self.sizes = [
            height_width(f"target_size[{place}]", size) for place, size in enumerate(sizes)
        ]
        if self.random_range and (len(self.sizes) != 2 or self.sizes[0][0] > self.sizes[1][0]):
            raise ValueError(
                tr(
                    "target_size is {target_size!r}: with random_range give [[least, "
                    "longest], [most, longest]]"
                ).format(target_size=target_size)
            )
        interp = one_of("interp", interp, _FILTERS)
        self.filters = _FILTERS if flag("random_interp", random_interp) else (interp,)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if self.random_range:
            (least, one), (most, other) = self.sizes
            size = (int(rng.integers(least, most + 1)), max(one, other))
        else:
            size = self.sizes[rng.integers(len(self.sizes))]
        interp = self.filters[rng.integers(len(self.filters))]
        return Resize(list(size), self.keep_ratio, interp)(sample, rng)


class Pad:
    """Add pixels of `fill_value` up to `size`, or to the next multiple of `size_divisor`.

    `pad_mode` 0 adds them at the right and the bottom, 1 on all sides, 2 at the left and the top,
    -1 so that the image starts at `offsets` (x, y). It also takes CHW: after NormalizeImage and
    Permute, with `fill_value` 0, it does what PaddleDetection's PadBatch does.
    """

    def __init__(
        self,
        size: int | list[int] | None = None,
        size_divisor: int = 32,
        pad_mode: int = 0,
        offsets: list[int] | None = None,
        fill_value: float | list[float] | tuple = _GRAY,
    ) -> None:
        self.size = None if size is None else height_width("size", size)
        self.size_divisor = whole_number("size_divisor", size_divisor)
        self.pad_mode = one_of("pad_mode", pad_mode, (-1, 0, 1, 2))
        self.offsets = (0, 0)
        if self.pad_mode == -1:
            if not isinstance(offsets, list | tuple) or len(offsets) != 2:
                raise ValueError(
                    tr("offsets is {offsets!r}: pad_mode -1 needs [x, y]").format(offsets=offsets)
                )
            self.offsets = (
                whole_number("offsets[0]", offsets[0], 0),
                whole_number("offsets[1]", offsets[1], 0),
            )
        self.fill = _color(fill_value)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        chw = sample.image.shape[2] != 3
        image = sample.image.transpose(1, 2, 0) if chw else sample.image
        height, width = image.shape[:2]
        full = self._full_size(height, width)
        left, top = self._corner(full[0] - height, full[1] - width)
        if left + width > full[1] or top + height > full[0]:
            raise BadImage(
                "is {width}x{height} where Pad makes {full}x{full2}: resize it to fit "
                "(Resize with keep_ratio turns its target with the image: give a square "
                "one)",
                width=width,
                height=height,
                full=full[1],
                full2=full[0],
            )
        padded = _canvas(image, full, (left, top), self.fill)
        padded = padded.transpose(2, 0, 1) if chw else padded
        boxes = sample.objects.boxes + np.array([left, top, left, top], np.float32)
        return Sample(padded, sample.objects.moved(boxes), sample.scale)

    def _full_size(self, height: int, width: int) -> tuple[int, int]:
        if self.size is not None:
            return self.size
        step = self.size_divisor
        return -(-height // step) * step, -(-width // step) * step

    def _corner(self, spare_height: int, spare_width: int) -> tuple[int, int]:
        if self.pad_mode == 1:
            return max(0, spare_width // 2), max(0, spare_height // 2)
        if self.pad_mode == 2:
            return max(0, spare_width), max(0, spare_height)
        return self.offsets


class RandomFlip:
    """Flip the image left-right with chance `prob`."""

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = number("prob", prob, 0, 1)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.prob:
            return sample
        boxes = sample.objects.boxes.copy()
        boxes[:, [0, 2]] = sample.image.shape[1] - boxes[:, [2, 0]]
        return Sample(sample.image[:, ::-1], sample.objects.moved(boxes), sample.scale)


class RandomExpand:
    """Place the image at random on a canvas of `fill_value`, up to `ratio` times as wide and high.

    `prob` is the chance that nothing happens: so PaddleDetection computes it, although it says
    otherwise.
    """

    def __init__(
        self,
        ratio: float = 4.0,
        prob: float = 0.5,
        fill_value: float | list[float] | tuple = _GRAY,
    ) -> None:
        self.ratio = number("ratio", ratio, 1.01)
        self.prob = number("prob", prob, 0, 1)
        self.fill = _color(fill_value)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() < self.prob:
            return sample
        height, width = sample.image.shape[:2]
        ratio = rng.uniform(1, self.ratio)
        full = int(height * ratio), int(width * ratio)
        top = int(rng.integers(full[0] - height + 1))
        left = int(rng.integers(full[1] - width + 1))
        image = _canvas(sample.image, full, (left, top), self.fill)
        boxes = sample.objects.boxes + np.array([left, top, left, top], np.float32)
        return Sample(image, sample.objects.moved(boxes), sample.scale)


def _color(fill_value: object) -> tuple[float, float, float]:
    several = isinstance(fill_value, list | tuple)
    return three_numbers("fill_value", fill_value if several else [fill_value] * 3)


def _canvas(
    image: np.ndarray,
    size: tuple[int, int],
    corner: tuple[int, int],
    fill: tuple[float, float, float],
) -> np.ndarray:
    """`image` (HWC) at `corner` (left, top) of a canvas of `size` (height, width) and one colour.

    It is float32 where `fill` is no whole number.
    """
    if size == image.shape[:2]:
        return image
    whole = all(float(value).is_integer() and 0 <= value <= 255 for value in fill)
    pixels = image if whole else image.astype(np.float32, copy=False)
    (left, top), (height, width) = corner, image.shape[:2]
    below, beside = size[0] - top - height, size[1] - left - width
    return cv2.copyMakeBorder(pixels, top, below, left, beside, cv2.BORDER_CONSTANT, value=fill)
