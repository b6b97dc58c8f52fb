"""Static post-training int8: scales from calibration images, judged against the fp32 model.

It is judged by Paddle running the program: the x86 runtime of Paddle-Lite computes int8 wrongly.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ppghost.deploy.conversion import decisions
from ppghost.deploy.conversion.agreement import Agreement, ScoreJudge
from ppghost.deploy.conversion.box_agreement import BoxAgreement, BoxJudge
from ppghost.deploy.conversion.paddle_runtime import Runner
from ppghost.deploy.conversion.ptq import run_ptq
from ppghost.deploy.conversion.repairs.operators import argument
from ppghost.errors import CheckFailed, ConversionError, InputError
from ppghost.formats.exported import (
    ExportedModel,
    open_model,
    publish,
    write_description,
)
from ppghost.formats.program_desc import feed_names, operator_types
from ppghost.i18n import tr
from ppghost.utils.files import staging_directory

if TYPE_CHECKING:
    import numpy as np

    from ppghost.deploy.conversion.box_agreement import RateBoxes

logger = logging.getLogger(__name__)

#: How the range of a layer's input is taken from the calibration images. "avg", the mean over
#: images of the largest value, agreed best on the two ImageNet networks (README.md) and within
#: 0.0004 of the best on digits, in seconds; "KL" and "mse" took minutes and agreed less.
ALGORITHMS = ("avg", "hist", "KL", "mse", "emd", "abs_max")
SAMPLES = 32
MIN_AGREEMENT = 0.9
_DEQUANTIZE = "dequantize_linear"
_QUANTIZED = ("fake_", "quantize_linear", _DEQUANTIZE)
_NO_WORK = ("feed", "fetch", "quantize_linear", _DEQUANTIZE)


class Images(Protocol):
    """Network inputs, float32 [C, H, W], with the class, where it is known; a list will do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> "tuple[np.ndarray, int | None]": ...


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
        int8_layers: how many operators have int8 weights.
        float_operators: how many of each type stay in float.
        agreement: in Paddle's simulation of int8.
        bytes: of its files; None where it was not written.
    """

    model_dir: Path | None
    fp32_bytes: int
    algo: str
    calibration_images: int
    measured_images: int
    held_out: bool
    int8_layers: int
    float_operators: dict[str, int]
    agreement: Agreement | BoxAgreement
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
            "int8_layers": self.int8_layers,
            "float_operators": self.float_operators,
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
    rate_boxes: "RateBoxes | None" = None,
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
            reach; of a detector the share of the AP that is left or, without `rate_boxes`, of the
            boxes that both models find. With 0 everything is written.
        rate_boxes: of a detector, on images with annotations: gives the average precisions of what
            was found, (places of images, their rows [R, 6]) -> {"AP", ...}.

    Returns:
        Where it is, and how well it agrees.

    Raises:
        InputError: a bad argument, model or place.
        ConversionError: Paddle cannot quantize the model.
        CheckFailed: the agreement is below `min_agreement`; `result` has the figures. Nothing is
            written in any of these cases.
    """
    if algo not in ALGORITHMS:
        raise InputError(
            "unknown algorithm {algo!r}; choose one of: {algorithms}",
            algo=algo,
            algorithms=", ".join(ALGORITHMS),
        )
    if not len(images):
        raise InputError("{model_dir}: no image to calibrate with", model_dir=model_dir)
    model, output = open_model(Path(model_dir)), Path(output)
    _check_kind(model)
    judge = _judge(model, rate_boxes)
    calibration, measured = _split(len(images), samples)
    with staging_directory(output) as stage:
        source, made = stage / "fp32", stage / "int8"
        model.write(model.program, source)
        logger.info("calibrating %s on %d images (%s)", model.name, len(calibration), algo)
        try:
            run_ptq(source, made, [images[index][0] for index in calibration], algo)
            logger.info("comparing with fp32 on %d images", len(measured))
            int8 = open_model(made)
            agreement = _compare(model, int8, images, measured, judge)
            layers, others = _count_layers(int8.program)
        except ConversionError as error:
            raise ConversionError(
                "{model_dir}: {error}", model_dir=model_dir, error=error
            ) from error
        result = Quantization(
            model_dir=output,
            fp32_bytes=sum(path.stat().st_size for path in model.files()),
            algo=algo,
            calibration_images=len(calibration),
            measured_images=len(measured),
            held_out=not set(calibration) & set(measured),
            int8_layers=layers,
            float_operators=others,
            agreement=agreement,
        )
        _check_agreement(model, result, min_agreement)
        write_description(made, _description(model, result))
        return replace(result, bytes=publish(made, output))


def _check_kind(model: ExportedModel) -> None:
    quantized = [op for op in operator_types(model.program) if op.startswith(_QUANTIZED)]
    if quantized:
        raise InputError(
            "{folder}: is quantized already ({quantized}); give the fp32",
            folder=model.folder,
            quantized=min(quantized),
        )
    if model.config.get("exclude_post_process"):
        raise InputError(
            "{folder}: finds no boxes, so that nothing can be judged; quantize the model "
            "that `ppghost export` writes without --exclude-post-process",
            folder=model.folder,
        )
    feeds = len(feed_names(model.program))
    if feeds != 1:
        raise InputError(
            "{folder}: takes {feeds} inputs; only one can be an image",
            folder=model.folder,
            feeds=feeds,
        )


def _split(count: int, samples: int) -> tuple[list[int], list[int]]:
    """Indices to calibrate with and to measure on; the same ones where there is only one."""
    import numpy as np

    order = np.random.default_rng(0).permutation(count).tolist()
    size = min(samples, (count + 1) // 2)
    return order[:size], order[size:] or order


def _judge(model: ExportedModel, rate_boxes: "RateBoxes | None") -> ScoreJudge | BoxJudge:
    """What compares two models of its kind.

    Raises:
        InputError: boxes are to be rated, and it finds none.
    """
    boxes = decisions.detection_outputs(model.program)
    if boxes:
        return BoxJudge(boxes[0], rate_boxes)
    if rate_boxes:
        raise InputError(
            "{folder}: no detector with its suppression; the images have boxes", folder=model.folder
        )
    return ScoreJudge()


def _compare(
    fp32: ExportedModel, int8: ExportedModel, images: Images, measured: Iterable[int], judge: Any
) -> Agreement | BoxAgreement:
    """Run the two models in Paddle's runtime, and let their outputs be judged."""
    import numpy as np

    # quantization keeps the input
    [name] = feed_names(fp32.program)
    runners = [Runner(model) for model in (fp32, int8)]
    for index in measured:
        image, label = images[index]
        outputs = [runner({name: np.ascontiguousarray(image)[None]}) for runner in runners]
        judge.add(*outputs, index if isinstance(judge, BoxJudge) else label)
    return judge.agreement()


def _count_layers(program: Any) -> tuple[int, dict[str, int]]:
    """How many operators have int8 weights, and how many of each other type there are."""
    ops = [op for block in program.blocks for op in block.ops]
    parameters = {var.name for var in program.blocks[0].vars if var.persistable}
    weights = {
        str(argument(op, "Y"))
        for op in ops
        if op.type == _DEQUANTIZE and argument(op, "X") in parameters
    }
    computing = [op for op in ops if op.type not in _NO_WORK]
    is_int8 = [
        any(name in weights for slot in op.inputs for name in slot.arguments) for op in computing
    ]
    others = Counter(op.type for op, int8 in zip(computing, is_int8, strict=True) if not int8)
    return sum(is_int8), dict(others.most_common())


def _check_agreement(model: ExportedModel, result: Quantization, minimum: float) -> None:
    agreement = result.agreement
    # "not >=", so that NaN fails too
    if minimum > 0 and not agreement.least() >= minimum:
        accuracy = agreement.describe_accuracy()
        found = tr(", ").join(filter(None, (agreement.describe(), accuracy)))
        error = CheckFailed(
            "{folder}: int8 agrees too little with fp32 ({found}; {minimum:g} wanted); "
            "nothing is written. Give more or better images, another --algo, or a lower "
            "--min-agreement",
            folder=model.folder,
            found=found,
            minimum=minimum,
        )
        error.result = replace(result, model_dir=None).to_json()
        raise error


def _description(model: ExportedModel, result: Quantization) -> dict[str, Any]:
    """inference.yml as it was, with a name of its own and how the model was quantized."""
    quantized = {
        "algo": result.algo,
        "calibration_images": result.calibration_images,
        "source_sha256": model.sha256(),
        **result.agreement.figures(),
    }
    name = f"{model.name}_int8"
    return model.description | {
        "Global": {**model.config, "model_name": name, "quantized": quantized}
    }
