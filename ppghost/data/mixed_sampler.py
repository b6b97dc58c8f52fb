"""Batches of which a share comes from a second data set."""

from __future__ import annotations

import numpy as np

from ppghost.data.samplers import FOR_PSEUDO, DistributedBatchSampler, Sampler, stream
from ppghost.errors import InputError


class MixedSampler(Sampler):
    """DistributedBatchSampler's batches of one data set, filled up from a second one.

    An epoch is that of the first set: each of its images comes up once. The second set is gone
    through in rounds of its own, from epoch to epoch: none of its images comes up a second time
    before all others have.

    Args (the rest are `DistributedBatchSampler`'s):
        parts: images of the first and of the second set, which stand one after the other.
        batch_size: images of a batch, of both sets.
        ratio: share of the second set in each batch; of one that is not full about so much.

    Raises:
        InputError: the ratio leaves nothing of one of the sets in a batch.
    """

    def __init__(
        self,
        parts: tuple[int, int],
        batch_size: int,
        *,
        ratio: float,
        drop_last: bool,
        rank: int = 0,
        world_size: int = 1,
        **settings,
    ) -> None:
        added = round(batch_size * ratio)
        if not 0 < added < batch_size:
            raise InputError(
                "of a batch of {batch_size} images the share {ratio:g} "
                "(dataset.pseudo.ratio) is {added}: give another ratio or a larger "
                "batch_size",
                batch_size=batch_size,
                ratio=ratio,
                added=added,
            )
        own = batch_size - added
        settings |= {"rank": rank, "world_size": world_size}
        self._first = DistributedBatchSampler(parts[0], own, drop_last=drop_last, **settings)
        self._parts = parts
        steps = np.diff(self._first._ends) // world_size
        #: images of the second set in each of this rank's batches
        self._added = np.maximum(np.rint(steps * added / own).astype(np.int64), 1)
        together = (steps + self._added) * world_size
        super().__init__(sum(parts), together.tolist(), batch_size, **settings)
        self._last_round: tuple[int, np.ndarray] | None = None

    def positions(self, epoch: int, batch: int) -> np.ndarray:
        """Return the positions of one of this rank's batches."""
        repeats, first = np.divmod(self._first.positions(epoch, batch), self._parts[0])
        return np.concatenate([first + repeats * self.images, self._second(epoch, batch)])

    def _second(self, epoch: int, batch: int) -> np.ndarray:
        """The positions of those of the second set."""
        count, in_epoch = int(self._added[batch]), int(self._added.sum()) * self.world_size
        before = int(self._added[:batch].sum()) * self.world_size + self.rank * count
        numbers = epoch * in_epoch + before + np.arange(count)
        rounds, places = np.divmod(numbers, self._parts[1])
        images = [self._round(int(n))[place] for n, place in zip(rounds, places, strict=True)]
        repeats = rounds - epoch * in_epoch // self._parts[1]
        return self._parts[0] + np.array(images) + repeats * self.images

    def _round(self, number: int) -> np.ndarray:
        """The order of the second set in one of its rounds."""
        if self._last_round is None or self._last_round[0] != number:
            order = np.arange(self._parts[1])
            if self.shuffle:
                stream(self.seed, FOR_PSEUDO, number).shuffle(order)
            self._last_round = number, order
        return self._last_round[1]
