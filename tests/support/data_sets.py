"""Small data sets in a module of their own, where worker processes find them."""

import logging
import os
import signal
import time

import numpy as np

from ppghost.data.datasets.digits import write_digits
from ppghost.data.loader import Batches
from ppghost.data.samplers import DistributedBatchSampler
from ppghost.errors import TrainingError


def batches(dataset, batch_size, batch_transforms=None, **options):
    """Its batches under DistributedBatchSampler, in order unless an option says otherwise."""
    options = {"shuffle": False, "drop_last": False, "seed": 7} | options
    sampler = DistributedBatchSampler(len(dataset), batch_size, **options)
    return Batches([dataset], sampler, batch_transforms)


def few_digits(folder, force=False):
    """The digits, but for lists of a part of them."""
    result = write_digits(folder, force)
    for name, count in (("train_list.txt", 320), ("val_list.txt", 64)):
        lines = (folder / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(lines[:count]))
    return result


class Numbers:
    """Image i is filled with i plus a random part below 1; its label is i.

    Each load adds a byte to the file `log`, from whatever process.
    """

    def __init__(self, count, log=os.devnull):
        self.count = count
        self.log = str(log)

    def __len__(self):
        return self.count

    def load(self, index, rng):
        with open(self.log, "ab") as log:
            log.write(b".")
        return np.full((3, 2, 2), index + rng.random(), np.float32), index


class Sized(Numbers):
    """Its images are `side` pixels wide and high."""

    def __init__(self, count, side):
        super().__init__(count)
        self.side = side

    def load(self, index, rng):
        return np.full((3, self.side, self.side), index + rng.random(), np.float32), index


class FailsAt(Numbers):
    """Image 7 is broken."""

    def load(self, index, rng):
        if index == 7:
            raise TrainingError("list.txt:8: broken")
        return super().load(index, rng)


class Uneven(Numbers):
    """Every second image is a pixel wider."""

    def load(self, index, rng):
        return np.zeros((3, 2, 2 + index // 2), np.float32), index


class Defective(Numbers):
    """Image 7 meets a defect of the program."""

    def load(self, index, rng):
        return super().load(index, rng) if index != 7 else 1 / 0


class Slow(Numbers):
    """Takes its time."""

    def load(self, index, rng):
        time.sleep(0.01)
        return super().load(index, rng)


class Killed(Numbers):
    """Image 7 is one too many for the memory."""

    def load(self, index, rng):
        if index == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().load(index, rng)


class Warns(Numbers):
    """Says the same about every image."""

    def load(self, index, rng):
        logging.getLogger("ppghost.data.test").warning("%s looks odd", "image 3")
        return super().load(index, rng)


class Modules(Numbers):
    """Its label is 1 if paddle has been imported, its pixel the number of OpenCV's threads."""

    def load(self, index, rng):
        import sys

        import cv2

        import ppghost.data.datasets.image_list  # noqa: F401 (what real data sets import)

        return np.full((1, 1, 1), cv2.getNumThreads(), np.float32), int("paddle" in sys.modules)


class Squares:
    """A user's own data set: grey squares whose class is their number modulo `classes`."""

    def __init__(self, count, size, classes=3):
        self.count, self.size, self.classes = count, size, classes

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        pixels = np.full((self.size, self.size, 3), 20 * index, np.uint8)
        return pixels, index % self.classes
