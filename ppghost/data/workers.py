"""Processes that prepare batches ahead and hand them over in shared memory.

Python's multiprocessing does not fit here: a fork of a process in which Paddle's threads run is
not safe, and its other two ways import the parent's main module, which may import paddle (2 s and
300 MB for each worker). A worker is an interpreter of its own that knows one object to ask.

Nothing outlives the parent: the shared memory has no name, and a worker whose parent is gone finds
its connection closed. Ctrl-C and SIGTERM reach a whole process group; workers leave them to the
parent.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import math
import mmap
import os
import pickle
import queue
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from ppghost.errors import PPGhostError, TrainingError
from ppghost.i18n import filled, tr

#: of a batch, by the name of the network's input that takes them
Labels = dict[str, np.ndarray]
Batch = tuple[np.ndarray, Labels]
Allocate = Callable[[tuple[int, ...]], np.ndarray]

#: batches that each worker prepares before the consumer has taken the first of them
PREFETCH = 2
_LEFT_TO_THE_PARENT = (signal.SIGINT, signal.SIGTERM)


class Source(Protocol):
    """What workers ask; it goes to them by pickle."""

    def make(self, epoch: int, batch: int, allocate: Allocate) -> Batch:
        """Return images, in float32 memory out of `allocate(shape)`, and labels."""


class BatchReply(NamedTuple):
    """What a worker sends for a batch; the images' values are in its slot or follow as bytes."""

    shape: tuple[int, ...] = ()
    labels: Labels = {}  # noqa: RUF012 - never written to
    error: PPGhostError | None = None
    log: tuple[logging.LogRecord, ...] = ()


class SharedBuffer:
    """Memory without a name that parent and worker see; it grows to the largest batch."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory: mmap.mmap | None = None

    def array(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the first bytes as float32 of `shape`."""
        count = math.prod(shape)
        if self._memory is None or len(self._memory) < 4 * count:
            if os.fstat(self.descriptor).st_size < 4 * count:
                os.ftruncate(self.descriptor, 4 * count)
            self._memory = mmap.mmap(self.descriptor, 4 * count)
        return np.frombuffer(self._memory, np.float32, count).reshape(shape)


class Worker:
    """One process. It answers in the order of the questions, of which PREFETCH may be open."""

    def __init__(self, number: int, shared: bool) -> None:
        self.number = number
        self.slots = [
            SharedBuffer(os.memfd_create("ppghost-batch")) for _ in range(PREFETCH if shared else 0)
        ]
        self.connection, worker_end = Pipe()
        descriptors = [worker_end.fileno(), *(slot.descriptor for slot in self.slots)]
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from {__name__} import worker_main; worker_main(%s)"
        )
        # a child inherits what its parent blocks: so there is no moment at which it would obey
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _LEFT_TO_THE_PARENT)
        try:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", code % ", ".join(map(str, descriptors))],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                # a worker is for one core; numpy would start a thread for each
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
                stdout=2,  # the parent's standard output holds results alone
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            worker_end.close()  # the worker's copy is the only one: it closes when the worker ends
        self._answered = 0

    def send(self, message: bytes) -> None:
        """Send a pickle: first the source, then questions, (epoch, batch) each.

        A dead worker is left for `answer` to find: answers that it gave before are still good.
        """
        with contextlib.suppress(OSError):
            self.connection.send_bytes(message)

    def answer(self) -> tuple[BatchReply, np.ndarray]:
        """Wait for the next answer and copy its images out of the slot.

        Raises:
            TrainingError: the worker is dead.
        """
        try:
            answer: BatchReply = self.connection.recv()
            images = np.empty(answer.shape, np.float32)
            if answer.error is None:
                if self.slots:
                    images[...] = self.slots[self._answered % PREFETCH].array(answer.shape)
                else:
                    self.connection.recv_bytes_into(images.reshape(-1))
        except (EOFError, OSError) as error:
            raise self._death() from error
        self._answered += 1
        return answer, images

    def _death(self) -> TrainingError:
        try:
            code = self.process.wait(timeout=5)  # its connection closes a moment before its end
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        who = tr("data worker {number} (pid {pid})").format(
            number=self.number, pid=self.process.pid
        )
        if code >= 0:
            return TrainingError(
                "{who} ended with exit code {code}; its own message stands above",
                who=who,
                code=code,
            )
        return TrainingError(
            "{who} was killed by {name}; if memory ran out, lower loader.num_workers or "
            "sampler.batch_size",
            who=who,
            name=signal.Signals(-code).name,
        )


class Workers:
    """`count` processes that ask `source` for batches.

    Args:
        shared: hand images over in shared memory; else through the connection.

    Raises:
        TrainingError: the system gives no more processes.
    """

    def __init__(self, source: Source, count: int, shared: bool) -> None:
        content = pickle.dumps(source, protocol=5)
        self._workers: list[Worker] = []
        self.close = weakref.finalize(self, _end, self._workers)  # also when the process ends
        try:
            for number in range(count):
                self._workers.append(Worker(number, shared))
        except OSError as error:  # no process, memory or descriptor left
            self.close()
            raise TrainingError(
                "data worker {number} cannot be started ({strerror}); lower loader.num_workers",
                number=number,
                strerror=error.strerror,
            ) from error
        for worker in self._workers:  # all are starting by now: a large source waits for none
            worker.send(content)

    def run(self, epoch: int, batches: range) -> Iterator[tuple[BatchReply, np.ndarray]]:
        """Yield the answers for `batches` in their order, prepared by turns.

        To be exhausted, or these workers are of no use any more.
        """
        count = len(self._workers)
        ahead = PREFETCH * count
        for place, batch in enumerate(batches[:ahead]):
            self._workers[place % count].send(pickle.dumps((epoch, batch)))
        for place in range(len(batches)):
            worker = self._workers[place % count]
            answer = worker.answer()
            if place + ahead < len(batches):
                worker.send(pickle.dumps((epoch, batches[place + ahead])))
            yield answer


def _end(workers: list[Worker]) -> None:
    """Kill the processes: they hold nothing that needs to be put in order."""
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.process.wait()
        worker.connection.close()
        for slot in worker.slots:
            os.close(slot.descriptor)
    workers.clear()


class _Collected(logging.handlers.QueueHandler):
    """Keeps log records, as they can be pickled, until the next answer takes them along."""

    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(queue.SimpleQueue())  # not used: there is no other thread
        self.records = records

    def format(self, record: logging.LogRecord) -> str:
        """A text that can be said in another language by the process that shows it."""
        return filled(record)

    def enqueue(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def worker_main(connection: int, *slots: int) -> None:
    """Be a worker: answer until the parent is gone.

    An expected error is an answer; any other ends this process with its traceback.
    """
    cv2.setNumThreads(0)  # as many images at once as there are workers; see Loader
    parent = Connection(connection)
    memory = [SharedBuffer(descriptor) for descriptor in slots]
    records: list[logging.LogRecord] = []
    logging.getLogger().addHandler(_Collected(records))
    try:
        source: Source = pickle.loads(parent.recv_bytes())  # noqa: S301 (our own parent's)
        answered = 0
        while True:
            epoch, batch = parent.recv()
            allocate = memory[answered % PREFETCH].array if memory else plain_array
            try:
                images, labels = source.make(epoch, batch, allocate)
            except PPGhostError as error:
                parent.send(BatchReply(error=error, log=tuple(records)))
            else:
                parent.send(BatchReply(images.shape, labels, log=tuple(records)))
                if not memory:
                    parent.send_bytes(images.reshape(-1).data)
            records.clear()
            answered += 1
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone


def plain_array(shape: tuple[int, ...]) -> np.ndarray:
    """Memory of one process for the images of a batch."""
    return np.empty(shape, np.float32)
