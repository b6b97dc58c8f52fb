"""Paddle's own `PostTrainingQuantization`, as a function from one folder to another.

It writes a program that quantizes and dequantizes around each convolution and fully connected
layer; `paddle_lite_opt` makes int8 arm kernels of those. PaddleSlim's `quant_post_static` would
give the same: it calls that class (2.6.0, quant/quanter.py).
"""

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ppghost.errors import ConversionError
from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE
from ppghost.utils.paddle import import_paddle

if TYPE_CHECKING:
    import numpy as np


def run_ptq(source: Path, made: Path, arrays: "Sequence[np.ndarray]", algo: str) -> None:
    """Paddle's post-training quantization of the model in a folder.

    Args:
        source: the folder, its files under today's names.
        made: the folder to write the int8 model to, under the same names.
        arrays: network inputs [C, H, W] to calibrate with. All are here: where its loader meets a
            broken image, PTQ waits for ever.
        algo: how the range of a layer's input is taken from them.

    Raises:
        ConversionError: Paddle cannot quantize the model.
    """
    paddle = import_paddle()
    from paddle.static import quantization

    with (
        _static_mode(paddle),
        _only_errors(quantization.post_training_quantization, paddle.static.io),
    ):
        executor = paddle.static.Executor(paddle.CPUPlace())
        try:
            ptq = quantization.PostTrainingQuantization(
                executor=executor,
                scope=paddle.static.global_scope(),
                model_dir=str(source),
                model_filename=MODEL_FILE,
                params_filename=PARAMS_FILE,
                data_loader=_calibration_loader(paddle, source, executor, arrays),
                algo=algo,
                # one scale for each output channel: what Paddle-Lite's int8 kernels take
                weight_quantize_type="channel_wise_abs_max",
                # quantize_linear and dequantize_linear: weights are stored as int8, and the same
                # kernels come out of it (its older form keeps them as float32)
                onnx_format=True,
            )
            ptq.quantize()
            ptq.save_quantized_model(
                str(made), model_filename=MODEL_FILE, params_filename=PARAMS_FILE
            )
        except (RuntimeError, ValueError, KeyError, AssertionError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise ConversionError(
                "Paddle cannot quantize this model: {reason}", reason=reason
            ) from error


@contextlib.contextmanager
def _static_mode(paddle: Any) -> Iterator[None]:
    """Paddle in static mode with a scope of its own; in the caller's mode again afterwards."""
    dynamic = paddle.in_dynamic_mode()
    paddle.enable_static()
    try:
        with (
            paddle.static.scope_guard(paddle.static.Scope()),
            # the names it gives must not depend on what this process built before
            paddle.utils.unique_name.guard(),
        ):
            yield
    finally:
        if dynamic:
            paddle.disable_static()


@contextlib.contextmanager
def _only_errors(*modules: ModuleType) -> Iterator[None]:
    """Keep Paddle from telling of every step, of older calls of its own, and by progress bars."""
    loggers = [logging.getLogger(module.__name__) for module in modules]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _calibration_loader(
    paddle: Any, source: Path, executor: Any, arrays: "Sequence[np.ndarray]"
) -> Any:
    """The arrays one by one, as the `paddle.io.DataLoader` that PTQ insists on."""

    class Calibration(paddle.io.Dataset):
        def __len__(self) -> int:
            return len(arrays)

        def __getitem__(self, index: int) -> "tuple[np.ndarray]":
            return (arrays[index],)

    graph, feeds, _ = paddle.static.load_inference_model(
        str((source / MODEL_FILE).with_suffix("")), executor
    )
    return paddle.io.DataLoader(
        Calibration(),
        feed_list=[graph.global_block().var(name) for name in feeds],
        batch_size=1,
        places=[paddle.CPUPlace()],
        return_list=False,
    )
