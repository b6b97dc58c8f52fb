"""JPEGs decoded at a reduced size: the same places, the same draws, never too small."""

import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from ppghost.data.transforms.compose import build_transforms
from ppghost.errors import InputError

WIDTH, HEIGHT = 637, 509  # no multiples of 8


@pytest.fixture(scope="module")
def jpeg():
    """Planes of 0.4 a pixel, one to the right, one downwards."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = np.stack([0.4 * x, 0.4 * y, np.full_like(x, 90.0)], axis=2)
    stream = io.BytesIO()
    Image.fromarray(planes.round().astype(np.uint8)).save(stream, "JPEG", quality=98, subsampling=0)
    return stream.getvalue()


@pytest.fixture
def decoded(monkeypatch):
    """The sizes at which libjpeg decodes."""
    sizes, decode = [], simplejpeg.decode_jpeg

    def noted(*arguments, **least):
        pixels = decode(*arguments, **least)
        sizes.append(pixels.shape[:2])
        return pixels

    monkeypatch.setattr(simplejpeg, "decode_jpeg", noted)
    return sizes


def pipeline(op, **decode):
    return build_transforms([{"DecodeImage": decode}, op], "ops")


def both(jpeg, op, seed=0):
    """An image by full and by reduced decoding, and whether the next draws are the same."""
    rngs = [np.random.default_rng(seed) for _ in range(2)]
    images = [
        pipeline(op, reduced=reduced)(jpeg, rng)
        for reduced, rng in zip((False, True), rngs, strict=True)
    ]
    return images, rngs[0].random() == rngs[1].random()


@pytest.mark.parametrize("backend", ["cv2", "pil"])
@pytest.mark.parametrize("seed", range(6))
def test_a_random_crop_is_the_same_place_of_the_image(jpeg, decoded, seed, backend):
    crop = {"RandCropImage": {"size": [32, 24], "backend": backend, "scale": [0.05, 1.0]}}
    (full, reduced), same_draws = both(jpeg, crop, seed)
    assert same_draws
    assert full.shape == reduced.shape == (3, 24, 32)
    np.testing.assert_allclose(reduced, full, atol=3)  # libjpeg's rounding at the edges of blocks
    # on the whole it cancels out: half a pixel of the reduced image would show
    assert np.abs((reduced - full).mean((1, 2))).max() < 0.45
    assert decoded[1] != (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("op", "size"),
    [
        ({"resize_short": 64}, (64, 80)),  # 509 is less than 8 times 64
        ({"resize_short": 60}, (60, 75)),
        ({"size": 254}, (254, 254)),
        ({"size": 255}, (255, 255)),
        ({"size": [320, 16]}, (16, 320)),
    ],
)
def test_what_is_decoded_is_not_smaller_than_what_is_made_of_it(jpeg, decoded, op, size):
    (full, reduced), _ = both(jpeg, {"ResizeImage": op})
    assert full.shape[1:] == reduced.shape[1:] == size
    np.testing.assert_allclose(reduced, full, atol=3)
    factor = round(WIDTH / decoded[1][1])
    assert HEIGHT / factor >= size[0]
    assert WIDTH / factor >= size[1]
    assert factor == 8 or size[0] > HEIGHT / (2 * factor) or size[1] > WIDTH / (2 * factor)


def test_small_images_are_the_same_bit_for_bit(jpeg, decoded):
    (full, reduced), _ = both(jpeg, {"RandCropImage": {"size": 300}})
    np.testing.assert_array_equal(reduced, full)
    assert decoded[1] == (HEIGHT, WIDTH)


@pytest.mark.parametrize("kind", ["PNG", "damaged"])
def test_what_is_no_whole_jpeg_is_decoded_as_ever(jpeg, kind):
    if kind == "PNG":
        stream = io.BytesIO()
        Image.open(io.BytesIO(jpeg)).save(stream, "PNG")
        data = stream.getvalue()
    else:
        data = jpeg[: len(jpeg) // 2]
    (full, reduced), _ = both(data, {"ResizeImage": {"size": 32}})
    np.testing.assert_array_equal(reduced, full)


@pytest.mark.parametrize(
    ("decode", "op"),
    [
        ({}, {"CropImage": {"size": 32}}),
        ({}, {"ResizeImage": {"size": 32, "interpolation": "area"}}),
        ({"backend": "pil"}, {"ResizeImage": {"size": 32}}),
        ({"channel_first": True}, {"ResizeImage": {"size": 32}}),
    ],
)
def test_it_is_refused_where_it_cannot_be(decode, op):
    with pytest.raises(InputError, match=r"ops\.0\.DecodeImage.*reduced"):
        pipeline(op, reduced=True, **decode)


def test_it_is_refused_without_an_operation_behind_it():
    with pytest.raises(InputError, match="RandCropImage or ResizeImage"):
        build_transforms([{"DecodeImage": {"reduced": True}}], "ops")
