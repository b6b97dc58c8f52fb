"""An exported model -> a Paddle-Lite `.nb`, by way of `paddle_lite_opt`, checked.

A conversion that ends well is no proof: the tool can make a file for another target, or one that
computes nonsense. So success here is: a file, a header that says the right target, and Paddle's own
outputs, computed by the file or, for a phone, by the same weights in a file for x86. A file for a
phone carries Paddle's outputs along, to be checked there too.
"""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ppghost.deploy.conversion import opt
from ppghost.deploy.conversion.build import Builder
from ppghost.deploy.conversion.check import check
from ppghost.deploy.conversion.options import Options, parse_target
from ppghost.deploy.conversion.repairs import Repaired, repair
from ppghost.deploy.nb.compatibility import X86
from ppghost.deploy.nb.header import NbInfo
from ppghost.deploy.nb.sidecar import Preprocess, Sidecar
from ppghost.errors import ConversionError, InputError
from ppghost.formats.exported import ExportedModel, open_model
from ppghost.formats.program_desc import (
    InputSpec,
    check_parameters_are_fixed,
    is_int8,
    program_inputs,
)
from ppghost.i18n import message_of, tr
from ppghost.utils.files import write_atomically

T = TypeVar("T")

#: the post-processing that an inference.yml names where the model finds boxes
BOXES = "MultiClassNMS"

logger = logging.getLogger(__name__)

InputShape = Sequence[int] | Mapping[str, Sequence[int]] | None


@dataclass(frozen=True, kw_only=True)
class Conversion(Sidecar):
    """A `.nb` that was made, the exported model's folder, and what the sidecar says."""

    nb: Path
    model_dir: Path

    @property
    def is_detector(self) -> bool:
        """Whether its outputs are boxes that a suppression left."""
        return any(reference.get("detections") for reference in self.references)

    def to_json(self) -> dict[str, Any]:
        """The result of `ppghost convert`."""
        return {"nb": str(self.nb), "model_dir": str(self.model_dir), **super().to_json()}


@dataclass(frozen=True)
class FailedConversion:
    """A model that `convert_all` left out, and why."""

    model_dir: Path
    error: str

    def to_json(self) -> dict[str, Any]:
        """Its entry in the result of `ppghost convert`."""
        return {"model_dir": str(self.model_dir), "error": self.error}


def convert(
    model_dir: str | Path,
    target: str,
    output: str | Path,
    *,
    fp16: bool = False,
    weights: str | None = None,
    input_shape: InputShape = None,
    timeout: float = opt.TIMEOUT_S,
    command: str | None = None,
) -> Conversion:
    """Convert an exported model for Paddle-Lite, and check the result.

    An x86 file is run and compared with Paddle's own outputs, for several kinds of input; so is the
    same program for x86 where the target is another, which must have the same weights. Beside the
    file lies its sidecar, `output` + ".json", which `bench` and `report` read.

    Args:
        model_dir: the folder of an exported model, of any Paddle 1.x or 2.x.
        target: "arm", "x86" or "opencl" (with arm where the GPU has no kernel).
        output: the file to write; ".nb" is added if it is not there.
        fp16: kernels in half precision, for arm.
        weights: "int8" or "int16" for a smaller file with the same kernels.
        input_shape: [N, C, H, W], or sizes by input, for a model that leaves its inputs open and
            has no inference.yml.
        timeout: seconds for `paddle_lite_opt`.
        command: kept in the sidecar, for people who ask how the file was made.

    Returns:
        Where the file is, and what its sidecar says.

    Raises:
        InputError: a bad argument, model or output place.
        ConversionError: what goes wrong after that. No file is left behind by either.
    """
    options = Options(parse_target(target), fp16, weights)
    model_dir, output = Path(model_dir), Path(output)
    if output.suffix != ".nb":
        output = output.with_name(output.name + ".nb")
    model = open_model(model_dir)
    logger.info("converting %s for %s", model.name, options.target)
    try:
        with tempfile.TemporaryDirectory(prefix="ppghost-convert-") as folder:
            builder = Builder(model, Path(folder), timeout)
            built, sidecar = _build(builder, options, input_shape, command)
            _install(built, sidecar, output)
    except ConversionError as error:
        raise ConversionError("{model_dir}: {error}", model_dir=model_dir, error=error) from error
    if sidecar.check != X86:
        logger.warning("%s: outputs could not be checked (%s)", output, sidecar.check)
    if sidecar.info.fallbacks:
        logger.warning("%s: %s", output, _describe_fallbacks(sidecar.info))
    return Conversion(**vars(sidecar), nb=output, model_dir=model_dir)


def convert_all(
    model_dirs: Sequence[str | Path], target: str, output: str | Path, **options: Any
) -> list[Conversion | FailedConversion]:
    """Convert several models; one that fails is logged and left out, and the others go on.

    Args:
        model_dirs: folders of exported models.
        target: as in `convert`.
        output: the folder to write FOLDER.nb of each into.
        options: as in `convert`.

    Raises:
        InputError: two folders of one name, or a bad option; before anything is converted.
    """
    names = [Path(folder).resolve().name for folder in model_dirs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            "several models are in folders named {twice}; rename them", twice=", ".join(twice)
        )
    # a wrong option is the same for all
    Options(parse_target(target), options.get("fp16", False), options.get("weights"))
    results: list[Conversion | FailedConversion] = []
    for folder, name in zip(model_dirs, names, strict=True):
        try:
            results.append(convert(folder, target, Path(output) / f"{name}.nb", **options))
        except (InputError, ConversionError) as error:
            logger.error("%s", error)
            results.append(FailedConversion(Path(folder), message_of(error)))
    return results


def _build(
    builder: Builder,
    options: Options,
    input_shape: InputShape,
    command: str | None,
) -> tuple[Path, Sidecar]:
    """Make a file, check it, and describe it."""
    model = builder.model
    inputs = checked_inputs(model, input_shape)
    if is_int8(model.program) and (options.fp16 or options.weights):
        asked = "--fp16" if options.fp16 else f"--weights {options.weights}"
        raise InputError(
            "{folder}: {asked} has no effect on a model that is int8; drop it",
            folder=model.folder,
            asked=asked,
        )
    repaired = repair(model, options.target)
    _log_repairs(repaired)
    built, info = builder.build_twice(repaired, options)
    checked = check(builder, repaired, built, options, inputs)
    return built, Sidecar(
        model=model.name,
        weights=_typed(model.config.get("weights"), str),
        params=_typed(model.config.get("params"), int),
        macs=_typed(model.config.get("macs"), int),
        source_files=[path.name for path in model.files()],
        source_sha256=model.sha256(),
        inputs=inputs,
        options={"fp16": options.fp16, "weights": options.weights},
        repairs=repaired.counts(),
        repair_sites=repaired.sites,
        check=checked.check,
        output_check=checked.output_check,
        references=checked.references,
        info=info,
        command=command,
        preprocess=_preprocess(model),
    )


def _preprocess(model: ExportedModel) -> Preprocess | None:
    """What inference.yml says of it; None if it does not, or in another form."""
    before, after = (model.description.get(part) for part in ("PreProcess", "PostProcess"))
    ops = before.get("transform_ops") if isinstance(before, dict) else None
    if not isinstance(ops, list):
        return None
    return {"transform_ops": ops, "boxes": isinstance(after, dict) and BOXES in after}


def checked_inputs(model: ExportedModel, input_shape: InputShape) -> list[InputSpec]:
    """The inputs of a model with every size known; the model is refused if it cannot be right.

    Args:
        model: as it was exported.
        input_shape: as in `convert`.

    Raises:
        ConversionError: sizes are not known or do not fit, or its parameters are not its own.
        InputError: a file cannot be read.
    """
    inputs = program_inputs(model.program, input_shape or _image_shape(model))
    check_parameters_are_fixed(model.program)
    model.check_params()
    return inputs


def _image_shape(model: ExportedModel) -> list[int] | None:
    """[any batch, C, H, W] as inference.yml says; None if it does not, or in another form."""
    shape = model.config.get("image_shape")
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        return None
    return [-1, *shape]


def _log_repairs(repaired: Repaired) -> None:
    if repaired.sites:
        counts = ", ".join(f"{name} ({count})" for name, count in repaired.counts().items())
        logger.info("repaired for Paddle-Lite: %s", counts)
    for name, outputs in repaired.sites.items():
        logger.debug("%s: %s", name, ", ".join(outputs))


def _typed(value: Any, kind: type[T]) -> T | None:
    """What inference.yml says, None if it is of another type: others write that file too."""
    return value if type(value) is kind else None


def _describe_fallbacks(info: NbInfo) -> str:
    names = ", ".join(f"{name} ({count})" for name, count in info.fallbacks.items())
    return tr("not everything has a {target}/{precision} kernel: {names}").format(
        target=info.target, precision=info.precision, names=names
    )


def _install(built: Path, sidecar: Sidecar, output: Path) -> None:
    """Put the model and its sidecar in place: both or, if anything fails, neither."""
    write_atomically(output, lambda file: file.write(built.read_bytes()))
    try:
        sidecar.write(output)
    except BaseException:
        output.unlink()
        raise
