"""Batches: order, replay, resume, sharding."""

import numpy as np
import pytest
from support.data_sets import FailsAt, Numbers, Uneven, batches

from ppghost.data.loader import Loader
from ppghost.data.transforms.batch import MixupOperator
from ppghost.errors import InputError, TrainingError


def loader(count=10, batch_size=3, num_workers=0, **options):
    options = {"shuffle": True} | options
    return Loader(batches(Numbers(count), batch_size, **options), num_workers=num_workers)


def labels(epoch):
    return [batch["label"][:, 0].tolist() for _, batch in epoch]


def assert_same(first, second):
    first, second = list(first), list(second)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1]["label"], other[1]["label"])


def flat(lists):
    return [item for items in lists for item in items]


def test_a_batch_is_float32_nchw_and_int64_labels_of_one_column():
    images, labels_by_name = next(loader().epoch(0))
    [numbers] = labels_by_name.values()
    assert (images.shape, images.dtype) == ((3, 3, 2, 2), np.float32)
    assert (numbers.shape, numbers.dtype) == ((3, 1), np.int64)
    np.testing.assert_array_equal(np.floor(images[:, 0, 0, 0]), numbers[:, 0])


def test_an_epoch_holds_every_image_once_and_the_last_batch_is_short():
    epoch = labels(loader().epoch(0))
    assert [len(batch) for batch in epoch] == [3, 3, 3, 1]
    assert sorted(flat(epoch)) == list(range(10))
    assert len(loader()) == 4


def test_drop_last_leaves_the_short_batch_out():
    assert [len(batch) for batch in labels(loader(drop_last=True).epoch(0))] == [3, 3, 3]
    assert len(loader(drop_last=True)) == 3
    assert len(loader(count=9, drop_last=True)) == 3


def test_without_shuffling_the_order_is_the_lists():
    assert labels(loader(count=5, shuffle=False).epoch(4)) == [[0, 1, 2], [3, 4]]


def test_each_epoch_and_each_seed_has_its_own_order_and_augmentation():
    variants = [list(loader(seed=s).epoch(e)) for s, e in ((7, 0), (7, 1), (8, 0))]
    orders = {str(labels(epoch)) for epoch in variants}
    assert len(orders) == 3
    # what was added to image 4 in each variant
    parts = {
        float(images[place, 0, 0, 0] - 4)
        for epoch in variants
        for images, numbers in epoch
        for place in np.flatnonzero(numbers["label"] == 4)
    }
    assert len(parts) == 3


def test_augmentation_does_not_depend_on_the_order():
    shuffled = np.concatenate([images[:, 0, 0, 0] for images, _ in loader().epoch(2)])
    plain = np.concatenate([images[:, 0, 0, 0] for images, _ in loader(shuffle=False).epoch(2)])
    np.testing.assert_array_equal(np.sort(shuffled), plain)


@pytest.mark.parametrize("start", [1, 3, 4])
def test_a_resumed_epoch_goes_on_with_the_batches_that_were_left(start, tmp_path):
    log = tmp_path / "loads"
    data = Loader(batches(Numbers(10, log), 3, shuffle=True))
    log.touch()
    assert_same(data.epoch(1, start_batch=start), list(loader().epoch(1))[start:])
    # nothing is decoded for the batches before
    assert log.stat().st_size == max(0, 10 - 3 * start)


def mixing(**options):
    return loader(batch_transforms=MixupOperator(class_num=10, alpha=1.0), **options)


def test_mixed_batches_have_soft_labels_and_a_chance_of_their_own():
    plain, mixed = list(loader().epoch(1)), list(mixing().epoch(1))
    shares = []
    for (_, hard), (images, soft) in zip(plain, mixed, strict=True):
        hard, soft = hard["label"], soft["label"]
        assert (images.dtype, soft.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)
        for row, label in zip(soft, hard[:, 0], strict=True):
            shares.append(float(row[label]))
    assert len({round(share, 6) for share in shares if share < 1}) >= 3  # one draw a batch


def test_mixing_can_be_replayed():
    whole = list(mixing().epoch(2))
    assert_same(whole[2:], mixing().epoch(2, start_batch=2))
    assert not np.array_equal(whole[0][1]["label"], next(mixing().epoch(3))[1]["label"])


def test_a_start_outside_the_epoch_is_refused_at_once():
    for start in (-1, 5):
        with pytest.raises(ValueError, match=r"outside 0\.\.4"):
            loader().epoch(0, start_batch=start)


def test_ranks_share_a_padded_epoch_as_paddles_sampler_does():
    # paddle 2.6.2, DistributedBatchSampler(10 items, batch_size=2, num_replicas=3)
    expected = [[[0, 1], [6, 7]], [[2, 3], [8, 9]], [[4, 5], [0, 1]]]
    got = [
        labels(loader(batch_size=2, shuffle=False, rank=rank, world_size=3).epoch(0))
        for rank in range(3)
    ]
    assert got == expected
    # and with 7 items and batch_size=2 on 2 ranks, where the short batch is split
    expected = [[[0, 1], [4, 5]], [[2, 3], [6, 0]]]
    got = [
        labels(loader(7, batch_size=2, shuffle=False, rank=rank, world_size=2).epoch(0))
        for rank in range(2)
    ]
    assert got == expected
    expected = [[[0, 1, 2], [6]], [[3, 4, 5], [0]]]
    got = [
        labels(loader(7, batch_size=3, shuffle=False, rank=rank, world_size=2).epoch(0))
        for rank in range(2)
    ]
    assert got == expected


def test_shuffled_ranks_cover_the_data_set_together():
    shares = [flat(labels(loader(rank=r, world_size=3).epoch(5))) for r in range(3)]
    assert [len(share) for share in shares] == [4, 4, 4]
    assert set(flat(shares)) == set(range(10))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, r"batch_size is 0 \(int\): give a whole number of at least 1"),
        ({"batch_size": "64"}, "batch_size is '64'"),
        ({"seed": -1}, "seed is -1"),
        ({"num_workers": -1}, "num_workers is -1"),
        ({"rank": 2, "world_size": 2}, r"rank 2 is not one of 0\.\.1"),
        (
            {"batch_size": 11, "drop_last": True},
            "^10 images leave no full batch of 11 and drop_last",
        ),
        ({"batch_size": 6, "drop_last": True, "world_size": 2}, "10 images leave no full batch"),
    ],
)
def test_values_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        loader(**options)


def test_a_batch_larger_than_the_data_set_is_the_data_set():
    assert [sorted(batch) for batch in labels(loader(batch_size=11).epoch(0))] == [list(range(10))]


@pytest.mark.parametrize(("count", "ranks"), [(10, 3), (12, 3), (7, 2), (2, 3), (5, 1)])
def test_without_padding_every_image_comes_up_once_over_all_ranks(count, ranks):
    shares = [
        flat(labels(loader(count, 2, rank=rank, world_size=ranks, pad=False).epoch(4)))
        for rank in range(ranks)
    ]
    assert sorted(flat(shares)) == list(range(count))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_a_rank_for_which_nothing_is_left_has_an_empty_epoch():
    data = loader(2, 2, rank=2, world_size=3, pad=False)
    assert (len(data), list(data.epoch(0))) == (0, [])


def test_images_of_different_shape_in_a_batch_are_named():
    with pytest.raises(TrainingError, match=r"\(3, 2, 2\) and \(3, 2, 3\)"):
        next(Loader(batches(Uneven(4), 4)).epoch(0))


def test_an_error_comes_up_as_it_is_at_its_batch():
    data = Loader(batches(FailsAt(12), 3)).epoch(0)
    assert [next(data)[1]["label"][0, 0] for _ in range(2)] == [0, 3]
    with pytest.raises(TrainingError, match=r"^list\.txt:8: broken$"):
        next(data)
