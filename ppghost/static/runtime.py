"""Paddle, made ready for static graphs in a process that handles its own signals."""

import logging
import os
import warnings

import paddle

logger = logging.getLogger(__name__)

Place = paddle.CPUPlace | paddle.CUDAPlace


def enable(device: str = "cpu") -> Place:
    """Switch to static mode; take the signal handlers back from Paddle.

    Paddle's C++ handlers allocate memory: a SIGTERM that lands inside malloc would hang the
    process for good.

    Args:
        device: the config's Global.device. "gpu" without a GPU is a warning and the CPU.

    Returns where Executors are to run.
    """
    paddle.disable_signal_handler()
    paddle.enable_static()
    # once for each BN layer of a network that is trained
    warnings.filterwarnings("ignore", "When training, we now always track global mean")
    if device == "gpu":
        if paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count():
            # the launcher gives each process its own
            selected = os.environ.get("FLAGS_selected_gpus", "0").split(",")[0]  # noqa: SIM112 - Paddle's name
            return paddle.CUDAPlace(int(selected))
        logger.warning("Global.device: gpu, but Paddle sees none here; running on the CPU")
    _run_ops_in_order()
    return paddle.CPUPlace()


def _run_ops_in_order() -> None:
    """One op after the other, as the Program has them.

    Several at once take twice the memory and more, for a few percent of the time at best
    (docs/results.md). And updates of weights among the gradients are slow: Adam's kernel leaves
    the upper halves of the AVX registers set, with which MKL's products of matrices, in SSE code,
    take six times as long.
    """
    paddle.set_flags(
        {
            "FLAGS_new_executor_serial_run": True,
            "FLAGS_new_executor_sequential_run": True,
        }
    )


def on_gpu(place: Place) -> bool:
    """Whether what `enable` returned is a GPU."""
    return isinstance(place, paddle.CUDAPlace)
