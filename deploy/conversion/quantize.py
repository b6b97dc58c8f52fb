"""Static post-training int8: scales from calibration images, judged against the fp32 model.

It is judged by Paddle running the program: the x86 runtime of Paddle-Lite computes int8 wrongly.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from ppghost.deploy.conversion.paddle_runtime import Runner
from ppghost.deploy.conversion.ptq import run_ptq
from ppghost.errors import CheckFailed, ConversionError, InputError
from ppghost.formats.exported import (
    ExportedModel,
    open_model,
    publish,
    write_description,
)
from ppghost.formats.program_desc import feed_names, operator_types
from ppghost.utils.files import staging_directory

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


class Images(Protocol):
    """Network inputs, float32 [C, H, W], with the class, where it is known; a list will do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> "tuple[np.ndarray, int | None]": ...


class Accuracy(TypedDict):
    """Shares of the images with a label; None without any."""

    top1: float | None
    top5: float | None


@dataclass(frozen=True)
class Agreement:
    """How well the two models agree: the mean cosine of their scores, how often their best class
    is the same, and the accuracy of each."""

    cosine: float
    top1_agreement: float
    fp32: Accuracy
    int8: Accuracy


@dataclass(frozen=True)
class Quantization:
    """An int8 model, and how well it agrees with the one it was made of.

    Attributes:
        model_dir: where it is; None where it was not written.
        fp32_bytes: of the files it was made of.
        algo: of `ALGORITHMS`.
        calibration_images: how many calibrated.
        measured_images: how many the agreement was measured on.
        held_out: whether those did not calibrate.
        agreement: in Paddle's simulation of int8.
        bytes: of its files; None where it was not written.
    """

    model_dir: Path | None
    fp32_bytes: int
    algo: str
    calibration_images: int
    measured_images: int
    held_out: bool
    agreement: Agreement
    bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The result of `ppghost quantize`."""
        result = {
            "model_dir": None if self.model_dir is None else str(self.model_dir),
            "fp32_bytes": self.fp32_bytes,
            "algo": self.algo,
            "calibration_images": self.calibration_images,
            "measured_images": self.measured_images,
            "held_out": self.held_out,
            **asdict(self.agreement),
        }
        return result if self.bytes is None else {**result, "bytes": self.bytes}


def quantize(
    model_dir: str | Path,
    images: Images,
    output: str | Path,
    *,
    samples: int = SAMPLES,
    algo: str = "avg",
    min_agreement: float = MIN_AGREEMENT,
) -> Quantization:
    """Write an int8 version of an exported model, judged against that model.

    At most half of the images, drawn with a fixed seed, calibrate; the others are what the
    agreement is measured on.

    Args:
        model_dir: the folder of an exported float32 model with one input.
        images: what the network is to see, with labels where they are known.
        output: the folder to write it to.
        samples: how many images calibrate at most.
        algo: how the range of a layer's input is taken from them, one of `ALGORITHMS`.
        min_agreement: what the mean cosine of the scores and the share of equal best classes must
            reach.

    Returns:
        Where it is, and how well it agrees.

    Raises:
        InputError: a bad argument, model or place.
        ConversionError: Paddle cannot quantize the model.
        CheckFailed: the agreement is below `min_agreement`; `result` has the figures. Nothing is
            written in any of these cases.
    """
    if algo not in ALGORITHMS:
        raise InputError(f"unknown algorithm {algo!r}; choose one of: {', '.join(ALGORITHMS)}")
    if not len(images):
        raise InputError(f"{model_dir}: no image to calibrate with")
    model, output = open_model(Path(model_dir)), Path(output)
    _check_kind(model)
    calibration, measured = _split(len(images), samples)
    with staging_directory(output) as stage:
        source, made = stage / "fp32", stage / "int8"
        model.write(model.program, source)
        logger.info("calibrating %s on %d images (%s)", model.name, len(calibration), algo)
        try:
            run_ptq(source, made, [images[index][0] for index in calibration], algo)
            logger.info("comparing with fp32 on %d images", len(measured))
            agreement = _compare(model, open_model(made), (images[index] for index in measured))
        except ConversionError as error:
            raise ConversionError(f"{model_dir}: {error}") from error
        result = Quantization(
            model_dir=output,
            fp32_bytes=sum(path.stat().st_size for path in model.files()),
            algo=algo,
            calibration_images=len(calibration),
            measured_images=len(measured),
            held_out=not set(calibration) & set(measured),
            agreement=agreement,
        )
        _check_agreement(model, result, min_agreement)
        write_description(made, _description(model, result))
        return replace(result, bytes=publish(made, output))


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


def _compare(
    fp32: ExportedModel, int8: ExportedModel, images: "Iterable[tuple[np.ndarray, int | None]]"
) -> Agreement:
    """Run the two models in Paddle's runtime, and compare their scores."""
    import numpy as np

    # quantization keeps the input
    [name] = feed_names(fp32.program)
    runners = [Runner(model) for model in (fp32, int8)]
    labels: list[int | None] = []
    scores: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for image, label in images:
        labels.append(label)
        for runner, collected in zip(runners, scores, strict=True):
            collected.append(runner({name: np.ascontiguousarray(image)[None]})[0].ravel())
    reference, candidate = (np.stack(rows).astype(np.float64) for rows in scores)
    norms = np.linalg.norm(reference, axis=1) * np.linalg.norm(candidate, axis=1)
    return Agreement(
        cosine=float(np.mean((reference * candidate).sum(1) / norms)),
        top1_agreement=float(np.mean(reference.argmax(1) == candidate.argmax(1))),
        fp32=_accuracy(reference, labels),
        int8=_accuracy(candidate, labels),
    )


def _accuracy(scores: "np.ndarray", labels: Sequence[int | None]) -> Accuracy:
    known = [(row, label) for row, label in zip(scores, labels, strict=True) if label is not None]
    if not known:
        return {"top1": None, "top5": None}
    ranks = [(-row).argsort(kind="stable").tolist().index(label) for row, label in known]
    top1, top5 = (sum(rank < k for rank in ranks) / len(ranks) for k in (1, 5))
    return {"top1": top1, "top5": top5}


def _check_agreement(model: ExportedModel, result: Quantization, minimum: float) -> None:
    cosine, same = result.agreement.cosine, result.agreement.top1_agreement
    # "not >=", so that NaN fails too
    if not min(cosine, same) >= minimum:
        error = CheckFailed(
            f"{model.folder}: int8 agrees too little with fp32 (top-1 {same:.3f}, cosine "
            f"{cosine:.3f}, {minimum:g} wanted); nothing is written. Give more or better images, "
            "another --algo, or a lower --min-agreement"
        )
        error.result = replace(result, model_dir=None).to_json()
        raise error


def _description(model: ExportedModel, result: Quantization) -> dict[str, Any]:
    """inference.yml as it was, with a name of its own and how the model was quantized."""
    quantized = {
        "algo": result.algo,
        "calibration_images": result.calibration_images,
        "source_sha256": model.sha256(),
        "cosine": result.agreement.cosine,
        "top1_agreement": result.agreement.top1_agreement,
    }
    name = f"{model.name}_int8"
    return model.description | {
        "Global": {**model.config, "model_name": name, "quantized": quantized}
    }
