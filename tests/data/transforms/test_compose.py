"""The image operations and how a config's list of them is built.

The expected values follow PaddleClas 2.6's formulas, written out here a second time.
"""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ppghost.data.transforms.compose import OPS, build_transforms
from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError

WHERE = "DataLoader.Train.dataset.transform_ops"


@pytest.fixture
def image():
    """A smooth HWC uint8 image, 40 wide and 30 high, every channel different."""
    y, x = np.mgrid[0:30, 0:40]
    return np.stack([6 * x, 8 * y, 3 * (x + y)], axis=2).astype(np.uint8)


def encode(pixels, kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def apply(name, image, seed=0, **parameters):
    return OPS[name](**parameters)(image, np.random.default_rng(seed))


@pytest.mark.parametrize("backend", ["cv2", "pil"])
def test_decoding_gives_rgb_unless_bgr_is_asked_for(image, backend):
    data = encode(image)
    np.testing.assert_array_equal(apply("DecodeImage", data, backend=backend), image)
    bgr = apply("DecodeImage", data, backend=backend, to_rgb=False)
    np.testing.assert_array_equal(bgr, image[:, :, ::-1])
    first = apply("DecodeImage", data, backend=backend, channel_first=True)
    np.testing.assert_array_equal(first, image.transpose(2, 0, 1))


def test_without_to_np_the_channel_order_is_the_librarys_own(image):
    data = encode(image)
    np.testing.assert_array_equal(apply("DecodeImage", data, to_np=False), image[:, :, ::-1])
    np.testing.assert_array_equal(apply("DecodeImage", data, to_np=False, backend="pil"), image)


@pytest.mark.parametrize("backend", ["cv2", "pil"])
def test_a_grey_png_decodes_to_three_equal_channels(image, backend):
    grey = image[:, :, 0]
    decoded = apply("DecodeImage", encode(grey), backend=backend)
    np.testing.assert_array_equal(decoded, np.dstack([grey] * 3))


@pytest.mark.parametrize("backend", ["cv2", "pil"])
@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_undecodable_bytes_are_a_bad_image(data, backend):
    with pytest.raises(BadImage):
        apply("DecodeImage", data, backend=backend)


def test_an_empty_file_is_called_so():
    with pytest.raises(BadImage, match="is an empty file"):
        apply("DecodeImage", b"")


def test_a_size_list_is_width_then_height(image):
    assert apply("ResizeImage", image, size=[20, 10]).shape == (10, 20, 3)
    assert apply("RandCropImage", image, size=[20, 10]).shape == (10, 20, 3)
    assert apply("RandomCropImage", image, size=[20, 10]).shape == (10, 20, 3)
    assert apply("RandCropImageV2", image, size=[20, 10]).shape == (10, 20, 3)
    np.testing.assert_array_equal(apply("CropImage", image, size=[20, 14]), image[8:22, 10:30])


def test_resizing_is_opencvs_bilinear_by_default_and_pillows_on_request(image):
    np.testing.assert_array_equal(apply("ResizeImage", image, size=16), cv2.resize(image, (16, 16)))
    np.testing.assert_array_equal(
        apply("ResizeImage", image, size=16, backend="pil", interpolation="bicubic"),
        np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BICUBIC)),
    )


def test_resize_short_keeps_the_aspect_and_wins_over_size(image):
    assert apply("ResizeImage", image, resize_short=15, size=8).shape == (15, 20, 3)


def test_random_interpolation_draws_between_two_filters(image):
    results = {apply("ResizeImage", image, s, size=16, interpolation="random").tobytes()
               for s in range(20)}  # fmt: skip
    assert len(results) == 2


def test_rand_crop_keeps_area_and_aspect_within_their_bounds():
    # the pixel at (x, y) says where it comes from; nearest filtering keeps the values
    y, x = np.mgrid[0:200, 0:240]
    where = np.dstack([x, y, 0 * x]).astype(np.uint8)
    shares, aspects = [], []
    for seed in range(300):
        cut = apply("RandCropImage", where, seed, size=400, scale=[0.2, 0.5], ratio=[0.8, 1.25],
                    interpolation="nearest")  # fmt: skip
        width, height = np.ptp(cut[:, :, 0]) + 1, np.ptp(cut[:, :, 1]) + 1
        shares.append(width * height / (200 * 240))
        aspects.append(width / height)
    assert 0.19 < min(shares) < 0.23
    assert 0.47 < max(shares) <= 0.5
    assert 0.78 < min(aspects) < 0.83
    assert 1.2 < max(aspects) < 1.27
    assert np.mean(aspects) == pytest.approx((0.8 + 1.25) / 2, abs=0.03)  # uniform, not log


def test_a_log_aspect_is_uniform_in_the_logarithm():
    y, x = np.mgrid[0:200, 0:200]
    where = np.dstack([x, y, 0 * x]).astype(np.uint8)
    logs = []
    for seed in range(300):
        cut = apply("RandCropImage", where, seed, size=400, scale=[0.1, 0.1], ratio=[0.25, 4.0],
                    use_log_aspect=True, interpolation="nearest")  # fmt: skip
        logs.append(np.log((np.ptp(cut[:, :, 0]) + 1) / (np.ptp(cut[:, :, 1]) + 1)))
    assert np.mean(logs) == pytest.approx(0, abs=0.15)


def test_rand_crop_survives_an_image_of_one_pixel():
    assert apply("RandCropImage", np.zeros((1, 1, 3), np.uint8), size=8).shape == (8, 8, 3)


@pytest.mark.parametrize("name", ["RandomCropImage", "RandCropImageV2"])
def test_a_random_cut_reaches_every_place_and_never_runs_over(name):
    y, x = np.mgrid[0:6, 0:5]
    image = np.dstack([x, y, x]).astype(np.uint8)
    corners = set()
    for seed in range(200):
        cut = apply(name, image, seed, size=4)
        assert cut.shape == (4, 4, 3)
        corners.add((int(cut[0, 0, 0]), int(cut[0, 0, 1])))
    assert corners == {(x, y) for x in range(2) for y in range(3)}


@pytest.mark.parametrize("name", ["RandomCropImage", "RandCropImageV2", "CropImage"])
def test_an_image_smaller_than_the_cut_is_a_bad_image(name, image):
    with pytest.raises(BadImage, match=r"40x30, smaller than the crop 31x31"):
        apply(name, image, size=31)


def test_padding_is_constant_on_all_sides(image):
    expected = np.pad(image, ((2, 2), (2, 2), (0, 0)), constant_values=9)
    np.testing.assert_array_equal(apply("Pad", image, padding=2, fill=9), expected)


@pytest.mark.parametrize(("code", "axes"), [(1, 1), (0, 0), (-1, (0, 1))])
def test_half_of_the_images_are_flipped(image, code, axes):
    flipped = np.flip(image, axes)
    results = [apply("RandFlipImage", image, seed, flip_code=code) for seed in range(100)]
    count = sum(np.array_equal(result, flipped) for result in results)
    assert count + sum(np.array_equal(result, image) for result in results) == 100
    assert 35 <= count <= 65


def reference_normalise(image, shape):
    mean = np.float32([0.485, 0.456, 0.406]).reshape(shape)
    std = np.float32([0.229, 0.224, 0.225]).reshape(shape)
    return (image.astype(np.float32) * np.float32(1 / 255) - mean) / std


@pytest.mark.parametrize("order", ["", "hwc"])
def test_normalising_hwc_is_bitwise_the_formula(order):
    image = np.arange(256 * 3, dtype=np.uint32).reshape(16, 16, 3).astype(np.uint8)
    result = apply("NormalizeImage", image, scale="1.0/255.0", order=order)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, reference_normalise(image, (1, 1, 3)))


def test_a_normalised_image_lies_in_memory_as_the_network_takes_it(image):
    result = build_transforms([{"NormalizeImage": {"order": ""}}], "ops")(image, None)
    assert result.shape == (3, *image.shape[:2])
    assert result.flags.c_contiguous


def test_normalising_takes_chw_and_float_images_too(image):
    chw = image.transpose(2, 0, 1)
    np.testing.assert_array_equal(apply("NormalizeImage", chw), reference_normalise(chw, (3, 1, 1)))
    halves = image / np.float32(2)
    np.testing.assert_array_equal(
        apply("NormalizeImage", halves, order=""), reference_normalise(halves, (1, 1, 3))
    )


def test_a_fourth_channel_is_zeros(image):
    result = apply("NormalizeImage", image, order="", channel_num=4)
    assert result.shape == (30, 40, 4)
    assert result.dtype == np.float32
    assert not result[:, :, 3].any()
    assert result[:, :, :3].any()


def test_normalising_the_wrong_layout_says_what_to_change(image):
    with pytest.raises(BadImage, match="order is 'chw' after ToCHWImage, '' before it"):
        apply("NormalizeImage", image, order="chw")


def test_pillow_operations_want_uint8(image):
    with pytest.raises(BadImage, match="before NormalizeImage"):
        apply("AutoAugment", image.astype(np.float32))


def test_crop_at_ratio_resizes_the_middle_square(image):
    # 16 / (16 + 4) of the shorter side, 30: 24 pixels, 3 rows and 8 columns from the edge
    result = apply("CropImageAtRatio", image, size=16, pad=4)
    np.testing.assert_array_equal(result, cv2.resize(image[3:27, 8:32], (16, 16)))


def test_crop_with_padding_keeps_a_rectangle_in_its_place():
    bright = np.full((200, 240, 3), 200, np.uint8)
    shares, corners = [], set()
    for seed in range(200):
        cut = apply("CropWithPadding", bright, seed, padding_num=7, scale=[0.2, 0.5])
        kept = (cut == 200).all(2)
        rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
        assert kept.sum() == len(rows) * len(columns)
        assert (cut[~kept] == 7).all()
        assert 0.73 < len(columns) / len(rows) < 1.36
        shares.append(kept.mean())
        corners.add((rows[0], columns[0]))
    assert 0.19 < min(shares) < 0.22
    assert 0.48 < max(shares) < 0.51
    assert len(corners) > 150


def test_crop_with_padding_falls_back_to_the_largest_rectangle_in_the_middle(image):
    # the whole area with width / height = 1/2 does not fit into 40 x 30, but 15 x 30 does
    cut = apply("CropWithPadding", image, scale=[1, 1], ratio=[0.5, 0.5])
    expected = np.zeros_like(image)
    expected[:, 12:27] = image[:, 12:27]
    np.testing.assert_array_equal(cut, expected)
    cut = apply("CropWithPadding", image, scale=[1, 1], ratio=[3, 4])
    expected = np.zeros_like(image)
    expected[8:21] = image[8:21]  # 40 wide, 40 / 3 high
    np.testing.assert_array_equal(cut, expected)
    np.testing.assert_array_equal(apply("CropWithPadding", image, prob=0), image)


@pytest.mark.parametrize("expand", [False, True])
def test_a_quarter_turn_is_exact(expand):
    square = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    turned = apply("RandomRotation", square, degrees=[90, 90], prob=1, expand=expand)
    # OpenCV turns around (4, 4), half a pixel off the middle: one row comes from outside
    np.testing.assert_array_equal(turned[1:], np.rot90(square)[:-1])
    assert not turned[0].any()


def test_rotation_draws_its_angle_within_degrees_and_fills_every_channel(image):
    middle = np.zeros((101, 101, 3), np.uint8)
    middle[50, 90] = 255  # right of the middle
    angles = []
    for seed in range(200):
        turned = apply("RandomRotation", middle, seed, degrees=30, prob=1, interpolation="bilinear")
        y, x = np.unravel_index(turned[:, :, 0].argmax(), (101, 101))
        angles.append(np.degrees(np.arctan2(50 - y, x - 50)))
    assert -32 < min(angles) < -27
    assert 27 < max(angles) < 32
    filled = apply("RandomRotation", image, degrees=[45, 45], prob=1, fill=9)
    assert (filled[0, 0] == 9).all()
    turned = [not np.array_equal(apply("RandomRotation", image, s, degrees=30), image)
              for s in range(100)]  # fmt: skip
    assert 35 < sum(turned) < 65


def test_an_expanded_rotation_holds_the_whole_image():
    white = np.full((30, 40, 3), 255, np.uint8)
    turned = apply("RandomRotation", white, degrees=[90, 90], prob=1, expand=True)
    assert turned.shape == (40, 30, 3)
    turned = apply("RandomRotation", white, degrees=[45, 45], prob=1, expand=True)
    assert turned.shape[:2] in {(50, 50), (51, 51), (50, 51), (51, 50)}  # 70 / sqrt(2)
    assert abs((turned > 0).all(2).sum() - 1200) < 40


NORMALIZE = {"NormalizeImage": {"order": ""}}


@pytest.mark.parametrize("ops", [[NORMALIZE], [NORMALIZE, {"ToCHWImage": None}]])
def test_the_result_is_chw_float32_with_and_without_to_chw_image(image, ops):
    result = build_transforms(ops, WHERE)(image, np.random.default_rng(0))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, reference_normalise(image, (1, 1, 3)).transpose(2, 0, 1))


def test_a_list_without_normalize_still_gives_float32(image):
    result = build_transforms([{"ResizeImage": {"size": 8}}], WHERE)(image, None)
    assert result.shape == (3, 8, 8)
    assert result.dtype == np.float32


def test_channel_first_decoding_is_not_transposed_again(image):
    ops = [{"DecodeImage": {"channel_first": True}}, {"NormalizeImage": {"order": "chw"}}]
    assert build_transforms(ops, WHERE)(encode(image), None).shape == (3, 30, 40)


def test_the_same_generator_state_gives_the_same_image(image):
    compose = build_transforms(
        [{"RandCropImage": {"size": 20}}, {"RandFlipImage": None}, {"AutoAugment": None}], WHERE
    )
    first, again, other = (compose(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ({"ResizeImage": None}, rf"{WHERE} is dict: give a list of operations"),
        (["ToCHWImage"], rf"{WHERE}\.0 is 'ToCHWImage': give one operation"),
        ([{"ToCHWImage": None, "Pad": None}], rf"{WHERE}\.0 is .*: give one operation"),
        ([{"ResizeImag": None}], rf"{WHERE}\.0: .*'ResizeImag', did you mean ResizeImage\?"),
        ([NORMALIZE, {"Pad": {"paddin": 4}}], rf"{WHERE}\.1\.Pad: .*did you mean padding\?"),
        ([{"Pad": None}], r"Pad: padding is missing"),
        ([{"Pad": 4}], r"Pad is 4: give its parameters by name"),
        ([{"Pad": {"padding": 4, "padding_mode": "edge"}}], r"padding_mode is 'edge'"),
        ([{"Pad": {"padding": 4, "fill": [0, 0]}}], r"fill is \[0, 0\]"),
        ([{"ResizeImage": None}], r"neither size nor resize_short"),
        ([{"ResizeImage": {"size": "32"}}], r"ResizeImage: size is '32' \(str\): give a whole"),
        ([{"ResizeImage": {"size": True}}], r"size is True \(bool\)"),
        ([{"ResizeImage": {"size": [32]}}], r"size is \[32\]"),
        ([{"ResizeImage": {"size": 0}}], r"size is 0 \(int\): give a whole number of at least 1"),
        ([{"ResizeImage": {"size": 8, "interpolation": "box"}}], r"interpolation is 'box'"),
        ([{"ResizeImage": {"size": 8, "backend": "gd"}}], r"backend is 'gd': give one of cv2, pil"),
        ([{"RandCropImage": {"size": 8, "scale": 0.5}}], r"scale is 0\.5 \(float\)"),
        ([{"RandCropImage": {"size": 8, "ratio": [2, 1]}}], r"ratio is \[2, 1\]"),
        ([{"RandFlipImage": {"flip_code": 2}}], r"flip_code is 2"),
        ([{"DecodeImage": {"to_rgb": "False"}}], r"to_rgb is 'False' \(str\)"),
        ([{"NormalizeImage": {"scale": "__import__('os')"}}], r"NormalizeImage: .*not a number"),
        ([{"NormalizeImage": {"mean": 0.5}}], r"mean is 0\.5: give a list of three"),
        ([{"NormalizeImage": {"std": [1, 0, 1]}}], r"std is .*divided by 0"),
        ([{"NormalizeImage": {"order": "HCW"}}], r"order is 'HCW'"),
        ([{"AutoAugment": {"fillcolor": 128}}], r"fillcolor is 128"),
        ([{"CropImageAtRatio": {"size": 8}}], r"CropImageAtRatio: pad is missing"),
        ([{"CropWithPadding": {"padding_num": 256}}], r"padding_num is 256"),
        ([{"CropWithPadding": {"interpolation": "best"}}], r"interpolation is 'best'"),
        ([{"RandomRotation": None}], r"RandomRotation: degrees is missing"),
        ([{"RandomRotation": {"degrees": [1]}}], r"degrees is \[1\]: give a list of two"),
        ([{"RandomRotation": {"degrees": 5, "expand": "no"}}], r"expand is 'no'"),
    ],
)
def test_a_wrong_list_is_refused_in_one_line_that_says_where(ops, message):
    with pytest.raises(InputError, match=message) as caught:
        build_transforms(ops, WHERE)
    assert "\n" not in str(caught.value)
