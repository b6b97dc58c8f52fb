"""Operations that mix the images and labels of a batch."""

import numpy as np
import pytest

from ppghost.data.transforms.batch import build_batch_transforms
from ppghost.errors import InputError

WHERE = "DataLoader.Train.dataset.batch_transform_ops"
CLASSES = 6


@pytest.fixture
def batch():
    """Four images; every pixel of image i is i + 1, which is also its label."""
    values = np.arange(1, 5)
    images = np.broadcast_to(values[:, None, None, None], (4, 3, 20, 30)).astype(np.float32)
    return images, values[:, None].astype(np.int64)


def apply(batch, seed=0, **ops):
    return build_batch_transforms([ops], WHERE, CLASSES)(*batch, np.random.default_rng(seed))


ALL = [
    {"MixupOperator": {"alpha": 0.8}},
    {"CutmixOperator": {"alpha": 1.0}},
    {"FmixOperator": None},
    {"FmixOperator": {"max_soft": 0.2, "reformulate": True}},
    {"OpSampler": {"MixupOperator": {"prob": 0.5}, "CutmixOperator": {"prob": 0.3}}},
]


@pytest.mark.parametrize("op", ALL)
def test_labels_say_how_much_of_each_class_is_in_the_image(batch, op):
    before = batch[0].copy()
    for seed in range(30):
        images, labels = apply(batch, seed, **op)
        assert images.dtype == labels.dtype == np.float32
        assert images.shape == batch[0].shape
        assert labels.shape == (4, CLASSES)
        np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
        # pixel values are class numbers, so their mean is the mean class; a mask of FmixOperator
        # may miss the drawn share by less than a pixel
        mean_class = labels @ np.arange(CLASSES)
        np.testing.assert_allclose(images.mean((1, 2, 3)), mean_class, atol=3 / 600 + 1e-5)
        # every image keeps the same share of its own class, unless its partner was of that class
        own = labels[np.arange(4), batch[1][:, 0]]
        assert np.unique(own[own < 1].round(5)).size <= 1
    np.testing.assert_array_equal(batch[0], before)


@pytest.mark.parametrize("op", ALL)
def test_the_same_generator_state_gives_the_same_batch(batch, op):
    first, again = apply(batch, 7, **op), apply(batch, 7, **op)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(first[0], apply(batch, s, **op)[0]) for s in range(8, 12))


def test_mixup_blends_whole_images(batch):
    images, labels = apply(batch, 2, MixupOperator={"alpha": 5.0})
    assert (np.ptp(images, axis=(1, 2, 3)) == 0).all()
    assert ((labels > 0.1).sum(1) == 2).any()


def test_a_small_alpha_mixes_little(batch):
    def least_share(alpha):
        drawn = [apply(batch, s, MixupOperator={"alpha": alpha})[1].max() for s in range(40)]
        return np.mean([min(v, 1 - v) for v in drawn])

    assert least_share(0.05) < 0.1 < least_share(5.0)


def test_cutmix_puts_one_rectangle_of_the_partner_in_every_image(batch):
    corners = []
    for seed in range(30):
        images, _ = apply(batch, seed, CutmixOperator={"alpha": 1.0})
        foreign = (images != batch[0]).any(1)
        for mask in foreign[foreign.any((1, 2))]:
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            assert mask.sum() == len(rows) * len(columns)
            assert np.ptp(rows) + 1 == len(rows)
            corners.append((rows[0], columns[0]))
    tops, lefts = zip(*corners, strict=True)
    assert len(set(tops)) > 6
    assert len(set(lefts)) > 6


def test_fmix_takes_each_pixel_from_one_image_unless_edges_are_soft(batch):
    hard, _ = apply(batch, 3, FmixOperator=None)
    assert set(np.unique(hard)) <= {1, 2, 3, 4}
    soft, _ = apply(batch, 3, FmixOperator={"max_soft": 0.3})
    assert len(np.unique(soft)) > 20


def test_reformulating_fmix_favours_the_first_image(batch):
    def mean_share(**parameters):
        shares = []
        for seed in range(100):
            _, labels = apply(batch, seed, FmixOperator=parameters)
            own = labels[np.arange(4), batch[1][:, 0]]
            shares += own[own < 1].tolist()
        return np.mean(shares)

    assert 0.42 < mean_share() < 0.58  # Beta(1, 1)
    assert 0.6 < mean_share(reformulate=True) < 0.73  # Beta(2, 1): 2/3


def test_an_fmix_mask_is_made_of_few_large_patches():
    images = np.stack([np.full((3, 64, 64), v, np.float32) for v in (0, 1)])
    labels = np.array([[0], [1]])
    borders = []
    for seed in range(20):
        mixed, soft = apply((images, labels), seed, FmixOperator=None)
        if 0.3 < soft[0, 0] < 0.7:
            borders.append(np.abs(np.diff(mixed[0, 0], axis=0)).mean())
    assert len(borders) > 2
    assert max(borders) < 0.2  # white noise would change in half of the places


def test_the_sampler_chooses_by_prob_and_else_leaves_images_alone(batch):
    sampler = {"MixupOperator": {"prob": 0.5}, "CutmixOperator": {"alpha": 1.0, "prob": 0.2}}
    operation = build_batch_transforms([{"OpSampler": sampler}], WHERE, CLASSES)
    rng = np.random.default_rng(0)
    untouched = blended = 0
    for _ in range(300):
        images, labels = operation(*batch, rng)
        if np.array_equal(images, batch[0]) and (labels.max(1) == 1).all():
            untouched += 1
            np.testing.assert_array_equal(labels.argmax(1), batch[1][:, 0])
        elif (images % 1 != 0).any():
            blended += 1
    # 90 and 150 are expected, shifted by batches whose partners are all themselves (1 in 24)
    assert 70 < untouched < 120
    assert 120 < blended < 170


def cross_entropy(logits, target):
    return -(target * (logits - np.log(np.exp(logits).sum(1, keepdims=True)))).sum(1).mean()


def test_soft_labels_give_the_loss_of_both_classes_weighted(batch):
    """What mixup's authors compute, lam * loss(a) + (1 - lam) * loss(b), with smoothing 0.1."""
    _, labels = apply(batch, 2, MixupOperator={"alpha": 5.0})
    logits = np.random.default_rng(0).normal(size=(4, CLASSES))
    smooth = labels * 0.9 + 0.1 / CLASSES
    losses = []
    for row, soft in enumerate(labels):
        pair = [(c, soft[c]) for c in np.flatnonzero(soft)]
        losses.append(sum(
            share * cross_entropy(logits[[row]], np.eye(CLASSES)[[c]] * 0.9 + 0.1 / CLASSES)
            for c, share in pair
        ))  # fmt: skip
    np.testing.assert_allclose(cross_entropy(logits, smooth), np.mean(losses), rtol=1e-6)


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ({"MixupOperator": None}, rf"{WHERE} is .*: give a list of one operation"),
        ([{"MixupOperator": None}, {"CutmixOperator": None}], r"OpSampler chooses among"),
        ([], r"give a list of one operation"),
        (["MixupOperator"], rf"{WHERE}\.0 is 'MixupOperator': give one operation"),
        ([{"MixUpOperator": None}], rf"{WHERE}\.0: .*did you mean MixupOperator\?"),
        ([{"MixupOperator": {"alfa": 1}}], r"0\.MixupOperator: .*did you mean alpha\?"),
        ([{"MixupOperator": {"class_num": 3}}], r"unknown parameter 'class_num'"),
        ([{"MixupOperator": {"alpha": 0}}], r"alpha is 0: give more than 0"),
        ([{"CutmixOperator": {"alpha": -1}}], r"alpha is -1: give a number from 0"),
        ([{"FmixOperator": {"max_soft": 0.6}}], r"max_soft is 0\.6"),
        ([{"OpSampler": None}], r"OpSampler is None: give operations by name"),
        ([{"OpSampler": {"MixupOperator": {"alpha": 1}}}], r"OpSampler\.MixupOperator has no prob"),
        ([{"OpSampler": {"Mixup": {"prob": 1}}}], r"OpSampler: unknown operation 'Mixup'"),
        ([{"OpSampler": {"MixupOperator": {"prob": 1.5}}}], r"OpSampler\.MixupOperator: prob is 1"),
        (
            [{"OpSampler": {"MixupOperator": {"prob": 0.8}, "CutmixOperator": {"prob": 0.4}}}],
            r"OpSampler: the operations' prob sum to 1\.2",
        ),
    ],
)
def test_a_wrong_list_is_refused_in_one_line_that_says_where(ops, message):
    with pytest.raises(InputError, match=message) as caught:
        build_batch_transforms(ops, WHERE, CLASSES)
    assert "\n" not in str(caught.value)


def test_building_leaves_the_config_as_it_was():
    ops = [{"OpSampler": {"MixupOperator": {"alpha": 1.0, "prob": 0.5}}}]
    build_batch_transforms(ops, WHERE, CLASSES)
    assert ops == [{"OpSampler": {"MixupOperator": {"alpha": 1.0, "prob": 0.5}}}]
