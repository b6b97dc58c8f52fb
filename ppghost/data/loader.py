"""Batches in an order, and with an augmentation, that depend on (seed, epoch, index) alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ppghost.data.batch import BatchOperation
from ppghost.data.workers import Allocate, Batch, Workers
from ppghost.errors import InputError, TrainingError

# purposes of random streams: an epoch's order and an image's augmentation share none
_FOR_ORDER, _FOR_IMAGE, _FOR_BATCH = 0, 1, 2


class Dataset(Protocol):
    """What a loader reads from; with workers it must go through pickle."""

    def __len__(self) -> int: ...

    def load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Return image `index`, float32 [C, H, W], and its label."""


class Batches:
    """A data set, or one rank's share of it, dealt out in batches.

    Args:
        dataset: what to read.
        batch_size: images per batch and rank.
        shuffle: a new order each epoch; else the data set's own.
        drop_last: leave out a last batch that is not full.
        seed: with the epoch and the index, the only source of chance.
        batch_transforms: mixes a finished batch (see ppghost.data.batch), with chance of its own
            for each (epoch, batch).
        rank: this process's number among `world_size`. As in Paddle's DistributedBatchSampler the
            indices are dealt out batch by batch, and what is left at the end is split evenly.
        pad: repeat images from the beginning until every rank has equally many, as training in
            step needs it. Without, every image comes up once: ranks may differ by an image, and
            one may have none.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        shuffle: bool,
        drop_last: bool,
        seed: int,
        batch_transforms: BatchOperation | None = None,
        rank: int = 0,
        world_size: int = 1,
        pad: bool = True,
    ) -> None:
        check_whole("batch_size", batch_size, 1)
        check_whole("seed", seed, 0)
        if not 0 <= rank < world_size:
            raise InputError(f"rank {rank} is not one of 0..{world_size - 1}")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.batch_transforms = batch_transforms
        self.rank = rank
        self.world_size = world_size
        self.total = -(-len(dataset) // world_size) * world_size if pad else len(dataset)
        self._last_order: tuple[int, np.ndarray] | None = None
        self.samples = len(self._deal(np.arange(self.total)))

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        full, rest = divmod(self.samples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def order(self, epoch: int) -> np.ndarray:
        """Return this rank's indices in the order of `epoch`."""
        if self._last_order is None or self._last_order[0] != epoch:
            indices = np.resize(np.arange(len(self.dataset)), self.total)  # repeats the beginning
            if self.shuffle:
                self._random(_FOR_ORDER, epoch).shuffle(indices)
            self._last_order = epoch, self._deal(indices)
        return self._last_order[1]

    def make(self, epoch: int, batch: int, allocate: Allocate) -> Batch:
        """Prepare a batch, its images in memory that `allocate` gives for a shape.

        Raises:
            TrainingError: an image is broken, or images of one batch differ in shape.
        """
        indices = self.order(epoch)[batch * self.batch_size : (batch + 1) * self.batch_size]
        labels = np.empty((len(indices), 1), np.int64)
        images = None
        for place, index in enumerate(indices.tolist()):
            chance = self._random(_FOR_IMAGE, epoch, index)
            image, labels[place, 0] = self.dataset.load(index, chance)
            if images is None:
                images = allocate((len(indices), *image.shape))
            if image.shape != images.shape[1:]:
                raise TrainingError(
                    f"images of one batch differ in shape, {images.shape[1:]} and {image.shape}: "
                    "let transform_ops end in one size"
                )
            images[place] = image
        if self.batch_transforms is not None:
            chance = self._random(_FOR_BATCH, epoch, batch * self.world_size + self.rank)
            images[...], labels = self.batch_transforms(images, labels, chance)
        return images, labels

    def _random(self, purpose: int, epoch: int, index: int = 0) -> np.random.Generator:
        # Philox maps (key, counter) to random words, so streams whose upper counter words differ
        # can never meet; a longer seed list could: SeedSequence pads it, [1, 2] is [1, 2, 0].
        bits = np.random.Philox(key=[self.seed, purpose], counter=[0, 0, index, epoch])
        return np.random.Generator(bits)

    def _deal(self, indices: np.ndarray) -> np.ndarray:
        """Return this rank's part of `indices`."""
        in_full_batches = len(indices) - len(indices) % (self.batch_size * self.world_size)
        full, rest = np.split(indices, [in_full_batches])
        dealt = full.reshape(-1, self.world_size, self.batch_size)[:, self.rank]
        return np.concatenate([dealt.ravel(), np.array_split(rest, self.world_size)[self.rank]])


class Loader:
    """Serves batches, prepared when asked or ahead by worker processes: the same ones either way.

    Workers start with the first epoch and live until `close`, or until the loader is gone.

    Args:
        batches: what to serve.
        num_workers: processes that prepare batches ahead; 0 prepares them when asked.
        use_shared_memory: workers hand images over in shared memory; else through a socket, which
            is slower.
        where: key of this loader in the config, for messages.

    Raises:
        InputError: a value that makes no sense, or one that leaves no batch at all.
    """

    def __init__(
        self,
        batches: Batches,
        *,
        num_workers: int = 0,
        use_shared_memory: bool = True,
        where: str = "DataLoader.Train",
    ) -> None:
        check_whole("num_workers", num_workers, 0)
        together = batches.batch_size * batches.world_size
        if batches.drop_last and batches.total < together:  # the same on every rank
            raise InputError(
                f"{where}.sampler: {batches.total} images leave no full batch of {together} and "
                "drop_last is set: give a smaller batch_size or drop_last: False"
            )
        self.batches = batches
        self.num_workers = num_workers
        self.use_shared_memory = use_shared_memory
        self._resting: Workers | None = None
        self._logged: set[str] = set()

    @property
    def dataset(self) -> Dataset:
        return self.batches.dataset

    @property
    def batch_size(self) -> int:
        return self.batches.batch_size

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.batches)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """Iterate over an epoch: (images float32 [N, C, H, W], labels int64 [N, 1]).

        With `batch_transforms` the labels are the shares of the classes, float32 [N, class_num].

        From `start_batch` on it gives exactly the batches that a whole epoch gives there. Errors
        come up at the batch they belong to. The arrays are the caller's.

        Raises:
            ValueError: `start_batch` lies outside the epoch.
            TrainingError: an image is broken, images of one batch differ in shape, or a worker
                died.
        """
        if not 0 <= start_batch <= len(self):
            raise ValueError(f"start_batch {start_batch} lies outside 0..{len(self)}")
        batches = range(start_batch, len(self))
        if self.num_workers == 0 or not batches:
            return (self.batches.make(epoch, batch, _plain) for batch in batches)
        return self._ahead(epoch, batches)

    def close(self) -> None:
        """End the workers; an epoch that is under way ends its own when it is left."""
        if self._resting is not None:
            self._resting.close()
            self._resting = None

    def _ahead(self, epoch: int, batches: range) -> Iterator[Batch]:
        # an epoch takes the workers and gives them back at its end: what was left half-way, by an
        # error or by the caller, is never asked again
        workers, self._resting = self._resting, None
        if workers is None:
            workers = Workers(self.batches, self.num_workers, self.use_shared_memory)
        try:
            for answer, images in workers.run(epoch, batches):
                self._pass_on(answer.log)
                if answer.error is not None:
                    raise answer.error
                yield images, answer.labels
        except BaseException:
            workers.close()
            raise
        self.close()
        self._resting = workers

    def _pass_on(self, records: tuple[logging.LogRecord, ...]) -> None:
        """Log here what a worker had to say, once if several workers say it."""
        for record in records:
            log = logging.getLogger(record.name)
            if record.getMessage() not in self._logged and log.isEnabledFor(record.levelno):
                self._logged.add(record.getMessage())
                log.handle(record)


def check_whole(name: str, value: object, least: int) -> None:
    """Raise InputError unless `value` is an int of at least `least`."""
    if not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}: give a whole number of at least {least}")


def _plain(shape: tuple[int, ...]) -> np.ndarray:
    return np.empty(shape, np.float32)
