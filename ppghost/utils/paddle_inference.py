"""A program in Paddle's inference engine, which needs neither of Paddle's two modes.

Only for programs whose operators were checked (`ppghost.formats.exported.open_model`). Paddle is
imported inside the functions: it costs over a second.
"""

import contextlib
import queue
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeVar

from ppghost.utils.paddle import import_paddle

if TYPE_CHECKING:
    import numpy as np


E = TypeVar("E", bound="Cloneable")
T = TypeVar("T")
R = TypeVar("R")


class EngineError(Exception):
    """Paddle's engine refused; the message is one line, the cause is what Paddle raised."""


class Engine:
    """A program and its parameters in Paddle's plain kernels, loaded and ready to be run.

    Outputs are those of an Executor, bit for bit. Rewriting of the graph is off, and oneDNN with
    it: several times as fast, but with it Paddle 2.6.2 computes MobileViT wrongly (scores off by a
    tenth), and refuses MobileNetV3, ResNet18 and others where oneDNN is for convolutions only.

    Args:
        program: a serialized ProgramDesc.
        params: its parameters, as Paddle puts them into one file.
        threads: of the CPU's kernels.

    Raises:
        EngineError: Paddle cannot load it.
    """

    def __init__(self, program: bytes, params: bytes, *, threads: int = 1) -> None:
        paddle = import_paddle()
        config = paddle.inference.Config()
        config.set_model_buffer(program, len(program), params, len(params))
        config.disable_glog_info()
        config.switch_ir_optim(False)
        config.set_cpu_math_library_num_threads(threads)
        with _one_line():
            self._predictor = paddle.inference.create_predictor(config)

    def clone(self) -> "Engine":
        """The same program for another thread, with the same parameters in memory."""
        other = object.__new__(Engine)
        with _one_line():
            other._predictor = self._predictor.clone()
        return other

    def __call__(self, inputs: Mapping[str, "np.ndarray"]) -> list["np.ndarray"]:
        """Run it once.

        Args:
            inputs: arrays by the names of the program's inputs.

        Returns:
            The outputs, in the order of the program's fetches.

        Raises:
            EngineError: Paddle cannot run it on them.
        """
        predictor = self._predictor
        with _one_line():
            for name, value in inputs.items():
                predictor.get_input_handle(name).copy_from_cpu(value)
            predictor.run()
            names = predictor.get_output_names()
            return [predictor.get_output_handle(name).copy_to_cpu() for name in names]


class Cloneable(Protocol):
    """An engine, or what holds engines."""

    def clone(self: E) -> E:
        """The same for another thread."""


def run_in_threads(
    engine: E, threads: int, answer: Callable[[E, T], R], tasks: Iterable[T]
) -> Iterator[R]:
    """Answers to tasks, in their order, several at once.

    Args:
        engine: one for all; each thread has a clone, with activations of its own.
        threads: how many.
        answer: called with an engine that nobody else uses, and a task.
        tasks: what there is to do.
    """
    idle: queue.SimpleQueue[E] = queue.SimpleQueue()
    for own in (engine, *(engine.clone() for _ in range(threads - 1))):
        idle.put(own)

    def work(task: T) -> R:
        own = idle.get()
        try:
            return answer(own, task)
        finally:
            idle.put(own)

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, tasks)


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """Turn what Paddle raises into one line."""
    try:
        yield
    # every C++ check of Paddle arrives as one of these
    except (RuntimeError, ValueError, IndexError, TypeError, OSError, SystemError) as error:
        # "InvalidArgumentError: why" or, where Paddle prints no stack, "(InvalidArgument) why"
        lines = [line.strip() for line in str(error).splitlines()]
        reasons = [line for line in lines if re.match(r"\w+Error:|\(\w+\) ", line)]
        raise EngineError(reasons[0][:300] if reasons else type(error).__name__) from error
