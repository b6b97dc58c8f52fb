"""Operations that blank out part of an image: RandomErasing, Cutout, GridMask, HideAndSeek.

They take HWC or CHW, uint8 or normalised: configs place them after NormalizeImage, some also after
ToCHWImage. On a normalised image 0 is the mean colour.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from ppghost.data.transforms.operation import BadImage
from ppghost.data.transforms.parameters import flag, number, one_of, three_numbers, whole_number


def _channels_last(image: np.ndarray) -> np.ndarray:
    """Return a view of `image` as HWC."""
    if image.ndim == 3 and image.shape[2] == 3:
        return image
    if image.ndim == 3 and image.shape[0] == 3:
        return image.transpose(1, 2, 0)
    raise BadImage(
        "has shape {shape} where three channels, first or last, are needed", shape=image.shape
    )


class RandomErasing:
    """Fill a random rectangle, with chance `EPSILON` (arXiv:1708.04896).

    The rectangle's area is between the shares `sl` and `sh` of the image, its height / width
    between `r1` and 1 / `r1`, uniformly or, with `use_log_aspect`, uniformly in the logarithm;
    `attempt` draws are made to find one that fits. `mode` says what fills it: the colour `mean`
    (const), one random colour (rand) or noise (pixel), both of the standard normal distribution
    and so meant for normalised images.
    """

    def __init__(
        self,
        EPSILON: float | str = 0.5,  # noqa: N803  PaddleClas's name
        sl: float | str = 0.02,
        sh: float | str = 0.4,
        r1: float | str = 0.3,
        mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
        attempt: int = 100,
        use_log_aspect: bool = False,
        mode: str = "const",
    ) -> None:
        self.probability = number("EPSILON", EPSILON, 0, 1)
        self.largest = number("sh", sh, 0, 1)
        self.smallest = number("sl", sl, 0, self.largest)
        self.flattest = number("r1", r1, 1e-3, 1)
        self.mean = three_numbers("mean", mean)
        self.attempt = whole_number("attempt", attempt)
        self.use_log_aspect = flag("use_log_aspect", use_log_aspect)
        self.mode = one_of("mode", mode, ("const", "rand", "pixel"))

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() > self.probability:
            return image
        image_height, image_width = _channels_last(image).shape[:2]
        for _ in range(self.attempt):
            height, width = self._draw_size(image_height * image_width, rng)
            if height < image_height and width < image_width:
                filling = self._filling(height, width, rng)
                top = rng.integers(image_height - height + 1)
                left = rng.integers(image_width - width + 1)
                erased = image.copy()
                _channels_last(erased)[top : top + height, left : left + width] = filling
                return erased
        return image

    def _draw_size(self, area: int, rng: np.random.Generator) -> tuple[int, int]:
        target = rng.uniform(self.smallest, self.largest) * area
        if self.use_log_aspect:
            bound = math.log(self.flattest)
            aspect = math.exp(rng.uniform(bound, -bound))
        else:
            aspect = rng.uniform(self.flattest, 1 / self.flattest)
        return round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))

    def _filling(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray | tuple:
        if self.mode == "const":
            return self.mean
        shape = (height, width, 3) if self.mode == "pixel" else (1, 1, 3)
        return rng.standard_normal(shape, dtype=np.float32)


class Cutout:
    """Fill `n_holes` squares of side `length` around random points (arXiv:1708.04552).

    A square may reach over the edge. `fill_value` is a colour, or None ('none') for a random one
    per square. PaddleClas 2.6 fails with any colour, and its random squares are one pixel larger.
    """

    def __init__(
        self,
        n_holes: int = 1,
        length: int = 112,
        fill_value: tuple[float, float, float] | str | None = (0, 0, 0),
    ) -> None:
        self.n_holes = whole_number("n_holes", n_holes)
        self.reach = whole_number("length", length, least=2) // 2
        random_color = fill_value is None or fill_value == "none"
        self.fill_value = None if random_color else three_numbers("fill_value", fill_value)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        image = image.copy()
        pixels = _channels_last(image)
        for _ in range(self.n_holes):
            y, x = rng.integers(pixels.shape[0]), rng.integers(pixels.shape[1])
            color = rng.integers(256, size=3) if self.fill_value is None else self.fill_value
            rows = slice(max(0, y - self.reach), y + self.reach)
            columns = slice(max(0, x - self.reach), x + self.reach)
            pixels[rows, columns] = color
        return image


class GridMask:
    """Blank a grid of bars, or with `mode: 1` all but the bars, with chance `prob`
    (arXiv:2001.04086).

    The grid's period is drawn from `d1` to below `d2` pixels, a bar is the share `ratio` of it
    thick, and the grid is turned by a whole number of degrees below `rotate`. PaddleClas 2.6
    multiplies `prob` by an epoch counter that nothing advances, so that its mask never shows;
    here `prob` is the chance from the first epoch on.
    """

    def __init__(
        self,
        d1: int = 96,
        d2: int = 224,
        rotate: int = 1,
        ratio: float = 0.5,
        mode: int = 0,
        prob: float = 1.0,
    ) -> None:
        self.d1 = whole_number("d1", d1, least=2)
        self.d2 = whole_number("d2", d2, least=self.d1 + 1)
        self.rotate = whole_number("rotate", rotate)
        self.ratio = number("ratio", ratio, 0, 1)
        self.mode = one_of("mode", mode, (0, 1))
        self.prob = number("prob", prob, 0, 1)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() > self.prob:
            return image
        masked = image.copy()
        pixels = _channels_last(masked)
        pixels[~self._draw_kept(pixels.shape[0], pixels.shape[1], rng)] = 0
        return masked

    def _draw_kept(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """Return a bool mask of the pixels that stay."""
        # drawn larger than the image, so that a turned grid still covers its corners
        grid_height, grid_width = int(1.5 * height), int(1.5 * width)
        period = rng.integers(self.d1, self.d2)
        thickness = int(period * self.ratio + 0.5)
        between_rows = (np.arange(grid_height) - rng.integers(period)) % period >= thickness
        between_columns = (np.arange(grid_width) - rng.integers(period)) % period >= thickness
        grid = np.logical_and.outer(between_rows, between_columns)
        degrees = rng.integers(self.rotate)
        turned = np.asarray(Image.fromarray(grid.astype(np.uint8)).rotate(degrees))
        top, left = (grid_height - height) // 2, (grid_width - width) // 2
        return turned[top : top + height, left : left + width] == 1 - self.mode


class HideAndSeek:
    """Cut the image into squares of 16, 32, 44 or 56 pixels and blank every other one by chance;
    one image in five stays whole (ICCV 2017, "Hide-and-Seek").

    PaddleClas 2.6 applies its operation to HWC as if it were CHW, and so blanks no more than the
    first three columns; here it does what the paper says.
    """

    SIZES = (0, 16, 32, 44, 56)  # 0: nothing is hidden

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        size = self.SIZES[rng.integers(len(self.SIZES))]
        if size == 0:
            return image
        masked = image.copy()
        pixels = _channels_last(masked)
        height, width = pixels.shape[:2]
        hidden = rng.random((-(-height // size), -(-width // size))) <= 0.5
        pixels[hidden.repeat(size, 0)[:height].repeat(size, 1)[:, :width]] = 0
        return masked
