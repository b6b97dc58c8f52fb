"""Static post-training int8: scales from calibration images, judged against the fp32 model.

Paddle's own `PostTrainingQuantization` writes a program that quantizes and dequantizes around
each convolution and fully connected layer; `paddle_lite_opt` makes int8 arm kernels of those. It
is judged by Paddle running that program: the x86 runtime of Paddle-Lite computes int8 wrongly.
PaddleSlim's `quant_post_static` would give the same: it calls that class (2.6.0, quant/quanter.py).
"""

import contextlib
import io
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ppghost.deploy.conversion.paddle_runtime import Runner
from ppghost.errors import CheckFailed, ConversionError, InputError
from ppghost.formats.exported import (
    CONFIG_FILE,
    MODEL_FILE,
    PARAMS_FILE,
    ExportedModel,
    open_model,
    publish,
)
from ppghost.formats.program_desc import feed_names, operator_types
from ppghost.utils.files import staging_directory
from ppghost.utils.paddle_inference import import_paddle

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

#: How the range of a layer's input is taken from the calibration images. "avg", the mean over
#: images of the largest value, agreed best on the two ImageNet networks (README.md) and within
#: 0.0004 of the best on digits, in seconds; "KL" and "mse" took minutes and agreed less.
ALGORITHMS = ("avg", "hist", "KL", "mse", "emd", "abs_max")
SAMPLES = 32
MIN_AGREEMENT = 0.9
_QUANTIZED = ("fake_", "quantize_linear", "dequantize_linear")

#: network inputs [C, H, W] with the class, where it is known
Images = Sequence[tuple["np.ndarray", int | None]]


def quantize(
    model_dir: Path,
    images: Images,
    output: Path,
    *,
    samples: int = SAMPLES,
    algo: str = "avg",
    min_agreement: float = MIN_AGREEMENT,
) -> dict[str, Any]:
    """Write an int8 version of the model in `model_dir` to the folder `output`.

    At most half of `images`, and `samples` of them, drawn with a fixed seed, calibrate; the others
    are what the agreement with the fp32 model is measured on.

    Returns {"model_dir", "bytes", "fp32_bytes", "algo", "calibration_images", "measured_images",
    "held_out", "cosine", "top1_agreement", "fp32", "int8"}: the mean cosine of the two models'
    scores, how often their best class is the same, and {"top1", "top5"} of each over the images
    with a label (null without any).
    Raises InputError for a bad argument, model or place, ConversionError if Paddle cannot quantize
    the model, CheckFailed (with that result) if cosine or top1_agreement is below `min_agreement`.
    Nothing is written then.
    """
    if algo not in ALGORITHMS:
        raise InputError(f"unknown algorithm {algo!r}; choose one of: {', '.join(ALGORITHMS)}")
    model = open_model(Path(model_dir))
    _check_kind(model)
    output = Path(output)
    calibration, measured = _split(len(images), samples)
    with staging_directory(output) as stage:
        source, made = stage / "fp32", stage / "int8"
        model.write(model.program, source)
        logger.info("calibrating %s on %d images (%s)", model.name, len(calibration), algo)
        try:
            _run_ptq(source, made, _Selected(images, calibration), algo)
            logger.info("comparing with fp32 on %d images", len(measured))
            figures = _compare(source, made, _Selected(images, measured))
        except ConversionError as error:
            raise ConversionError(f"{model_dir}: {error}") from None
        result = {
            "model_dir": str(output),
            "fp32_bytes": sum(path.stat().st_size for path in model.files()),
            "algo": algo,
            "calibration_images": len(calibration),
            "measured_images": len(measured),
            "held_out": not set(calibration) & set(measured),
            **figures,
        }
        _check_agreement(model, result, min_agreement)
        _describe(model, result, made)
        return {**result, "bytes": publish(made, output)}


class _Selected(Sequence):
    """Some of the images, by index; each is read when it is asked for."""

    def __init__(self, images: Images, indices: list[int]) -> None:
        self._images, self._indices = images, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> tuple["np.ndarray", int | None]:
        return self._images[self._indices[index]]


def _check_kind(model: ExportedModel) -> None:
    quantized = [op for op in operator_types(model.program) if op.startswith(_QUANTIZED)]
    if quantized:
        raise InputError(f"{model.folder}: is quantized already ({min(quantized)}); give the fp32")
    feeds = len(feed_names(model.program))
    if feeds != 1:
        raise InputError(f"{model.folder}: takes {feeds} inputs; only one can be an image")


def _split(count: int, samples: int) -> tuple[list[int], list[int]]:
    """Indices to calibrate with and to measure on; the same ones where there is only one."""
    import numpy as np

    order = np.random.default_rng(0).permutation(count).tolist()
    size = min(samples, (count + 1) // 2)
    return order[:size], order[size:] or order


def _run_ptq(source: Path, made: Path, images: _Selected, algo: str) -> None:
    """Paddle's post-training quantization of the model in `source`, written to `made`."""
    paddle = import_paddle()
    from paddle.static import quantization

    # they tell of every step, and of their own use of an older call
    for module in (quantization.post_training_quantization, paddle.static.io):
        logging.getLogger(module.__name__).setLevel(logging.ERROR)
    paddle.enable_static()
    scope, executor = paddle.static.Scope(), paddle.static.Executor(paddle.CPUPlace())
    # read here: where its loader meets a broken image, PTQ waits for ever
    arrays = [images[index][0] for index in range(len(images))]
    # it draws progress bars of its own
    with (
        paddle.static.scope_guard(scope),
        # the names it gives must not depend on what this process built before
        paddle.utils.unique_name.guard(),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        try:
            ptq = quantization.PostTrainingQuantization(
                executor=executor,
                scope=scope,
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
            raise ConversionError(f"Paddle cannot quantize this model: {reason}") from None


def _calibration_loader(paddle: Any, source: Path, executor: Any, arrays: list) -> Any:
    """The arrays one by one, as the `paddle.io.DataLoader` that PTQ insists on."""

    class Calibration(paddle.io.Dataset):
        def __len__(self) -> int:
            return len(arrays)

        def __getitem__(self, index: int) -> tuple["np.ndarray"]:
            return (arrays[index],)

    graph, feeds, _ = paddle.static.load_inference_model(str(source / "inference"), executor)
    return paddle.io.DataLoader(
        Calibration(),
        feed_list=[graph.global_block().var(name) for name in feeds],
        batch_size=1,
        places=[paddle.CPUPlace()],
        return_list=False,
    )


def _compare(source: Path, made: Path, images: _Selected) -> dict[str, Any]:
    """Agreement of the two models in Paddle's runtime, and the accuracy of each."""
    import numpy as np

    models = [open_model(folder) for folder in (source, made)]
    # quantization keeps the input
    [name] = feed_names(models[0].program)
    runners = [Runner(model, os.cpu_count() or 1) for model in models]
    labels: list[int | None] = []
    scores: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for image, label in (images[index] for index in range(len(images))):
        labels.append(label)
        for runner, collected in zip(runners, scores, strict=True):
            collected.append(runner({name: np.ascontiguousarray(image)[None]})[0].ravel())
    fp32, int8 = (np.stack(rows).astype(np.float64) for rows in scores)
    norms = np.linalg.norm(fp32, axis=1) * np.linalg.norm(int8, axis=1)
    return {
        "cosine": float(np.mean((fp32 * int8).sum(1) / norms)),
        "top1_agreement": float(np.mean(fp32.argmax(1) == int8.argmax(1))),
        "fp32": _accuracy(fp32, labels),
        "int8": _accuracy(int8, labels),
    }


def _accuracy(scores: "np.ndarray", labels: list[int | None]) -> dict[str, float | None]:
    known = [(row, label) for row, label in zip(scores, labels, strict=True) if label is not None]
    if not known:
        return {"top1": None, "top5": None}
    ranked = [(-row).argsort(kind="stable").tolist().index(label) for row, label in known]
    return {f"top{k}": sum(place < k for place in ranked) / len(ranked) for k in (1, 5)}


def _check_agreement(model: ExportedModel, result: dict[str, Any], least: float) -> None:
    cosine, same = result["cosine"], result["top1_agreement"]
    # "not >=", so that NaN fails too
    if not min(cosine, same) >= least:
        error = CheckFailed(
            f"{model.folder}: int8 agrees too little with fp32 (top-1 {same:.3f}, cosine "
            f"{cosine:.3f}, {least:g} wanted); nothing is written. Give more or better images, "
            "another --algo, or a lower --min-agreement"
        )
        error.result = {**result, "model_dir": None}
        raise error


def _describe(model: ExportedModel, result: dict[str, Any], made: Path) -> None:
    """inference.yml as it was, with a name of its own and how the model was quantized."""
    path = model.folder / CONFIG_FILE
    whole = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    whole["Global"] = {
        **model.config,
        "model_name": f"{model.name}_int8",
        "quantized": {
            "algo": result["algo"],
            "calibration_images": result["calibration_images"],
            "source_sha256": model.sha256(),
            "cosine": result["cosine"],
            "top1_agreement": result["top1_agreement"],
        },
    }
    text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
    (made / CONFIG_FILE).write_text(text, encoding="utf-8")
