"""Operations that blank out part of an image."""

import numpy as np
import pytest

from ppghost.data.transforms.compose import OPS, build_transforms
from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError


@pytest.fixture
def image():
    """A normalised HWC image, 60 wide and 40 high, without a zero."""
    return np.full((40, 60, 3), 0.5, np.float32)


def apply(name, image, seed=0, **parameters):
    return OPS[name](**parameters)(image, np.random.default_rng(seed))


def box(changed):
    """Return the height and width of the box around what is True, and whether it is all True."""
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    return height, width, changed.sum() == height * width


def test_erasing_happens_as_often_as_epsilon_says_and_keeps_the_input(image):
    before = image.copy()
    results = [apply("RandomErasing", image, s, EPSILON=0.25) for s in range(400)]
    erased = sum(not np.array_equal(result, before) for result in results)
    assert 70 < erased < 130
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("use_log_aspect", [False, True])
def test_an_erased_rectangle_keeps_area_and_aspect_within_their_bounds(use_log_aspect):
    large = np.ones((400, 400, 3), np.float32)
    shares, aspects = [], []
    for seed in range(200):
        erased = apply("RandomErasing", large, seed, EPSILON=1, sl="1/10", sh="1.0/5.0", r1=0.5,
                       use_log_aspect=use_log_aspect)  # fmt: skip
        height, width, is_full = box((erased == 0).all(2))
        assert is_full
        shares.append(height * width / 160000)
        aspects.append(height / width)
    assert 0.099 < min(shares) < 0.105
    assert 0.195 < max(shares) < 0.201
    assert 0.49 < min(aspects) < 0.55
    assert 1.9 < max(aspects) < 2.02
    # half of the draws lie below the middle of the range: 1.25, or 1 on the logarithmic scale
    assert 0.8 < np.median(aspects) / (1.0 if use_log_aspect else 1.25) < 1.2
    assert (np.median(aspects) < 1.1) == use_log_aspect


def test_an_erased_rectangle_may_lie_anywhere():
    image = np.ones((100, 200, 3), np.float32)
    tops, lefts = [], []
    for seed in range(200):  # 20 x 20 pixels
        erased = apply("RandomErasing", image, seed, EPSILON=1, sl=0.02, sh=0.02, r1=1)
        rows, columns = (erased == 0).all(2).nonzero()
        tops.append(rows.min())
        lefts.append(columns.min())
    assert min(tops) < 5
    assert 75 < max(tops) <= 80
    assert min(lefts) < 5
    assert 175 < max(lefts) <= 180


def test_erasing_fills_with_the_mean_with_one_colour_or_with_noise(image):
    parameters = {"EPSILON": 1, "sl": 0.3, "sh": 0.4, "r1": 1}
    const = apply("RandomErasing", image, mean=[1, 2, "9/3"], **parameters)
    assert {tuple(v) for v in const.reshape(-1, 3)} == {(0.5, 0.5, 0.5), (1, 2, 3)}
    rand = apply("RandomErasing", image, mode="rand", **parameters)
    assert len(np.unique(rand.reshape(-1, 3), axis=0)) == 2
    noise = apply("RandomErasing", image, mode="pixel", **parameters)
    values = noise[noise != 0.5]
    assert abs(values.mean()) < 0.1
    assert abs(values.std() - 1) < 0.1
    assert noise.dtype == np.float32


def test_a_rectangle_that_never_fits_erases_nothing(image):
    result = apply("RandomErasing", image, EPSILON=1, sl=1, sh=1, r1=1, attempt=5)
    np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("RandomErasing", {"EPSILON": 1, "sl": 0.2}),
        ("Cutout", {"length": 10}),
        ("GridMask", {"d1": 10, "d2": 20, "rotate": 30}),
        ("HideAndSeek", {}),
    ],
)
def test_channels_may_stand_first_or_last_but_must_be_three(image, name, parameters):
    last = apply(name, image, 3, **parameters)
    first = apply(name, image.transpose(2, 0, 1), 3, **parameters)
    assert not np.array_equal(last, image)
    np.testing.assert_array_equal(first, last.transpose(2, 0, 1))
    with pytest.raises(BadImage, match="three channels"):
        apply(name, np.zeros((40, 60, 4), np.float32), 3, **parameters)


def test_cutout_blanks_squares_cut_off_at_the_edge(image):
    sizes = {box((apply("Cutout", image, s, length=20) == 0).all(2)) for s in range(200)}
    heights, widths, is_full = zip(*sizes, strict=True)
    assert all(is_full)
    assert (min(heights), max(heights)) == (10, 20)
    assert (min(widths), max(widths)) == (10, 20)


def test_cutout_draws_as_many_squares_and_colours_as_asked(image):
    dark = np.zeros((400, 400, 3), np.uint8)
    cut = apply("Cutout", dark, 1, n_holes=3, length=20, fill_value="none")
    assert len(np.unique(cut.reshape(-1, 3), axis=0)) == 4
    red = apply("Cutout", dark, 1, n_holes=3, length=20, fill_value=[255, 0, 0])
    assert (red[:, :, 0] == 255).sum() == 3 * 20 * 20
    assert not red[:, :, 1:].any()


def test_grid_mask_blanks_bars_of_the_drawn_period_and_the_reverse_in_mode_1():
    image = np.ones((100, 100, 3), np.float32)
    grid = {"d1": 20, "d2": 21, "ratio": 0.4}
    kept = apply("GridMask", image, 5, **grid)[:, :, 0] == 1
    rows, columns = kept.any(1), kept.any(0)
    np.testing.assert_array_equal(kept, np.logical_and.outer(rows, columns))
    assert rows.sum() == columns.sum() == 60  # five periods of 12 kept and 8 blank
    np.testing.assert_array_equal(rows[20:], rows[:-20])
    reverse = apply("GridMask", image, 5, mode=1, **grid)[:, :, 0] == 1
    np.testing.assert_array_equal(reverse, ~kept)


def test_grid_mask_is_turned_below_rotate_and_applied_by_chance():
    image = np.ones((100, 100, 3), np.float32)
    turned = apply("GridMask", image, 5, d1=20, d2=21, rotate=45)[:, :, 0] == 1
    assert not np.array_equal(turned, np.logical_and.outer(turned.any(1), turned.any(0)))
    applied = [not apply("GridMask", image, s, prob=0.3).all() for s in range(200)]
    assert 35 < sum(applied) < 90


def test_hide_and_seek_blanks_half_of_the_squares_or_nothing():
    image = np.ones((448, 336, 3), np.float32)
    shares, sizes = [], set()
    for seed in range(60):
        hidden = apply("HideAndSeek", image, seed)[:, :, 0] == 0
        shares.append(hidden.mean())
        if hidden.any():
            edges = [1 + np.flatnonzero((np.diff(hidden, axis=a) != 0).any(1 - a)) for a in (0, 1)]
            sizes.add(np.gcd.reduce(np.concatenate(edges)))
    assert sizes == {16, 32, 44, 56}
    assert 4 < shares.count(0) < 24
    blank = [share for share in shares if share]
    assert 0.45 < np.mean(blank) < 0.55


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ({"RandomErasing": {"EPSILON": 2}}, r"EPSILON is 2: give a number from 0 to 1"),
        ({"RandomErasing": {"sh": "__import__('os')"}}, r"sh is .* \(str\): give a number"),
        ({"RandomErasing": {"sl": 0.5}}, r"sl is 0\.5: give a number from 0 to 0\.4"),
        ({"RandomErasing": {"r1": 0}}, r"r1 is 0"),
        ({"RandomErasing": {"mode": "noise"}}, r"mode is 'noise': give one of const, rand, pixel"),
        ({"RandomErasing": {"mean": [0, 0]}}, r"mean is \[0, 0\]: give a list of three"),
        ({"RandomErasing": {"epsilon": 0.1}}, r"'epsilon', did you mean EPSILON\?"),
        ({"Cutout": {"length": 1}}, r"length is 1 \(int\): give a whole number of at least 2"),
        (
            {"GridMask": {"d1": 50, "d2": 50}},
            r"d2 is 50 \(int\): give a whole number of at least 51",
        ),
        ({"GridMask": {"mode": 2}}, r"mode is 2: give one of 0, 1"),
        ({"HideAndSeek": {"size": 8}}, r"unknown parameter 'size'"),
    ],
)
def test_refused_parameters_are_named(op, message):
    with pytest.raises(InputError, match=message):
        build_transforms([op], "ops")
