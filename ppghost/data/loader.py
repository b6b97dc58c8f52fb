"""Batches in an order, and with an augmentation, that depend on (seed, epoch, index) alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import cv2
import numpy as np

from ppghost.data.samplers import FOR_BATCH, FOR_IMAGE, Sampler, check_whole, stream
from ppghost.data.transforms.batch import BatchOperation
from ppghost.data.workers import Allocate, Batch, Labels, Workers, plain_array
from ppghost.errors import TrainingError
from ppghost.i18n import tr


class Dataset(Protocol):
    """What a loader reads from; with workers it must go through pickle."""

    transforms: Any  # of images, or of images and boxes

    def __len__(self) -> int: ...

    def load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, Any]:
        """Return image `index`, float32 [C, H, W], and what is known of it: its class id, ..."""


#: makes the arrays of a batch from what is known of each image, and their shape [C, H, W]
Collate = Callable[[Sequence[Any], tuple[int, int, int]], Labels]


def class_ids(
    targets: Sequence[int] | Sequence[np.ndarray], image_shape: tuple[int, int, int]
) -> Labels:
    """The labels of images of one class each: "label", int64 [N, 1].

    Of images with shares of the classes, float32 [class_num] each: float32 [N, class_num].
    """
    if isinstance(targets[0], np.ndarray):
        return {"label": np.stack(targets)}
    return {"label": np.array(targets, np.int64).reshape(-1, 1)}


class Batches:
    """One rank's batches of a data set.

    Args:
        datasets: what to read; where batches differ in size or augmentation, the same data set in
            each of the sampler's variants.
        sampler: which images make up a batch, and its variant.
        batch_transforms: mixes a finished batch of images of one class each (see
            transforms.batch), with rng of its own for each (epoch, batch).
        collate: makes a batch's labels; with workers it must go through pickle.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset],
        sampler: Sampler,
        batch_transforms: BatchOperation | None = None,
        collate: Collate = class_ids,
    ) -> None:
        self.datasets = datasets
        self.sampler = sampler
        self.batch_transforms = batch_transforms
        self.collate = collate

    def make(self, epoch: int, batch: int, allocate: Allocate) -> Batch:
        """Prepare a batch, its images in memory that `allocate` gives for a shape.

        Raises:
            TrainingError: an image is broken, or images of one batch differ in shape.
        """
        sampler = self.sampler
        dataset = self.datasets[sampler.variant(epoch, batch)]
        positions = sampler.positions(epoch, batch)
        images, targets = np.empty(0, np.float32), []
        for place, position in enumerate(positions.tolist()):
            rng = stream(sampler.seed, FOR_IMAGE, epoch, position)
            image, target = dataset.load(position % sampler.images, rng)
            if place == 0:
                images = allocate((len(positions), *image.shape))
            if image.shape != images.shape[1:]:
                raise TrainingError(
                    "images of one batch differ in shape, {shape} and {image_shape}: let "
                    "transform_ops end in one size",
                    shape=images.shape[1:],
                    image_shape=image.shape,
                )
            images[place] = image
            targets.append(target)
        channels, height, width = images.shape[1:]
        labels = self.collate(targets, (channels, height, width))
        if self.batch_transforms is not None:
            number = batch * sampler.world_size + sampler.rank
            rng = stream(sampler.seed, FOR_BATCH, epoch, number)
            images[...], labels["label"] = self.batch_transforms(images, labels["label"], rng)
        return images, labels


class Loader:
    """Serves batches, prepared when asked or ahead by worker processes: the same ones either way.

    Workers start with the first epoch and live until `close`, or until the loader is gone.

    Args:
        batches: what to serve.
        num_workers: processes that prepare batches ahead; 0 prepares them when asked.
        use_shared_memory: workers hand images over in shared memory; else through a socket, which
            is slower.

    Raises:
        InputError: a value that makes no sense.
    """

    def __init__(
        self,
        batches: Batches,
        *,
        num_workers: int = 0,
        use_shared_memory: bool = True,
    ) -> None:
        check_whole("num_workers", num_workers, 0)
        self.batches = batches
        self.num_workers = num_workers
        self.use_shared_memory = use_shared_memory
        self._idle_workers: Workers | None = None
        self._logged: set[str] = set()

    @property
    def sampler(self) -> Sampler:
        return self.batches.sampler

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.sampler)

    def image_shapes(self) -> list[tuple[int, int, int]]:
        """Return [C, H, W] of the images of each of the sampler's variants."""
        rng = np.random.default_rng(0)
        images = [dataset.load(0, rng)[0] for dataset in self.batches.datasets]
        return [(image.shape[0], image.shape[1], image.shape[2]) for image in images]

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """Iterate over an epoch: images, float32 [N, C, H, W], and their labels by name.

        Of images of one class each: "label", int64 [N, 1]; with `batch_transforms`, or a teacher's
        labels, the shares of the classes, float32 [N, class_num].

        From `start_batch` on it gives exactly the batches that a whole epoch gives there. Errors
        come up at the batch they belong to. The arrays are the caller's.

        Raises:
            ValueError: `start_batch` lies outside the epoch.
            TrainingError: an image is broken, images of one batch differ in shape, or a worker
                died.
        """
        if not 0 <= start_batch <= len(self):
            raise ValueError(
                tr("start_batch {start_batch} lies outside 0..{count}").format(
                    start_batch=start_batch, count=len(self)
                )
            )
        batches = range(start_batch, len(self))
        if self.num_workers == 0 or not batches:
            return (self._make(epoch, batch) for batch in batches)
        return self._prefetch(epoch, batches)

    def _make(self, epoch: int, batch: int) -> Batch:
        # images are made one after the other, as in a worker: OpenCV's own threads inside one would
        # only compete with Paddle's
        threads = cv2.getNumThreads()
        cv2.setNumThreads(0)
        try:
            return self.batches.make(epoch, batch, plain_array)
        finally:
            cv2.setNumThreads(threads)

    def close(self) -> None:
        """End the workers; an epoch that is under way ends its own when it is left."""
        if self._idle_workers is not None:
            self._idle_workers.close()
            self._idle_workers = None

    def _prefetch(self, epoch: int, batches: range) -> Iterator[Batch]:
        # an epoch takes the workers and gives them back at its end: what was left half-way, by an
        # error or by the caller, is never asked again
        workers, self._idle_workers = self._idle_workers, None
        if workers is None:
            workers = Workers(self.batches, self.num_workers, self.use_shared_memory)
        try:
            for answer, images in workers.run(epoch, batches):
                self._relay_logs(answer.log)
                if answer.error is not None:
                    raise answer.error
                yield images, answer.labels
        except BaseException:
            workers.close()
            raise
        self.close()
        self._idle_workers = workers

    def _relay_logs(self, records: tuple[logging.LogRecord, ...]) -> None:
        """Log here what a worker had to say, once if several workers say it."""
        for record in records:
            logger = logging.getLogger(record.name)
            if record.getMessage() not in self._logged and logger.isEnabledFor(record.levelno):
                self._logged.add(record.getMessage())
                logger.handle(record)
