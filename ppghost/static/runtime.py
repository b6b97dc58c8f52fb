"""Paddle in static mode, for as long as a call of ours lasts."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import TypeAlias

import paddle
from paddle.base.framework import _dygraph_guard
from paddle.base.layers import math_op_patch

from ppghost.utils.paddle import import_paddle

logger = logging.getLogger(__name__)

Place: TypeAlias = paddle.CPUPlace | paddle.CUDAPlace

#: One op after the other, as the Program has them. Several at once take twice the memory and more,
#: for a few percent of the time at best (docs/results.md). And updates of weights among the
#: gradients are slow: Adam's kernel leaves the upper halves of the AVX registers set, with which
#: MKL's products of matrices, in SSE code, take six times as long.
_OPS_IN_ORDER = {
    "FLAGS_new_executor_serial_run": True,
    "FLAGS_new_executor_sequential_run": True,
}


@contextlib.contextmanager
def static_graph(device: str = "cpu") -> Iterator[Place]:
    """Static mode until the block ends; then the caller's mode and flags again.

    Args:
        device: the config's `Global.device`. "gpu" without a GPU is a warning and the CPU.

    Yields:
        Where Executors are to run.
    """
    import_paddle()
    place = _place(device)
    flags = paddle.get_flags(list(_OPS_IN_ORDER))
    with warnings.catch_warnings(), _static_mode():
        # once for each BN layer of a network that is trained
        warnings.filterwarnings("ignore", "When training, we now always track global mean")
        if not on_gpu(place):
            paddle.set_flags(_OPS_IN_ORDER)
        try:
            yield place
        finally:
            paddle.set_flags(flags)


@contextlib.contextmanager
def _static_mode() -> Iterator[None]:
    """Paddle's mode is each thread's own; `enable_static` changes that of the main one alone."""
    if not paddle.in_dynamic_mode():
        yield
        return
    paddle.enable_static()
    if paddle.in_dynamic_mode():
        with _dygraph_guard(None):
            yield
        return
    try:
        yield
    finally:
        paddle.disable_static()


class _Nowhere:
    """In place of the module `inspect`: a call from no file."""

    @staticmethod
    def stack() -> list[tuple]:
        return [(None, "", 0)] * 2


@contextlib.contextmanager
def without_call_stacks() -> Iterator[None]:
    """Let Paddle not find out where an operator is made: a fifth of the building.

    It writes that down with each one; and for sums with an open batch it makes a warning of it,
    which Python hides: tens of milliseconds for each where the code was made by `to_static`, since
    all modules are asked whether it is theirs.
    """
    before = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = 0
    inspect, math_op_patch.inspect = math_op_patch.inspect, _Nowhere
    try:
        yield
    finally:
        math_op_patch.inspect = inspect
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before


def _place(device: str) -> Place:
    if device != "gpu":
        return paddle.CPUPlace()
    if paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count():
        # the launcher gives each process its own
        selected = os.environ.get("FLAGS_selected_gpus", "0").split(",")[0]  # noqa: SIM112 - Paddle's name
        return paddle.CUDAPlace(int(selected))
    logger.warning("Global.device: gpu, but Paddle sees none here; running on the CPU")
    return paddle.CPUPlace()


def on_gpu(place: Place) -> bool:
    """Whether a place of `static_graph` is a GPU."""
    return isinstance(place, paddle.CUDAPlace)
