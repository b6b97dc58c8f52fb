"""Samplers: batches of several sizes, repeated augmentation, stages. Expected are PaddleClas's."""

import numpy as np
import pytest
from support.data_sets import Numbers

from ppghost.data.loader import Batches, Loader
from ppghost.data.samplers import MultiScaleSampler, RASampler, scaled_batches, stage
from ppghost.errors import InputError

SCALES = [(4, 2), (2, 8), (3, 3)]  # (size, images)


def multi_scale(images=50, batches=SCALES, **options):
    return MultiScaleSampler(images, batches, **({"shuffle": True, "seed": 7} | options))


def repeating(images=600, batch_size=100, **options):
    return RASampler(
        images, batch_size, **({"shuffle": False, "drop_last": True, "seed": 7} | options)
    )


def epoch_of(sampler, epoch=1):
    return [sampler.positions(epoch, batch) for batch in range(len(sampler))]


def sizes_of(sampler, epoch=1):
    return [SCALES[sampler.variant(epoch, batch)][0] for batch in range(len(sampler))]


@pytest.mark.parametrize(
    ("scales", "first_bs", "expected"),
    [
        # of PPLCNetV2_base and MobileViTV3_S, as PaddleClas's sampler makes them
        (
            [160, 192, 224, 288, 320],
            500,
            [(160, 500), (192, 347), (224, 255), (288, 154), (320, 125)],
        ),
        (
            [256, 160, 192, 224, 288, 320],
            48,
            [(256, 48), (160, 122), (192, 85), (224, 62), (288, 37), (320, 30)],
        ),
        # the first scale is rounded too, after its pixels were counted
        ([100, 70, 320], 5, [(96, 5), (64, 12), (320, 1)]),
    ],
)
def test_every_scale_has_about_the_pixels_of_the_first_ones_batch(scales, first_bs, expected):
    assert scaled_batches(scales, first_bs) == expected


def test_out_of_training_there_is_the_first_scale_alone():
    assert scaled_batches([100, 70], 5, is_training=False) == [(100, 5)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 4), "scales is empty"),
        (([64, 16], 4), "scales has 16, below divided_factor 32"),
        (([64], 0), "first_bs is 0"),
        (([64], 4, 0), "divided_factor is 0"),
    ],
)
def test_scales_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        scaled_batches(*arguments)


def test_a_batch_holds_as_many_images_as_belong_to_its_size():
    sampler = multi_scale()
    drawn = [sampler.variant(1, batch) for batch in range(len(sampler))]
    assert set(drawn) == {0, 1, 2}
    assert [len(part) for part in epoch_of(sampler)] == [SCALES[number][1] for number in drawn]


def test_an_epoch_of_several_sizes_holds_every_image_and_fills_the_last_batch_up():
    once = multi_scale(images=50)
    order = np.concatenate(epoch_of(once))
    extra = len(order) - 50
    assert 0 < extra < 8
    assert sorted(order[:50]) == list(range(50))
    np.testing.assert_array_equal(order[50:] - 50, order[:extra])  # the same images, once more


def test_epochs_have_the_same_sizes_and_other_images():
    sampler = multi_scale()
    assert sizes_of(sampler, 1) == sizes_of(sampler, 2)
    assert not np.array_equal(epoch_of(sampler, 1)[0], epoch_of(sampler, 2)[0])
    assert sizes_of(sampler) != sizes_of(multi_scale(seed=8))


def test_ranks_have_the_same_sizes_and_share_the_images():
    ranks = [multi_scale(rank=rank, world_size=2) for rank in range(2)]
    one, other = (sizes_of(sampler) for sampler in ranks)
    assert one == other
    parts = list(zip(*map(epoch_of, ranks), strict=True))
    assert all(len(first) == len(second) for first, second in parts)
    together = np.concatenate([part for step in parts for part in step])
    assert sorted(together) == list(range(len(together)))
    assert len(together) >= 50


def test_images_from_counts_what_all_ranks_read_until_the_end():
    sampler = multi_scale(rank=1, world_size=2)
    lengths = [2 * len(part) for part in epoch_of(sampler)]
    assert [sampler.images_from(batch) for batch in (0, 2)] == [sum(lengths), sum(lengths[2:])]


def test_repeated_augmentation_deals_each_image_three_times_in_turn():
    first = [sampler.positions(1, 0) % 600 for sampler in (repeating(), repeating(batch_size=512))]
    assert first[0][:7].tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert first[1].tolist() == [index // 3 for index in range(512)]  # 600, down to 256s
    ranks = [repeating(rank=rank, world_size=2).positions(1, 0) % 600 for rank in range(2)]
    assert [part[:6].tolist() for part in ranks] == [[0, 0, 1, 2, 2, 3], [0, 1, 1, 2, 3, 3]]


@pytest.mark.parametrize(
    ("options", "lengths"),
    [
        ({}, [100] * 5),
        ({"drop_last": False}, [100] * 5 + [12]),
        ({"world_size": 2}, [100, 100]),
        ({"world_size": 2, "drop_last": False}, [100, 100, 56]),
        ({"images": 767}, [100] * 5),  # 767 // 256 * 256 = 512
    ],
)
def test_repeated_augmentation_takes_images_in_multiples_of_256(options, lengths):
    sampler = repeating(**options)
    assert len(sampler) == len(lengths)
    assert [len(part) for part in epoch_of(sampler)] == lengths


def test_repeated_augmentation_shuffles_anew_each_epoch_and_repeats_one_after_the_other():
    one, other = (repeating(shuffle=True).positions(epoch, 0) % 600 for epoch in (1, 2))
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one[:99].reshape(-1, 3), np.repeat(one[:99:3, None], 3, axis=1))


def test_a_repeated_image_is_augmented_anew():
    images, labels = next(Loader(Batches([Numbers(600)], repeating())).epoch(1))
    assert labels["label"][:6, 0].tolist() == [0, 0, 0, 1, 1, 1]
    added = images[:, 0, 0, 0] - labels["label"][:, 0]
    assert len(set(added.tolist())) == 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 255}, "no batch of 100 of 255 images, which it takes in multiples of 256"),
        ({"batch_size": 600}, "no batch of 600 of 600 images"),
        ({"num_repeats": 0}, "num_repeats is 0"),
    ],
)
def test_repeated_augmentation_without_a_batch_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        repeating(**options)


def test_stages_change_after_each_quarter_of_the_epochs():
    # EfficientNetV2_S: 350 epochs
    borders = [(1, 0), (87, 0), (88, 1), (175, 1), (176, 2), (262, 2), (263, 3), (350, 3)]
    assert [(epoch, stage(epoch, 350)) for epoch, _ in borders] == borders
    assert [stage(epoch, 2) for epoch in (1, 2)] == [1, 3]  # of too few epochs the later ones
