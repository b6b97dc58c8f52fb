"""The fast way through a JPEG gives OpenCV's pixels, and is not taken where it could not."""

import io

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import ExifTags, Image

from ppghost.data.transforms.operation import BadImage
from ppghost.data.transforms.pixels import DecodeImage


def picture(height, width, channels=3):
    """Smooth colours with a little noise, as photographs have them."""
    rng = np.random.default_rng(height * width)
    coarse = rng.integers(0, 256, (6, 8, channels), np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(-9, 10, smooth.shape)
    return np.clip(smooth.astype(int) + noise, 0, 255).astype(np.uint8)


def jpeg(image, mode="RGB", **options):
    file = io.BytesIO()
    Image.fromarray(image, mode).save(file, "JPEG", **options)
    return file.getvalue()


def with_orientation(value):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = value
    return jpeg(picture(60, 90), exif=exif)


def opencv(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def decode(data, **options):
    return DecodeImage(**options)(data, np.random.default_rng(0))


@pytest.fixture
def fast_decodes(monkeypatch):
    """Count the images that take the fast way."""
    calls = []
    decode_jpeg = simplejpeg.decode_jpeg

    def counted(*arguments):
        calls.append(arguments)
        return decode_jpeg(*arguments)

    monkeypatch.setattr(simplejpeg, "decode_jpeg", counted)
    return calls


PLAIN = {
    f"{subsampling} {name}": jpeg(picture(*size), subsampling=subsampling, quality=quality, **more)
    for subsampling in ("4:4:4", "4:2:2", "4:2:0")
    for name, size, quality, more in (
        ("even", (96, 160), 75, {}),
        ("odd", (101, 67), 96, {}),
        ("rough", (64, 64), 5, {}),
        ("progressive", (96, 100), 80, {"progressive": True}),
        ("optimised, with restarts", (50, 80), 90, {"optimize": True, "restart_marker_rows": 1}),
    )
} | {
    "one pixel": jpeg(picture(1, 1)),
    "grey": jpeg(picture(40, 50, 1), "L"),
    "RGB inside": jpeg(picture(40, 50), keep_rgb=True),
    "upright EXIF": with_orientation(1),
    "padded markers": jpeg(picture(40, 50)).replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1),
}


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
def test_plain_jpegs_decode_fast_to_opencvs_pixels_bit_for_bit(data, fast_decodes):
    bgr = decode(data, to_rgb=False)
    np.testing.assert_array_equal(bgr, opencv(data))
    np.testing.assert_array_equal(decode(data), bgr[..., ::-1])
    assert len(fast_decodes) == 2


EXIF_WITHOUT_ORIENTATION = Image.Exif()
EXIF_WITHOUT_ORIENTATION[ExifTags.Base.Make] = "x"
OTHER = {
    **{f"turned {value}": with_orientation(value) for value in range(2, 9)},
    "turned, padded": with_orientation(6).replace(b"\xff\xe1", b"\xff\xff\xe1", 1),
    "EXIF that says nothing": jpeg(picture(60, 90), exif=EXIF_WITHOUT_ORIENTATION),
    "damaged EXIF": with_orientation(6).replace(b"II*\0", b"IX*\0").replace(b"MM\0*", b"MX\0*"),
    "ink colours": jpeg(picture(40, 50, 4), "CMYK"),
    "png": cv2.imencode(".png", picture(40, 50))[1].tobytes(),
    "webp": cv2.imencode(".webp", picture(40, 50))[1].tobytes(),
}


@pytest.mark.parametrize("data", OTHER.values(), ids=OTHER)
def test_what_needs_more_than_plain_decoding_is_left_to_opencv(data, fast_decodes):
    np.testing.assert_array_equal(decode(data, to_rgb=False), opencv(data))
    assert not fast_decodes


def test_a_turned_image_is_turned():
    assert decode(with_orientation(6)).shape == (90, 60, 3)
    assert decode(with_orientation(1)).shape == (60, 90, 3)


@pytest.mark.parametrize("share", [0.45, 0.6, 0.95])
def test_a_truncated_jpeg_is_what_opencv_makes_of_it(share):
    whole = jpeg(picture(96, 160))
    data = whole[: int(share * len(whole))]
    np.testing.assert_array_equal(decode(data, to_rgb=False), opencv(data))


@pytest.mark.parametrize("share", [0.2, 0.22, 0.25, 0.3])
def test_a_jpeg_without_one_whole_row_is_a_bad_image(share):
    """OpenCV hands on what its memory held before: other pixels on each read."""
    whole = jpeg(picture(96, 160))
    with pytest.raises(BadImage):
        decode(whole[: int(share * len(whole))])


def test_equal_rows_are_no_damage():
    rows = np.repeat(picture(1, 160), 96, axis=0)
    for data in (jpeg(rows), jpeg(np.pad(rows, ((0, 0),) * 2 + ((0, 1),)), "CMYK")):
        np.testing.assert_array_equal(decode(data, to_rgb=False), opencv(data))


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\x00", jpeg(picture(9, 9))[:200]],
)
def test_the_beginning_of_a_jpeg_is_a_bad_image(data):
    with pytest.raises(BadImage):
        decode(data)


def test_damage_in_the_middle_is_what_opencv_makes_of_it():
    data = bytearray(jpeg(picture(96, 160)))
    for place in range(900, len(data), 97):
        data[place] ^= 0x55
    np.testing.assert_array_equal(decode(bytes(data), to_rgb=False), opencv(bytes(data)))


def test_a_format_that_opencv_does_not_know_is_named_and_pillow_reads_a_gif():
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (255, 0, 0)).save(buffer, "gif")
    gif = buffer.getvalue()
    with pytest.raises(BadImage, match="OpenCV reads no GIF; DecodeImage with backend: pil does"):
        DecodeImage()(gif, None)
    assert DecodeImage(backend="pil")(gif, None)[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(BadImage, match="reads no HEIC"):
        DecodeImage()(b"\0\0\0\x18ftypheic" + bytes(16), None)
