"""Operations that change values or layout: decode, normalise, to CHW (`operators.py` there)."""

from __future__ import annotations

import io
from functools import partial

import cv2
import numpy as np
import simplejpeg
from PIL import ExifTags, Image

from ppghost.data.transforms.operation import BadImage
from ppghost.data.transforms.parameters import flag, one_of
from ppghost.data.transforms.reduced import UndecodedJpeg
from ppghost.i18n import tr
from ppghost.utils.text import parse_number

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_MOST_PIXELS = 2**30  # OpenCV's bound
_APP1, _START_OF_SCAN = b"\xe1", b"\xda"  # markers of a JPEG's segments
_END_OF_IMAGE = b"\xd9"


class DecodeImage:
    """Decode the bytes of an image file to HWC uint8 with three channels.

    An array of RGB pixels, HWC uint8, is handed on as if it had been decoded.
    `backend` is cv2 (which turns the image as its EXIF data says) or pil (which does not).
    `to_rgb: False` hands on BGR. In PaddleClas `to_np: False` hands on what the library gave: a
    Pillow image (RGB) or OpenCV's array (BGR) whatever `to_rgb` says; here it is an array of the
    same channel order. `channel_first` gives CHW at once, which only suits operations that need
    no HWC.
    `reduced` is ours: where the part of a JPEG that RandCropImage or ResizeImage, next to this,
    takes is at least twice the size that they make of it, libjpeg decodes at 1/2, 1/4 or 1/8.
    Places and random draws are the same; pixels are not quite, they are means of more of them.
    """

    def __init__(
        self,
        to_np: bool = True,
        to_rgb: bool = True,
        channel_first: bool = False,
        backend: str = "cv2",
        reduced: bool = False,
    ) -> None:
        self.backend = one_of("backend", str(backend).lower(), ("cv2", "pil"))
        self.reduced = flag("reduced", reduced)
        if self.reduced and (self.backend == "pil" or channel_first):
            raise ValueError(tr("reduced goes with backend cv2 and channel_first False alone"))
        self.wants_rgb = flag("to_rgb", to_rgb)
        if not flag("to_np", to_np):
            self.wants_rgb = self.backend == "pil"
        self.swap_channels = self.wants_rgb != (self.backend == "pil")
        self.channel_first = flag("channel_first", channel_first) and to_np

    def __call__(
        self, image: bytes | np.ndarray, rng: np.random.Generator
    ) -> np.ndarray | UndecodedJpeg:
        if self.reduced and isinstance(image, bytes) and (size := _plain_jpeg_size(image)):
            otherwise = partial(_decode_cv2, image, self.swap_channels)
            return UndecodedJpeg(image, self._channels, size, otherwise)
        return self.decode(image)

    @property
    def _channels(self) -> str:
        return "RGB" if self.swap_channels else "BGR"

    def decode(self, image: bytes | np.ndarray) -> np.ndarray:
        """The whole image, whatever `reduced` says. Raises BadImage."""
        pixels: np.ndarray | None
        if isinstance(image, np.ndarray):
            pixels = image if self.wants_rgb else np.ascontiguousarray(image[..., ::-1])
        elif self.backend == "cv2":
            # the same pixels twice as fast, where it can be done
            pixels = _decode_jpeg(image, self._channels)
            if pixels is None:
                pixels = _decode_cv2(image, self.swap_channels)
        else:
            pixels = _decode_pillow(image, self.swap_channels)
        return pixels.transpose(2, 0, 1) if self.channel_first else pixels


def _decode_jpeg(data: bytes, channels: str) -> np.ndarray | None:
    """Decode a JPEG that is whole and needs nothing but decoding; None for any other.

    OpenCV's libjpeg-turbo comes without the processor's vector instructions; they compute the same
    integers, so the pixels are OpenCV's, bit for bit.
    """
    try:
        return simplejpeg.decode_jpeg(data, channels) if _plain_jpeg_size(data) else None
    except ValueError:  # damaged
        return None


def _plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) of a JPEG that stands upright and has no ink colours; None for any other."""
    try:
        height, width, colors, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:  # no JPEG, or damaged
        return None
    if colors not in ("YCbCr", "Gray", "RGB") or height * width > _MOST_PIXELS:
        return None
    if _has_exif(data) and not _is_upright(data):
        return None
    return height, width


def _has_exif(data: bytes) -> bool:
    """Walk over a JPEG's segments up to its pixels (a search in all of it takes 80 us)."""
    place = 2
    while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] != _START_OF_SCAN:
        if data[place + 1 : place + 2] == b"\xff":  # padding
            place += 1
            continue
        if data[place + 1 : place + 2] == _APP1 and data[place + 4 : place + 10] == b"Exif\0\0":
            return True
        place += 2 + max(2, int.from_bytes(data[place + 2 : place + 4], "big"))
    return False


def _is_upright(data: bytes) -> bool:
    """Whether EXIF data say so in as many words; all else is left to OpenCV's own reading."""
    try:
        return Image.open(io.BytesIO(data)).getexif().get(ExifTags.Base.Orientation) == 1
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def _decode_cv2(data: bytes, swap_channels: bool) -> np.ndarray:
    if not data:
        raise BadImage("is an empty file")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # a header that promises more pixels than OpenCV accepts
        raise BadImage("cannot be decoded ({err})", err=error.err) from error
    if pixels is None:
        raise BadImage("cannot be decoded: {unread_format}", unread_format=_unread_format(data))
    if _ends_before_its_first_row(data, pixels):
        raise BadImage("cannot be decoded: it is cut off before its first row of pixels")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if swap_channels else pixels


def _unread_format(data: bytes) -> str:
    """Why OpenCV reads nothing: most are damaged, some are of a kind that it does not know."""
    if data.startswith(b"GIF8"):
        return tr("OpenCV reads no GIF; DecodeImage with backend: pil does")
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        return tr("OpenCV reads no HEIC or AVIF; convert it to JPEG or PNG")
    return tr("it is damaged or not an image")


def _ends_before_its_first_row(data: bytes, pixels: np.ndarray) -> bool:
    """Whether OpenCV read no row of a JPEG that is cut off, and so filled `pixels` with leftovers.

    After the last row that it could read it repeats its row buffer, which holds whatever was in
    memory if there was none: other "pixels" on each read.
    """
    if not data.startswith(b"\xff\xd8") or (pixels != pixels[:1]).any():
        return False
    return b"\xff" + _END_OF_IMAGE not in data[data.rfind(b"\xff" + _START_OF_SCAN) :]


def _decode_pillow(data: bytes, swap_channels: bool) -> np.ndarray:
    try:
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if swap_channels else pixels
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # Pillow's PNG reader raises SyntaxError for a broken chunk
        raise BadImage("cannot be decoded ({error})", error=error) from error


class NormalizeImage:
    """Compute `(image * scale - mean) / std` per channel, in float32.

    `order` is 'chw' when ToCHWImage stands before this operation; PaddleClas's configs say `''` or
    'hwc' for HWC. `channel_num: 4` adds a channel of zeros; `output_fp16` rounds to float16.

    A uint8 HWC image has 256 possible values per channel, so the formula is worked out once for
    each and then looked up: the same bits in one pass, about 10 times as fast at 224x224. The
    result lies in memory channel by channel, as ToCHWImage will want it.
    """

    def __init__(
        self,
        scale: float | str | None = None,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        order: str = "chw",
        output_fp16: bool = False,
        channel_num: int = 3,
    ) -> None:
        self.scale = np.float32(1 / 255 if scale is None else parse_number(scale))
        self.mean = _per_channel("mean", IMAGENET_MEAN if mean is None else mean)
        self.std = _per_channel("std", IMAGENET_STD if std is None else std)
        if not self.std.all():
            raise ValueError(tr("std is {std!r}: a channel cannot be divided by 0").format(std=std))
        self.order = one_of("order", order, ("chw", "hwc", ""))
        self.output_fp16 = flag("output_fp16", output_fp16)
        self.channel_num = one_of("channel_num", channel_num, (3, 4))
        values = np.tile(np.arange(256, dtype=np.float32), (3, 1, 1))
        self._tables = self._formula(values, channel_axis=0)

    def _formula(self, image: np.ndarray, channel_axis: int) -> np.ndarray:
        if channel_axis == 2:  # numpy is slow along an axis of three
            return self._formula(image.transpose(2, 0, 1), 0).transpose(1, 2, 0)
        mean, std = self.mean.reshape(3, 1, 1), self.std.reshape(3, 1, 1)
        result = image.astype(np.float32, order="C")
        result *= self.scale
        result -= mean
        result /= std
        return result

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        axis = 0 if self.order == "chw" else 2
        if image.shape[axis] != 3:
            raise BadImage(
                "has shape {shape} where NormalizeImage, order {order!r}, wants 3 channels "
                "on axis {axis}: order is 'chw' after ToCHWImage, '' before it",
                shape=image.shape,
                order=self.order,
                axis=axis,
            )
        if axis == 2 and image.dtype == np.uint8:
            result = self._look_up(image)
        else:
            result = self._formula(image, axis)
        if self.channel_num == 4:
            zeros = np.zeros_like(result.take([0], axis=axis))
            result = np.concatenate((result, zeros), axis=axis)
        return result.astype(np.float16) if self.output_fp16 else result

    def _look_up(self, image: np.ndarray) -> np.ndarray:
        planes = np.empty((3, *image.shape[:2]), np.float32)
        for channel, table, plane in zip(cv2.split(image), self._tables, planes, strict=True):
            cv2.LUT(channel, table, plane)
        return planes.transpose(1, 2, 0)


def _per_channel(name: str, values: object) -> np.ndarray:
    if not isinstance(values, list | tuple) or len(values) != 3:
        raise TypeError(
            tr("{name} is {values!r}: give a list of three numbers").format(
                name=name, values=values
            )
        )
    return np.array([parse_number(value) for value in values], dtype=np.float32)


class ToCHWImage:
    """Turn HWC into CHW (a view)."""

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image.transpose(2, 0, 1)
