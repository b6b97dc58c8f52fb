"""Operations that change an image's colours."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from ppghost.data.transforms.compose import OPS, build_transforms
from ppghost.errors import InputError


@pytest.fixture
def image():
    """A smooth HWC uint8 image, 64 wide and 48 high, every channel different."""
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([3 * x + 20, 4 * y + 30, 60 + x + y], axis=2).astype(np.uint8)


def apply(name, image, seed=0, **parameters):
    return OPS[name](**parameters)(image, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("parameter", "kind"),
    [("brightness", "Brightness"), ("contrast", "Contrast"), ("saturation", "Color")],
)
def test_a_range_of_one_factor_is_pillows_enhancement(image, parameter, kind):
    expected = getattr(ImageEnhance, kind)(Image.fromarray(image)).enhance(1.5)
    result = apply("ColorJitter", image, **{parameter: [1.5, 1.5]})
    np.testing.assert_array_equal(result, np.asarray(expected))


def test_a_number_means_factors_around_one_but_not_below_zero(image):
    grey = np.full_like(image, 100)
    factors = [apply("ColorJitter", grey, s, brightness=0.4)[0, 0, 0] / 100 for s in range(200)]
    assert 0.59 <= min(factors) < 0.63
    assert 1.37 < max(factors) <= 1.41
    factors = [apply("ColorJitter", grey, s, brightness=2)[0, 0, 0] / 100 for s in range(200)]
    assert 0 <= min(factors) < 0.05
    assert factors.count(0) < 10  # a quarter, if factors went down to -1
    assert 2.3 < max(factors) <= 2.55


def test_half_a_turn_of_hue_gives_the_complementary_colour():
    red = np.zeros((4, 4, 3), np.uint8) + np.array([200, 0, 0], np.uint8)
    cyan = apply("ColorJitter", red, hue=[0.5, 0.5])
    assert np.abs(cyan.astype(int) - [0, 200, 200]).max() <= 6  # 127 of Pillow's 256 steps
    near = {tuple(apply("ColorJitter", red, s, hue=0.1)[0, 0]) for s in range(20)}
    assert len(near) > 10
    assert all(r == 200 and g < 130 and b < 130 for r, g, b in near)
    assert any(g > 50 for _, g, _ in near)  # towards yellow
    assert any(b > 50 for _, _, b in near)  # and towards magenta


def test_the_order_is_drawn(image):
    both = {"brightness": [2.0, 2.0], "saturation": [0.2, 0.2]}  # clipping makes order matter
    assert len({apply("ColorJitter", image, s, **both).tobytes() for s in range(20)}) == 2


def test_jitter_always_happens_by_default_and_else_by_chance(image):
    changed = [not np.array_equal(apply("ColorJitter", image, s, prob=0.3, brightness=0.4), image)
               for s in range(200)]  # fmt: skip
    assert 40 < sum(changed) < 80
    changed = [not np.array_equal(apply("ColorJitter", image, s, brightness=0.4), image)
               for s in range(50)]  # fmt: skip
    assert sum(changed) > 45


def test_jitter_of_nothing_changes_nothing(image):
    np.testing.assert_array_equal(apply("ColorJitter", image, hue=0), image)


def test_pca_lighting_adds_one_colour_of_the_principal_directions(image):
    shifts = []
    for seed in range(300):
        lit = apply("PCALighting", image, seed)
        assert lit.dtype == np.float32
        noise = lit.astype(np.float64) - image
        assert np.ptp(noise, axis=(0, 1)).max() < 1e-4
        shifts.append(noise[0, 0])
    # red, green and blue move together: the first direction, brightness, is the strongest
    correlation = np.corrcoef(np.array(shifts).T)
    assert correlation.min() > 0.9
    assert 0.011 < np.std(shifts) < 0.014  # 0.1 * 0.2175 / sqrt(3)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ({"ColorJitter": {"brightness": -0.1}}, r"brightness is -0\.1"),
        ({"ColorJitter": {"hue": 0.6}}, r"hue is 0\.6: give a number from 0 to 0\.5"),
        ({"ColorJitter": {"contrast": [1.2, 0.8]}}, r"contrast\[0\] is 1\.2"),
        ({"ColorJitter": {"contrast": [1]}}, r"contrast is \[1\]: give one number or \[least"),
        ({"ColorJitter": {"satuartion": 1}}, r"did you mean saturation\?"),
        ({"ColorJitter": {"prob": "often"}}, r"prob is 'often' \(str\): give a number"),
    ],
)
def test_refused_parameters_are_named(op, message):
    with pytest.raises(InputError, match=message):
        build_transforms([op], "ops")
