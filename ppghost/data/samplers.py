"""The samplers that configs name: which images make up each batch, on each rank.

A sampler deals in positions: of `images` images, position p is image `p % images`, and
`p // images` counts how often it has come up before in that epoch. So an image that comes up again
is augmented anew, and a batch depends on (seed, epoch, number) alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ppghost.errors import InputError
from ppghost.utils.text import whole_number

# purposes of random streams: an epoch's order and an image's augmentation share none
FOR_ORDER, FOR_IMAGE, FOR_BATCH, FOR_SCALES, FOR_PSEUDO = range(5)

#: stages of PaddleClas's progressive training, of equally many epochs each
STAGES = 4
#: RASampler takes the images of an epoch in multiples of this
SELECTED_ROUND = 256


def stream(seed: int, purpose: int, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """The random numbers of one purpose in one place."""
    # Philox maps (key, counter) to random words, so streams whose upper counter words differ
    # can never meet; a longer seed list could: SeedSequence pads it, [1, 2] is [1, 2, 0].
    bits = np.random.Philox(key=[seed, purpose], counter=[0, 0, index, epoch])
    return np.random.Generator(bits)


class Sampler:
    """One rank's batches; the ranks' batches of one number are a step.

    Args:
        images: how many the data set has.
        steps: images of each step, over all ranks.
        batch_size: images of a batch, of the first scale where there are several.
        shuffle: a new order each epoch; else the data set's own.
        seed: with the epoch and the position, the only source of randomness.
        rank: this process's number among `world_size`.
    """

    def __init__(
        self,
        images: int,
        steps: Sequence[int],
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        check_whole("seed", seed, 0)
        if not 0 <= rank < world_size:
            raise InputError(
                "rank {rank} is not one of 0..{world_size}", rank=rank, world_size=world_size - 1
            )
        self.images = images
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self._ends = np.concatenate([[0], np.cumsum(steps, dtype=np.int64)])
        self._last_order: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        """Return the number of this rank's batches in an epoch."""
        # a last step may have less images than there are ranks
        nothing_left = self._ends[-1] - self._ends[-2] <= self.rank
        return len(self._ends) - 1 - int(nothing_left)

    def images_from(self, batch: int) -> int:
        """Return how many images all ranks read from that batch on to the end of an epoch."""
        return int(self._ends[-1] - self._ends[batch])

    def positions(self, epoch: int, batch: int) -> np.ndarray:
        """Return the positions of one of this rank's batches."""
        if self._last_order is None or self._last_order[0] != epoch:
            self._last_order = epoch, self._order(epoch)
        return self._share(self._last_order[1][self._ends[batch] : self._ends[batch + 1]])

    def variant(self, epoch: int, batch: int) -> int:
        """Return the number of the scale or stage that a batch is of."""
        return 0

    def _order(self, epoch: int) -> np.ndarray:
        """Return the positions of an epoch, over all ranks."""
        return self._shuffled(epoch, int(self._ends[-1]))

    def _share(self, step: np.ndarray) -> np.ndarray:
        """Return this rank's part of a step."""
        return np.array_split(step, self.world_size)[self.rank]

    def _shuffled(self, epoch: int, count: int) -> np.ndarray:
        """Return 0 to `count` in the order of an epoch."""
        numbers = np.arange(count)
        if self.shuffle:
            stream(self.seed, FOR_ORDER, epoch).shuffle(numbers)
        return numbers


class DistributedBatchSampler(Sampler):
    """Paddle's: each image once, dealt out batch by batch; what is left at the end is split evenly.

    Args (the rest are `Sampler`'s):
        drop_last: leave out a last batch that is not full.
        pad: repeat images from the beginning until every rank has equally many, as training in
            step needs it. Without, every image comes up once: ranks may differ by an image, and
            one may have none.

    Raises:
        InputError: a value that makes no sense, or one that leaves no batch at all.
    """

    def __init__(
        self,
        images: int,
        batch_size: int,
        *,
        drop_last: bool,
        pad: bool = True,
        world_size: int = 1,
        **settings,
    ) -> None:
        check_whole("batch_size", batch_size, 1)
        self.total = -(-images // world_size) * world_size if pad else images
        together = batch_size * world_size
        full, rest = divmod(self.total, together)
        if drop_last and not full:
            raise InputError(
                "{total} images leave no full batch of {together} and drop_last is set: "
                "give a smaller batch_size or drop_last: False",
                total=self.total,
                together=together,
            )
        steps = [together] * full + [rest] * (rest > 0 and not drop_last)
        super().__init__(images, steps, batch_size, world_size=world_size, **settings)

    def _order(self, epoch: int) -> np.ndarray:
        return self._shuffled(epoch, self.total)  # what drop_last leaves out is drawn too


class ProgressiveSampler(DistributedBatchSampler):
    """The same under `Global.train_mode: progressive`: the variant is the epoch's stage."""

    def __init__(self, images: int, batch_size: int, *, epochs: int, **settings) -> None:
        super().__init__(images, batch_size, **settings)
        self.epochs = epochs

    def variant(self, epoch: int, batch: int) -> int:
        """Return the stage."""
        return stage(epoch, self.epochs)


def stage(epoch: int, epochs: int) -> int:
    """The stage, from 0, of an epoch, from 1, as PaddleClas's `train_progressive.py` has it."""
    ends = [int(epochs * (number + 1) / STAGES) for number in range(STAGES - 1)]
    return sum(epoch > end for end in ends)


class MultiScaleSampler(Sampler):
    """PaddleClas's: batches of several image sizes (arXiv:2110.02178).

    Sizes are drawn once for a run, until every image has come up, as PaddleClas does: so epochs
    have equally many batches, as the schedules need it, and differ in their images alone. The
    last batch is filled up from the epoch's beginning. All ranks draw the same sizes.

    Args (the rest are `Sampler`'s):
        batches: (image size, images) of what a batch may be; see `scaled_batches`.
    """

    def __init__(
        self,
        images: int,
        batches: Sequence[tuple[int, int]],
        *,
        seed: int,
        world_size: int = 1,
        **settings,
    ) -> None:
        check_whole("seed", seed, 0)
        rng, left = stream(seed, FOR_SCALES), -(-images // world_size)
        self._drawn: list[int] = []
        while left > 0:
            self._drawn.append(int(rng.integers(len(batches))))
            left -= batches[self._drawn[-1]][1]
        steps = [batches[number][1] * world_size for number in self._drawn]
        super().__init__(images, steps, batches[0][1], seed=seed, world_size=world_size, **settings)

    def variant(self, epoch: int, batch: int) -> int:
        """Return the number of the batch's size among `batches`."""
        return self._drawn[batch]

    def _order(self, epoch: int) -> np.ndarray:
        once, count = self._shuffled(epoch, self.images), int(self._ends[-1])
        return np.resize(once, count) + np.arange(count) // self.images * self.images


def scaled_batches(
    scales: Sequence[int], first_bs: int, divided_factor: int = 32, is_training: bool = True
) -> list[tuple[int, int]]:
    """(image size, images) of a batch of each scale, as PaddleClas's MultiScaleSampler has them.

    A batch has about as many pixels as `first_bs` images of the first scale.

    Args:
        scales: sizes of square images, rounded down to multiples of `divided_factor`.
        is_training: without, there are only batches of the first scale, as it stands.

    Raises:
        InputError: a value that makes no sense.
    """
    if not scales:
        raise InputError("scales is empty: give at least one image size")
    check_whole("first_bs", first_bs, 1)
    check_whole("divided_factor", divided_factor, 1)
    if not is_training:
        return [(scales[0], first_bs)]
    if min(scales) < divided_factor:
        raise InputError(
            "scales has {scales}, below divided_factor {divided_factor}",
            scales=min(scales),
            divided_factor=divided_factor,
        )
    pixels = scales[0] ** 2 * first_bs  # before it is rounded; so in PaddleClas
    sizes = [scale // divided_factor * divided_factor for scale in scales]
    return [(size, max(1, pixels // size**2)) for size in sizes]


class RASampler(Sampler):
    """PaddleClas's repeated augmentation (arXiv:1901.09335), which is DeiT's: each image
    `num_repeats` times in a row, dealt out to the ranks in turn, and of that order as many as the
    data set has, down to a multiple of 256: so an epoch sees about a `num_repeats`-th of the
    images.

    Args (the rest are `Sampler`'s):
        drop_last: leave out a last batch that is not full.

    Raises:
        InputError: a value that makes no sense, or one that leaves no batch at all.
    """

    def __init__(
        self,
        images: int,
        batch_size: int,
        num_repeats: int = 3,
        *,
        drop_last: bool,
        world_size: int = 1,
        **settings,
    ) -> None:
        check_whole("batch_size", batch_size, 1)
        check_whole("num_repeats", num_repeats, 1)
        full, rest = divmod(images // SELECTED_ROUND * SELECTED_ROUND // world_size, batch_size)
        batches = [batch_size] * full + [rest] * (rest > 0 and not drop_last)
        if not batches:
            raise InputError(
                "RASampler leaves no batch of {batch_size} of {images} images, which it "
                "takes in multiples of {selected_round}: give a smaller batch_size or "
                "another sampler",
                batch_size=batch_size,
                images=images,
                selected_round=SELECTED_ROUND,
            )
        self.num_repeats = num_repeats
        steps = [size * world_size for size in batches]
        super().__init__(images, steps, batch_size, world_size=world_size, **settings)

    def _order(self, epoch: int) -> np.ndarray:
        once = self._shuffled(epoch, self.images)[:, np.newaxis]
        repeated = once + np.arange(self.num_repeats) * self.images
        return repeated.ravel()[: self._ends[-1]]

    def _share(self, step: np.ndarray) -> np.ndarray:
        return step[self.rank :: self.world_size]


def check_whole(name: str, value: object, least: int) -> None:
    """Raise InputError unless `value` is a whole number of at least `least`."""
    try:
        whole_number(value, least)
    except ValueError as error:
        raise InputError("{name} {error}", name=name, error=error) from error
