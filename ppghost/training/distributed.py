"""Data parallelism over the processes that `paddle.distributed.launch` starts.

Paddle's CPU wheel has no working collective engine for static graphs (fleet fails), but its
all-reduce over gloo works. So gradients, figures and the wish to stop travel in one flat tensor,
one all-reduce a step, and everything else that ranks must share goes through `Group.sum`.
"""

import logging
import multiprocessing
import os
import socket
import tempfile
import time

import numpy as np
import paddle
from paddle.base import core

from ppghost.errors import InputError, TrainingError
from ppghost.i18n import tr
from ppghost.training.all_reduce import sum_program

logger = logging.getLogger(__name__)

_CONNECT_EVERY_S = 0.1


class Group:
    """The processes of one run; `rank` 0 writes. A process alone is a group of one.

    Args:
        timeout: seconds after which a silent process counts as lost.
    """

    def __init__(self, rank: int = 0, size: int = 1, timeout: int = 0):
        self.rank = rank
        self.size = size
        self.timeout = timeout
        self._launcher = os.getppid()
        self._program: tuple | None = None

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks for the others."""
        return self.rank == 0

    def orphaned(self) -> bool:
        """Whether the launcher is gone, so that nobody would end this process."""
        gone = self.size > 1 and os.getppid() != self._launcher
        if gone:
            logger.warning("process %d of %d: the launcher is gone; stopping", self.rank, self.size)
        return gone

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The element-wise sum of all ranks' `values`, float64 and of one shape, in each rank.

        Raises:
            TrainingError: a process is lost.
        """
        values = np.asarray(values, np.float64)
        if self.size == 1:
            return values
        program, total = self._program = self._program or sum_program()
        [flat] = self.run(
            paddle.static.Executor(paddle.CPUPlace()),
            program,
            feed={"values": values.reshape(-1)},
            fetch_list=[total],
            scope=paddle.static.Scope(),
        )
        return flat.reshape(values.shape)

    def all_gather(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Each tensor of all ranks, stacked: [size, ...]; a process alone gets nothing."""
        if self.size == 1 or not arrays:
            return {}
        stacked = {
            name: np.zeros((self.size, *array.shape), array.dtype) for name, array in arrays.items()
        }
        for name, array in arrays.items():
            stacked[name][self.rank] = array
        return _unflatten(self.sum(_flatten(stacked)), stacked)

    def broadcast(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Rank 0's values of tensors that each rank has, in the same order and shapes."""
        if self.size == 1 or not arrays:
            return arrays
        flat = _flatten(arrays)
        return _unflatten(self.sum(flat if self.rank == 0 else np.zeros_like(flat)), arrays)

    def run(self, executor: paddle.static.Executor, program, **arguments) -> list[np.ndarray]:
        """`executor.run` of a Program in which the ranks meet.

        Raises:
            TrainingError: a process is lost. Paddle says "std::exception", or lets gloo speak.
        """
        try:
            return executor.run(program, **arguments)
        except RuntimeError as error:
            of_gloo = str(error) == "std::exception" or "gloo/transport" in str(error)
            if self.size == 1 or not of_gloo:
                raise
            raise TrainingError(
                "process {rank} of {size} lost another one: killed, out of memory, its "
                "network gone, or silent for Global.peer_timeout ({timeout} s); look at "
                "the launcher's workerlog files, then start the job again with --resume "
                "auto",
                rank=self.rank,
                size=self.size,
                timeout=self.timeout,
            ) from error


def init_process_group(config: dict) -> Group:
    """The group that the launcher's environment describes; alone without a launcher.

    Raises:
        InputError: the environment makes no sense.
        TrainingError: the other processes did not come up in `Global.peer_timeout` seconds.
    """
    rank, size = rank_and_size()
    timeout = config["Global"]["peer_timeout"]
    group = Group(rank, size, timeout)
    if size > 1:
        _join(group, os.environ.get("PADDLE_MASTER", ""))
    return group


def rank_and_size() -> tuple[int, int]:
    """This process's number and how many there are, as `paddle.distributed.launch` says.

    Raises:
        InputError: the environment makes no sense.
    """
    names = ("PADDLE_TRAINER_ID", "PADDLE_TRAINERS_NUM")
    texts = [os.environ.get(name, default) for name, default in zip(names, "01", strict=True)]
    if not all(text.isdecimal() for text in texts) or not int(texts[0]) < int(texts[1]):
        raise InputError(
            "{first} is {texts_first!r} and {names} {texts!r} in the environment; let "
            "python -m paddle.distributed.launch set them, or unset both",
            first=names[0],
            texts_first=texts[0],
            names=names[1],
            texts=texts[1],
        )
    return int(texts[0]), int(texts[1])


def _join(group: Group, master: str) -> None:
    host, _, port = master.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(
            "PADDLE_MASTER is {master!r} in the environment, not host:port; start the "
            "processes with python -m paddle.distributed.launch",
            master=master,
        )
    # a process of its own: gloo's start-up holds the GIL, so a thread could not answer it
    fork = multiprocessing.get_context("fork")
    joined, server = fork.Event(), None
    if group.rank == 0:
        server = fork.Process(target=_serve, args=(int(port), group.size, joined), daemon=True)
        server.start()
    _wait_for(host, int(port), group)
    strategy = core.GlooParallelStrategy()
    strategy.rank, strategy.rank_num = group.rank, group.size
    strategy.ip_address, strategy.ip_port = host, int(port)
    strategy.init_seconds = strategy.run_seconds = group.timeout
    try:
        core.GlooParallelContext(strategy).init()
    except RuntimeError as error:
        raise TrainingError(_not_up(group, master)) from error
    finally:
        joined.set()
        if server:
            server.join()
    logger.info("%d processes, connected through %s", group.size, master)


def _serve(port: int, size: int, joined) -> None:
    """Where the ranks leave their addresses for each other, until all have joined."""
    os.chdir(tempfile.gettempdir())  # Paddle's server opens a log file where it stands
    from paddle.distributed.fleet.utils.http_server import KVServer

    server = KVServer(port, size={"_worker": size})
    server.start()
    joined.wait()
    while not server.should_stop():
        time.sleep(0.05)
    server.stop()


def _wait_for(host: str, port: int, group: Group) -> None:
    end = time.monotonic() + group.timeout
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise TrainingError(_not_up(group, f"{host}:{port}")) from error
            time.sleep(_CONNECT_EVERY_S)


def _not_up(group: Group, master: str) -> str:
    return tr(
        "process {rank} of {size}: the others did not come up at {master} in "
        "Global.peer_timeout ({timeout} s); look at the launcher's workerlog files"
    ).format(rank=group.rank, size=group.size, master=master, timeout=group.timeout)


def _flatten(arrays: dict[str, np.ndarray]) -> np.ndarray:
    # exact for float32 and for every integer that a checkpoint holds
    return np.concatenate([array.astype(np.float64).ravel() for array in arrays.values()])


def _unflatten(flat: np.ndarray, like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    ends = np.cumsum([array.size for array in like.values()])
    parts = np.split(flat, ends[:-1])
    return {
        name: part.reshape(array.shape).astype(array.dtype)
        for (name, array), part in zip(like.items(), parts, strict=True)
    }
