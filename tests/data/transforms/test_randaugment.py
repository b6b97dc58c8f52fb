"""RandAugment in PaddleClas's forms, and timm's."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from ppghost.data.transforms.compose import OPS, build_transforms
from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError

NAMES = ["RandAugment", "RandAugmentV2", "RandAugmentV3", "TimmAutoAugment"]


@pytest.fixture
def image():
    """A smooth HWC uint8 image, 64 wide and 48 high, every channel different."""
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([3 * x + 20, 4 * y + 30, 60 + x + y], axis=2).astype(np.uint8)


def apply_op(name, image, operation, seed=0, **parameters):
    """Apply one operation of a policy to `image`."""
    pillow = Image.fromarray(image)
    return np.asarray(OPS[name](**parameters).apply(pillow, operation, np.random.default_rng(seed)))


def either_sign(name, image, operation, **parameters):
    return {apply_op(name, image, operation, s, **parameters).tobytes() for s in range(12)}


@pytest.mark.parametrize("name", NAMES)
def test_images_change_and_keep_their_form(image, name):
    op = OPS[name]()
    results = [op(image, np.random.default_rng(seed)) for seed in range(60)]
    assert all(r.shape == image.shape and r.dtype == np.uint8 for r in results)
    assert len({r.tobytes() for r in results}) > 30
    np.testing.assert_array_equal(results[5], op(image, np.random.default_rng(5)))


@pytest.mark.parametrize(
    ("name", "count"),
    [("RandAugment", 14), ("RandAugmentV2", 16), ("RandAugmentV3", 14), ("TimmAutoAugment", 15)],
)
def test_every_operation_of_the_policy_is_drawn(image, name, count, monkeypatch):
    drawn = []
    op = OPS[name]()
    monkeypatch.setattr(op, "apply", lambda image, name, rng: drawn.append(name) or image)
    rng = np.random.default_rng(0)
    for _ in range(300):
        op(image, rng)
    assert len(set(drawn)) == count
    # two layers each; timm applies half of what it draws
    assert len(drawn) == 600 or (name == "TimmAutoAugment" and 250 < len(drawn) < 350)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("operation", ["autocontrast", "equalize", "invert"])
def test_operations_without_strength_are_pillows(image, name, operation):
    expected = getattr(ImageOps, operation)(Image.fromarray(image))
    np.testing.assert_array_equal(apply_op(name, image, operation), np.asarray(expected))


@pytest.mark.parametrize(
    ("name", "bits", "threshold"),
    [("RandAugment", 2, 153.6), ("RandAugmentV2", 2, 153), ("RandAugmentV3", 6, 102)],
)
def test_posterize_and_solarize_at_magnitude_6(image, name, bits, threshold):
    result = apply_op(name, image, "posterize", magnitude=6)
    np.testing.assert_array_equal(result, image >> (8 - bits) << (8 - bits))
    result = apply_op(name, image, "solarize", magnitude=6)
    np.testing.assert_array_equal(result, np.where(image >= threshold, 255 - image, image))


@pytest.mark.parametrize(
    ("config", "bits", "threshold"), [("rand-m6", 2, 153), ("rand-m6-inc1", 2, 103)]
)
def test_timms_posterize_and_solarize_at_magnitude_6(image, config, bits, threshold):
    result = apply_op("TimmAutoAugment", image, "posterize", config_str=config)
    np.testing.assert_array_equal(result, image >> (8 - bits) << (8 - bits))
    result = apply_op("TimmAutoAugment", image, "solarize", config_str=config)
    np.testing.assert_array_equal(result, np.where(image >= threshold, 255 - image, image))


def test_with_inc_posterize_keeps_fewer_bits_the_higher_the_magnitude(image):
    def values(config):
        result = apply_op("TimmAutoAugment", image, "posterize", config_str=config)
        return len(np.unique(result))

    assert values("rand-m2-inc1") > values("rand-m8-inc1")
    assert values("rand-m3") < values("rand-m8")


@pytest.mark.parametrize(
    ("name", "parameters", "factors"),
    [
        ("RandAugment", {"magnitude": 5}, [0.55, 1.45]),
        ("RandAugmentV2", {"magnitude": 5}, [1.0]),
        ("RandAugmentV2", {"magnitude": 10}, [1.9]),
        ("RandAugmentV3", {"magnitude": 5}, [0.55, 1.45]),
        ("TimmAutoAugment", {"config_str": "rand-m5-inc1"}, [0.55, 1.45]),
        ("TimmAutoAugment", {"config_str": "rand-m10"}, [1.9]),
        ("TimmAutoAugment", {"config_str": "rand-m15-inc1"}, [0.1, 1.9]),  # counts as 10
    ],
)
@pytest.mark.parametrize("kind", ["Color", "Contrast", "Brightness", "Sharpness"])
def test_enhancements_are_pillows_at_the_factors_of_the_magnitude(
    image, name, parameters, factors, kind
):
    enhancer = getattr(ImageEnhance, kind)(Image.fromarray(image))
    expected = {np.asarray(enhancer.enhance(factor)).tobytes() for factor in factors}
    assert either_sign(name, image, kind.lower(), **parameters) == expected


def test_moves_are_shares_of_the_side_or_pixels(image):
    def shifted(name, operation, **parameters):
        """Return by how many columns or rows the fill (0, 0, 0) covers, with either sign."""
        axis = 0 if operation == "translate_x" else 1
        found = set()
        for seed in range(12):
            moved = apply_op(name, image, operation, seed, **parameters)
            found.add(int((moved == 0).all(2).all(axis).sum()))
        return found

    black = {"fillcolor": (0, 0, 0)}
    # 64 and 48 pixels times 150 / 331, rounded
    assert shifted("RandAugment", "translate_x", magnitude=10, **black) == {29}
    assert shifted("RandAugment", "translate_y", magnitude=10, **black) == {22}
    for name in NAMES:
        assert len(either_sign(name, image, "translate_x")) > 1
    assert shifted("RandAugmentV2", "translate_x", magnitude=2, **black) == {20}
    assert shifted("RandAugmentV2", "translate_y", magnitude=2, **black) == {20}
    timm = {"config_str": "rand-m10", "mean": [0, 0, 0], "interpolation": "bilinear"}
    assert shifted("TimmAutoAugment", "translate_x", **timm) == {29}  # 64 * 0.45


@pytest.mark.parametrize(
    ("name", "turns"),
    [("RandAugment", [15]), ("RandAugmentV2", [15, -15]), ("RandAugmentV3", [15, -15])],
)
def test_rotation_turns_one_way_or_both(image, name, turns):
    filters = {"interpolation": "bicubic"} if name == "RandAugmentV3" else {}
    resample = Image.Resampling.BICUBIC if filters else Image.Resampling.NEAREST
    expected = {
        np.asarray(Image.fromarray(image).rotate(turn, resample, fillcolor=(9, 9, 9))).tobytes()
        for turn in turns
    }
    assert (
        either_sign(name, image, "rotate", magnitude=5, fillcolor=[9, 9, 9], **filters) == expected
    )


@pytest.mark.parametrize("operation", ["shear_x", "shear_y"])
def test_shears_lean_by_the_share_of_the_magnitude(image, operation):
    white = np.full_like(image, 255)
    leaning = apply_op("RandAugmentV2", white, operation, magnitude=10, fillcolor=(0, 0, 0))
    uncovered = (leaning == 0).all(2)
    if operation == "shear_y":
        uncovered = uncovered.T
    rows = uncovered.sum(1)
    assert np.isclose(abs(rows[-1] - rows[0]), 0.3 * len(rows), atol=1.5)


def test_shears_are_filtered_but_in_v2(image):
    filters = {"RandAugment": Image.Resampling.BICUBIC, "RandAugmentV2": Image.Resampling.NEAREST}
    for name, resample in filters.items():
        expected = {
            np.asarray(Image.fromarray(image).transform(
                (64, 48), Image.Transform.AFFINE, (1, lean, 0, 0, 1, 0), resample,
                fillcolor=(128, 128, 128))).tobytes()
            for lean in (0.15, -0.15)
        }  # fmt: skip
        assert either_sign(name, image, "shear_x", magnitude=5) == expected


def test_solarize_add_brightens_the_dark_half(image):
    expected = np.where(image < 128, np.minimum(image.astype(int) + 165, 255), image)
    result = apply_op("RandAugmentV2", image, "solarize_add", magnitude=15)
    np.testing.assert_array_equal(result, expected)
    expected = np.where(image < 128, image + 55, image)
    result = apply_op("TimmAutoAugment", image, "solarize_add", config_str="rand-m5-inc1")
    np.testing.assert_array_equal(result, expected)


def test_v2s_cutout_is_a_square_of_the_fill_colour(image):
    for seed in range(20):
        cut = apply_op("RandAugmentV2", image, "cutout", seed, magnitude=2, fillcolor=(1, 2, 3))
        blank = (cut == 1).all(2)
        rows, columns = np.flatnonzero(blank.any(1)), np.flatnonzero(blank.any(0))
        assert blank.any()
        assert len(rows) <= 16
        assert len(columns) <= 16
        assert blank.sum() == len(rows) * len(columns)
        np.testing.assert_array_equal(cut[~blank], image[~blank])


def test_timms_magnitude_is_noisy_only_with_mstd(image):
    def strengths(config):
        return either_sign("TimmAutoAugment", image, "solarize_add", config_str=config)

    assert len(strengths("rand-m5")) == 1
    assert len(strengths("rand-m5-mstd1.0")) > 4


def test_timms_number_of_layers_and_chance(image, monkeypatch):
    drawn = []
    op = OPS["TimmAutoAugment"](config_str="rand-n4", prob=0.25)
    monkeypatch.setattr(op, "apply", lambda image, name, rng: drawn.append(name) or image)
    rng = np.random.default_rng(0)
    for _ in range(400):
        op(image, rng)
    assert 150 < len(drawn) < 250  # 400 * 0.25 * 4 * 0.5


def test_timm_without_a_policy_changes_nothing(image):
    op = OPS["TimmAutoAugment"](config_str=None)
    for seed in range(10):
        np.testing.assert_array_equal(op(image, np.random.default_rng(seed)), image)


def test_timm_fills_with_the_mean_colour(image):
    moved = apply_op(
        "TimmAutoAugment", image, "translate_x", config_str="rand-m10", mean=[1, 0.5, 0]
    )
    assert (moved == (255, 128, 0)).all(2).sum() >= 28 * 48


def test_a_random_filter_is_drawn_for_every_move(image):
    fixed = either_sign("TimmAutoAugment", image, "rotate", config_str="rand-m5")
    random = either_sign("TimmAutoAugment", image, "rotate", config_str="rand-m5",
                         interpolation="random")  # fmt: skip
    assert (len(fixed), len(random)) == (2, 4)


@pytest.mark.parametrize("name", NAMES)
def test_normalised_images_are_refused(image, name):
    with pytest.raises(BadImage, match="before NormalizeImage"):
        OPS[name]()(image.astype(np.float32), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ({"RandAugment": {"magnitude": 25}}, r"magnitude is 25: give a number from 0 to 20"),
        ({"RandAugment": {"num_layers": 0}}, r"num_layers is 0"),
        ({"RandAugment": {"fillcolor": [0, 0, 300]}}, r"fillcolor is 300: give a number from 0 to"),
        ({"RandAugment": {"fillcolor": 128}}, r"fillcolor is 128: give a list of three"),
        ({"RandAugmentV2": {"progress": [1]}}, r"did you mean progress_magnitude\?"),
        ({"RandAugmentV3": {"interpolation": "nearest"}}, r"interpolation is 'nearest'"),
        ({"TimmAutoAugment": {"config_str": 9}}, r"config_str is 9: give rand-"),
        ({"TimmAutoAugment": {"config_str": "augmix-m5"}}, r"'augmix-m5': give rand-"),
        ({"TimmAutoAugment": {"config_str": "rand-m9-w0"}}, r"'w0' is not m, mstd, n or inc1"),
        # PaddleClas takes inc0 as inc1
        ({"TimmAutoAugment": {"config_str": "rand-inc0"}}, r"'inc0' is not m, mstd, n or inc1"),
        ({"TimmAutoAugment": {"mean": [124, 116, 104]}}, r"mean is 124: give a number from 0 to 1"),
        ({"TimmAutoAugment": {"config_str": "rand-n0"}}, r"n is a whole number of at least 1"),
        ({"TimmAutoAugment": {"prob": -1}}, r"prob is -1"),
        ({"TimmAutoAugment": {"img_size": "224"}}, r"img_size is '224'"),
    ],
)
def test_refused_parameters_are_named(op, message):
    with pytest.raises(InputError, match=message):
        build_transforms([op], "ops")


def test_progressive_magnitudes_are_said_not_to_be_followed(caplog):
    OPS["RandAugmentV2"](magnitude=5.0, progress_magnitude=[5.0, 15.0])
    assert "progress_magnitude is not followed" in caplog.text
