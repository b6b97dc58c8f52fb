"""An exported model -> a Paddle-Lite `.nb`, by way of `paddle_lite_opt`, checked.

A conversion that ends well is no proof: the tool can make a file for another target, or one that
computes nonsense. So success here is: a file, a header that says the right target, and (for x86)
Paddle's own outputs. A file for a phone carries Paddle's outputs along, to be checked there.
"""

import copy
import dataclasses
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ppghost.deploy.conversion import opt, paddle_runtime
from ppghost.deploy.conversion.repairs import repair
from ppghost.deploy.devices.host import device as host
from ppghost.deploy.devices.host.worker import seeded_inputs
from ppghost.deploy.nb import output_check
from ppghost.deploy.nb.header import NbInfo, inspect_nb
from ppghost.deploy.nb.sidecar import describe_reference, sidecar_path
from ppghost.errors import ConversionError, DeviceError, InputError
from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE, ExportedModel, open_model
from ppghost.formats.program_desc import (
    check_parameters_are_fixed,
    operator_types,
    program_inputs,
)
from ppghost.utils.files import write_atomically, write_json

logger = logging.getLogger(__name__)

#: our names -> `--valid_targets`, whose order matters: with `arm,opencl` every operator that has
#: an arm kernel gets that one, and the GPU is left idle
TARGETS = {"arm": "arm", "x86": "x86", "opencl": "opencl,arm"}
#: what is weight-only: smaller files, fp32 kernels
WEIGHT_TYPES = {"int8": "QUANT_INT8", "int16": "QUANT_INT16"}
REFERENCE_SEED = 0


@dataclasses.dataclass(frozen=True)
class Options:
    """How to convert: `target` is "arm", "x86" or "opencl", `weights` "int8", "int16" or None.

    Raises InputError for a combination that does not exist.
    """

    target: str
    fp16: bool = False
    weights: str | None = None

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise InputError(f"unknown target {self.target!r}; choose one of: {', '.join(TARGETS)}")
        if self.fp16 and self.target != "arm":
            raise InputError(f"--fp16 is for arm; {self.target} has no fp16 arm kernels to choose")
        if self.weights is not None and self.weights not in WEIGHT_TYPES:
            names = ", ".join(WEIGHT_TYPES)
            raise InputError(f"unknown weights {self.weights!r}; choose one of: {names}")

    @property
    def valid_targets(self) -> str:
        """The target as `paddle_lite_opt` wants it."""
        return TARGETS[self.target]

    def arguments(self) -> list[str]:
        """Everything but the target, as arguments of `paddle_lite_opt`."""
        arguments = ["--enable_fp16=true"] if self.fp16 else []
        if self.weights:
            arguments += ["--quant_model=true", f"--quant_type={WEIGHT_TYPES[self.weights]}"]
        return arguments


def parse_target(text: str) -> str:
    """ "arm,opencl" and "opencl,arm", as others say it, are "opencl": it falls back on arm."""
    return "opencl" if sorted(text.split(",")) == ["arm", "opencl"] else text


def convert(
    model_dir: Path,
    target: str,
    output: Path,
    *,
    fp16: bool = False,
    weights: str | None = None,
    input_shape: list[int] | None = None,
    timeout: float = opt.TIMEOUT_S,
    command: str | None = None,
) -> dict[str, Any]:
    """Convert the exported model in `model_dir` for `target`; see `Options` for what there is.

    Writes `output` (".nb" is added if it is not there) and `output` + ".json", the sidecar that
    `bench` and `report` read, and returns the sidecar's content and the file's path as "nb".
    An x86 result is run once and compared with Paddle's own outputs. `input_shape` (with the
    batch) fills in sizes that the model leaves open; `command` is kept in the sidecar.
    Raises InputError for a bad argument, model or output place, ConversionError for everything
    that goes wrong after that; either leaves no file behind.
    """
    options = Options(parse_target(target), fp16, weights)
    model_dir, output = Path(model_dir), Path(output)
    if output.suffix != ".nb":
        output = output.with_name(output.name + ".nb")
    model = open_model(model_dir)
    logger.info("converting %s for %s", model.name, options.target)
    try:
        with tempfile.TemporaryDirectory(prefix="ppghost-convert-") as folder:
            built = Path(folder) / "out.nb"
            sidecar = {
                **_build(model, options, input_shape, timeout, built),
                "command": command,
            }
            _install(built, sidecar, output)
    except ConversionError as error:
        raise ConversionError(f"{model_dir}: {error}") from None
    if sidecar["fallbacks"]:
        logger.warning("%s: %s", output, _describe_fallbacks(sidecar))
    return {"nb": str(output), "model_dir": str(model_dir), **sidecar}


def convert_all(
    model_dirs: Sequence[Path], target: str, output: Path, **options: Any
) -> list[dict[str, Any]]:
    """Convert each model to `output`/FOLDER.nb; `options` as in `convert`.

    One that fails is logged and left out: its entry is {"model_dir", "error"}, and the others
    go on. Raises InputError, before anything is converted, for two folders of one name.
    """
    names = [Path(folder).resolve().name for folder in model_dirs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"several models are in folders named {', '.join(twice)}; rename them")
    # a wrong option is the same for all
    Options(parse_target(target), options.get("fp16", False), options.get("weights"))
    results = []
    for folder, name in zip(model_dirs, names, strict=True):
        try:
            results.append(convert(folder, target, Path(output) / f"{name}.nb", **options))
        except (InputError, ConversionError) as error:
            logger.error("%s", error)
            results.append({"model_dir": str(folder), "error": str(error)})
    return results


def _build(
    model: ExportedModel,
    options: Options,
    input_shape: list[int] | None,
    timeout: float,
    built: Path,
) -> dict[str, Any]:
    """Make the file `built`, check it, and return its sidecar."""
    if input_shape is None and (image_shape := model.config.get("image_shape")):
        input_shape = [1, *image_shape]
    inputs = program_inputs(model.program, input_shape)
    check_parameters_are_fixed(model.program)
    _check_supported(model.program, options)
    repaired, folder = copy.deepcopy(model.program), built.parent / "repaired"
    repairs = repair(repaired)
    model.write(repaired, folder)
    opt.run(
        [
            f"--model_file={folder / MODEL_FILE}",
            f"--param_file={folder / PARAMS_FILE}",
            *options.arguments(),
        ],
        built,
        options.valid_targets,
        timeout,
    )
    info = _check_header(options.target, built)
    values = seeded_inputs(inputs, REFERENCE_SEED)
    # of the program as it came: a repair that changes what is computed must show
    expected = paddle_runtime.reference_outputs(model, values)
    check = None
    if options.target == host.TARGET:
        check = _check_outputs(built, values, expected, options.weights)
    return {
        "model": model.name,
        "weights": model.config.get("weights"),
        **{key: _counted(model.config.get(key)) for key in ("params", "macs")},
        "source_files": [path.name for path in model.files()],
        "source_sha256": model.sha256(),
        "inputs": inputs,
        "options": {"fp16": options.fp16, "weights": options.weights},
        "repairs": repairs,
        "output_check": check,
        "reference": describe_reference(REFERENCE_SEED, expected),
        # target, precision, opt_version, kernels, fallbacks, bytes, content_sha256, meta_version
        **dataclasses.asdict(info),
    }


def _counted(value: object) -> int | None:
    """What inference.yml gives as a count; None for anything else: others write that file too."""
    return value if type(value) is int else None


def _check_supported(graph: Any, options: Options) -> None:
    supported = opt.supported_operators(options.valid_targets)
    missing = sorted(operator_types(graph) - supported)
    if missing:
        raise ConversionError(
            f"Paddle-Lite has no {options.target} kernel for: {', '.join(missing)}; "
            "replace them in the network"
        )


def _check_header(target: str, built: Path) -> NbInfo:
    try:
        info = inspect_nb(built)
    except InputError as error:
        reason = str(error).removeprefix(f"{built}: ")
        raise ConversionError(f"paddle_lite_opt wrote a bad file: {reason}") from None
    # a network of nothing but host kernels runs anywhere
    if info.target not in (target, "host"):
        raise ConversionError(
            f"asked for {target}, but paddle_lite_opt made a file for {info.target}"
        )
    return info


def _check_outputs(
    built: Path, values: dict, expected: list, weights: str | None
) -> dict[str, Any]:
    """Compare the `.nb` with what Paddle gives for `values`. Raises ConversionError."""
    try:
        # Paddle-Lite keeps the order of the fetches, but not always their names
        actual = list(host.run_once(built, values).values())
    except (DeviceError, InputError) as error:
        reason = str(error).removeprefix(f"{built}: ").removeprefix(f"{built.name}: ")
        raise ConversionError(f"the converted model does not run: {reason}") from None
    return output_check.compare(actual, expected, weights)


def _describe_fallbacks(sidecar: dict[str, Any]) -> str:
    names = ", ".join(f"{name} ({count})" for name, count in sidecar["fallbacks"].items())
    wanted = f"{sidecar['target']}/{sidecar['precision']}"
    return f"not everything has a {wanted} kernel: {names}"


def _install(built: Path, sidecar: dict[str, Any], output: Path) -> None:
    """Put the model and its sidecar in place: both or, if anything fails, neither."""
    write_atomically(output, lambda file: file.write(built.read_bytes()))
    try:
        write_json(sidecar_path(output), sidecar)
    except BaseException:
        output.unlink()
        raise
