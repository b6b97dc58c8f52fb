"""Operations on values in PaddleDetection's terms: RandomDistort, NormalizeImage."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ppghost.data.transforms import pixels
from ppghost.data.transforms.parameters import flag, number, one_of, whole_number
from ppghost.i18n import tr

#: shares of red, green and blue in brightness (ITU-R BT.601)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
#: RGB to YIQ and back (NTSC 1953, three digits)
_TO_YIQ = np.array([_LUMA, [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
_FROM_YIQ = np.array([[1.0, 0.956, 0.621], [1.0, -0.272, -0.647], [1.0, -1.107, 1.705]])


class RandomDistort:
    """Change brightness, contrast, saturation and hue at random; the result is float32, not cut.

    Each is [least, most, chance that it stays as it is]: PaddleDetection calls the third one the
    probability and computes it so. Brightness is added (to values of 0 to 255), contrast and
    saturation are factors, hue turns the colours by so many half turns.

    With `random_apply` the first `count` of the four in random order are tried; else all of them,
    in SSD's order, contrast before or after the colours, and `random_channel` may swap channels.
    """

    def __init__(
        self,
        hue: list[float] | tuple = (-18, 18, 0.5),
        saturation: list[float] | tuple = (0.5, 1.5, 0.5),
        contrast: list[float] | tuple = (0.5, 1.5, 0.5),
        brightness: list[float] | tuple = (0.5, 1.5, 0.5),
        random_apply: bool = True,
        count: int = 4,
        random_channel: bool = False,
    ) -> None:
        self.steps: dict[str, tuple[Callable, tuple[float, float, float]]] = {
            "brightness": (_brighten, _range("brightness", brightness)),
            "contrast": (_contrast, _range("contrast", contrast)),
            "saturation": (_saturate, _range("saturation", saturation)),
            "hue": (_turn_hue, _range("hue", hue)),
        }
        self.random_apply = flag("random_apply", random_apply)
        self.count = whole_number("count", count, least=0)
        self.random_channel = flag("random_channel", random_channel)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        result = image.astype(np.float32)
        for name in self._order(rng):
            change, (least, most, stays) = self.steps[name]
            if rng.random() >= stays:
                result = change(result, np.float32(rng.uniform(least, most)))
        if not self.random_apply and self.random_channel and rng.integers(2):
            result = result[..., rng.permutation(3)]
        return result

    def _order(self, rng: np.random.Generator) -> list[str]:
        if self.random_apply:
            names = list(self.steps)
            return [names[place] for place in rng.permutation(len(names))[: self.count]]
        if rng.integers(2):
            return ["brightness", "contrast", "saturation", "hue"]
        return ["brightness", "saturation", "hue", "contrast"]


def _range(name: str, value: object) -> tuple[float, float, float]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise TypeError(
            tr("{name} is {value!r}: give [least, most, chance that it stays]").format(
                name=name, value=value
            )
        )
    most = number(f"{name}[1]", value[1])
    return number(f"{name}[0]", value[0], most=most), most, number(f"{name}[2]", value[2], 0, 1)


def _brighten(image: np.ndarray, amount: np.float32) -> np.ndarray:
    return image + amount


def _contrast(image: np.ndarray, factor: np.float32) -> np.ndarray:
    return image * factor


def _saturate(image: np.ndarray, factor: np.float32) -> np.ndarray:
    # a matrix product over three channels is what OpenCV does five times as fast as numpy
    return cv2.transform(image, factor * np.eye(3, dtype=np.float32) + (1 - factor) * _LUMA)


def _turn_hue(image: np.ndarray, half_turns: np.float32) -> np.ndarray:
    angle = float(half_turns) * np.pi
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return cv2.transform(image, (_FROM_YIQ @ turn @ _TO_YIQ).astype(np.float32))


class NormalizeImage(pixels.NormalizeImage):
    """Compute `(image / 255 - mean) / std` per channel of HWC, in float32.

    Without `is_scale` there is no division by 255, with `norm_type: none` no mean and std.
    """

    def __init__(
        self,
        mean: list[float] | tuple = pixels.IMAGENET_MEAN,
        std: list[float] | tuple = pixels.IMAGENET_STD,
        is_scale: bool = True,
        norm_type: str = "mean_std",
    ) -> None:
        scale = 1 / 255 if flag("is_scale", is_scale) else 1.0
        if one_of("norm_type", norm_type, ("mean_std", "none")) == "none":
            mean, std = (0.0,) * 3, (1.0,) * 3
        super().__init__(scale, list(mean), list(std), order="")


#: the parameters that say that PaddleClas's NormalizeImage is meant
PADDLECLAS_PARAMETERS = {"scale", "order", "output_fp16", "channel_num"}
