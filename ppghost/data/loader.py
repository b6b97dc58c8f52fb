"""Batches in an order, and with an augmentation, that depend on (seed, epoch, index) alone."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from ppghost.data.batch import BatchOperation
from ppghost.errors import InputError, TrainingError

Batch = tuple[np.ndarray, np.ndarray]

# purposes of random streams: an epoch's order and an image's augmentation share none
_FOR_ORDER, _FOR_IMAGE, _FOR_BATCH = 0, 1, 2


class Dataset(Protocol):
    """What a loader reads from."""

    def __len__(self) -> int: ...

    def load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Return image `index`, float32 [C, H, W], and its label."""


class Loader:
    """Serves a data set, or one rank's share of it, in batches.

    Args:
        dataset: what to read.
        batch_size: images per batch and rank.
        shuffle: a new order each epoch; else the data set's own.
        drop_last: leave out a last batch that is not full.
        seed: with the epoch and the index, the only source of chance.
        num_workers: threads that prepare batches ahead; 0 prepares them when asked. Either way the
            batches are the same.
        batch_transforms: mixes a finished batch (see ppghost.data.batch), with chance of its own
            for each (epoch, batch).
        rank: this process's number among `world_size`. As in Paddle's DistributedBatchSampler the
            indices are padded from their beginning until every rank has equally many, dealt out
            batch by batch, and the last short batch is split evenly.

    Raises:
        InputError: a value that makes no sense, or one that leaves no batch at all.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        shuffle: bool,
        drop_last: bool,
        seed: int,
        num_workers: int = 0,
        batch_transforms: BatchOperation | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("seed", seed, 0),
            ("num_workers", num_workers, 0),
        ):
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name} is {value!r}: give a whole number of at least {least}")
        if not 0 <= rank < world_size:
            raise InputError(f"rank {rank} is not one of 0..{world_size - 1}")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.num_workers = num_workers
        self.batch_transforms = batch_transforms
        self.rank = rank
        self.world_size = world_size
        self.samples_per_rank = -(-len(dataset) // world_size)
        if len(self) == 0:
            raise InputError(
                f"batch_size {batch_size} leaves no full batch of {self.samples_per_rank} images "
                "and drop_last is set: give a smaller batch_size or drop_last: False"
            )

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        full, rest = divmod(self.samples_per_rank, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """Iterate over an epoch: (images float32 [N, C, H, W], labels int64 [N, 1]).

        With `batch_transforms` the labels are the shares of the classes, float32 [N, class_num].

        From `start_batch` on it gives exactly the batches that a whole epoch gives there. Errors
        come up at the batch they belong to. Ending the iteration early ends its threads.

        Raises:
            ValueError: `start_batch` lies outside the epoch.
            TrainingError: an image is broken, or images of one batch differ in shape.
        """
        if not 0 <= start_batch <= len(self):
            raise ValueError(f"start_batch {start_batch} lies outside 0..{len(self)}")
        order = self._order(epoch)
        size = self.batch_size
        batches = {i: order[i * size : (i + 1) * size] for i in range(start_batch, len(self))}
        if self.num_workers == 0:
            return (self._prepare(epoch, i, indices) for i, indices in batches.items())
        return self._ahead(epoch, batches)

    def _random(self, purpose: int, epoch: int, index: int = 0) -> np.random.Generator:
        # Philox maps (key, counter) to random words, so streams whose upper counter words differ
        # can never meet; a longer seed list could: SeedSequence pads it, [1, 2] is [1, 2, 0].
        bits = np.random.Philox(key=[self.seed, purpose], counter=[0, 0, index, epoch])
        return np.random.Generator(bits)

    def _order(self, epoch: int) -> np.ndarray:
        """Return this rank's indices in the order of `epoch`."""
        total = self.samples_per_rank * self.world_size
        indices = np.resize(np.arange(len(self.dataset)), total)  # repeats from the beginning
        if self.shuffle:
            self._random(_FOR_ORDER, epoch).shuffle(indices)
        in_full_batches = total - total % (self.batch_size * self.world_size)
        full, rest = np.split(indices, [in_full_batches])
        dealt = full.reshape(-1, self.world_size, self.batch_size)[:, self.rank]
        return np.concatenate([dealt.ravel(), np.split(rest, self.world_size)[self.rank]])

    def _prepare(
        self,
        epoch: int,
        batch: int,
        indices: np.ndarray,
        stopped: threading.Event | None = None,
    ) -> Batch:
        images = None
        labels = np.empty((len(indices), 1), np.int64)
        for place, index in enumerate(indices.tolist()):
            if stopped is not None and stopped.is_set():
                return None, None  # nobody waits for this batch any more
            image, labels[place, 0] = self.dataset.load(
                index, self._random(_FOR_IMAGE, epoch, index)
            )
            if images is None:
                images = np.empty((len(indices), *image.shape), np.float32)
            if image.shape != images.shape[1:]:
                raise TrainingError(
                    f"images of one batch differ in shape, {images.shape[1:]} and {image.shape}: "
                    "let transform_ops end in one size"
                )
            images[place] = image
        if self.batch_transforms is None:
            return images, labels
        chance = self._random(_FOR_BATCH, epoch, batch * self.world_size + self.rank)
        return self.batch_transforms(images, labels, chance)

    def _ahead(self, epoch: int, batches: dict[int, np.ndarray]) -> Iterator[Batch]:
        """Yield batches that threads prepare, each thread at most one ahead of the consumer."""
        stopped = threading.Event()
        pool = ThreadPoolExecutor(self.num_workers, thread_name_prefix="ppghost-data")
        waiting: deque = deque()
        try:
            for batch, indices in batches.items():
                waiting.append(pool.submit(self._prepare, epoch, batch, indices, stopped))
                if len(waiting) > self.num_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
