"""Models and weights in other forms."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppghost.cli.common import (
    Commands,
    Output,
    command_line,
    input_shapes,
    named_shape,
    positive,
)
from ppghost.errors import ConversionError, InputError
from ppghost.i18n import Message, say, tr, translate

if TYPE_CHECKING:
    from ppghost.deploy.conversion.convert import Conversion
    from ppghost.deploy.conversion.paddle2 import Rewritten
    from ppghost.deploy.conversion.quantize import Quantization


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    _add_convert(commands.add("convert", convert, help="make a .nb with paddle_lite_opt"))
    _add_quantize(commands.add("quantize", quantize, help="static int8, by calibration images"))

    group = commands.group("weights", help="weights of other programs", metavar="WHAT")
    parser = commands.add(
        "convert",
        convert_weights,
        help="weights of PaddleClas 1.x and 2.x, safetensors or PyTorch, in another format",
        group=group,
    )
    parser.add_argument("source", type=Path, metavar="SRC", help="a file or folder of weights")
    parser.add_argument(
        "target", type=Path, metavar="DST", help="FILE.pdparams or FILE.safetensors"
    )
    parser.add_argument("--arch", required=True, metavar="NAME", help="see ppghost list")
    parser.add_argument("--class-num", type=positive, metavar="N", help="if not the usual one")
    parser.add_argument(
        "-o", "--override", action="append", default=[], metavar="Arch.KEY=VALUE",
        help="an argument of the network, such as Arch.layout=timm (repeatable)",
    )  # fmt: skip


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model_dirs", type=Path, nargs="*", metavar="MODEL_DIR", help="exported models"
    )
    parser.add_argument(
        "--target", metavar="arm|x86|opencl|arm,opencl", help="the processor that runs the file"
    )
    parser.add_argument(
        "--to",
        choices=("paddle2",),
        help="write no .nb, but the model as Paddle 2 exports it, to the folder --output",
    )
    parser.add_argument("--fp16", action="store_true", help="fp16 kernels (arm)")
    parser.add_argument("--weights", metavar="int8|int16", help="a smaller file, same kernels")
    parser.add_argument(
        "--input-shape",
        type=named_shape,
        action="append",
        metavar="[NAME=]1,3,224,224",
        help="for a model that leaves sizes open which no inference.yml gives; for each input",
    )
    parser.add_argument(
        "--timeout", type=positive, default=300, metavar="SECONDS", help="for each model"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.nb", help="a folder for several models, or with --to"
    )
    parser.add_argument(
        "--list-repairs",
        action="store_true",
        help="list what is rewritten for Paddle-Lite, and end; needs nothing else",
    )


def _add_quantize(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model_dir", type=Path, metavar="MODEL_DIR", help="an exported model")
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        metavar="LIST",
        help="'path' or 'path label' lines; of a detector 'path xml' lines or COCO's .json too",
    )
    parser.add_argument(
        "--image-root", type=Path, metavar="DIR", help="what the paths are relative to, if not LIST"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder of the int8 model"
    )
    parser.add_argument(
        "--samples",
        type=positive,
        default=32,
        metavar="N",
        help="images to calibrate with, at most half of the list (default 32)",
    )
    parser.add_argument(
        "--algo", default="avg", metavar="NAME", help="avg (default), hist, KL, mse, emd, abs_max"
    )
    parser.add_argument(
        "--min-agreement",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="least cosine and top-1 agreement with fp32, of a detector least share of its AP or "
        "boxes (default 0.9)",
    )


def convert(args: argparse.Namespace) -> Output:
    """Exported models as `.nb` files."""
    if args.list_repairs:
        return _list_repairs()
    if args.to:
        return _to_paddle2(args)
    given = {"MODEL_DIR": args.model_dirs, "--target": args.target, "--output": args.output}
    _require(given)

    from ppghost.deploy.conversion.convert import Conversion, convert, convert_all

    options = {
        "fp16": args.fp16,
        "weights": args.weights,
        "input_shape": input_shapes(args.input_shape),
        "timeout": args.timeout,
        "command": command_line(args),
    }
    if len(args.model_dirs) == 1:
        result = convert(args.model_dirs[0], args.target, args.output, **options)
        return result.to_json(), _converted(result)
    results = convert_all(args.model_dirs, args.target, args.output, **options)
    entries = [result.to_json() for result in results]
    converted = [result for result in results if isinstance(result, Conversion)]
    if len(converted) < len(results):
        error = ConversionError(
            "{count} of {results_count} models could not be converted; see above",
            count=len(results) - len(converted),
            results_count=len(results),
        )
        error.result = entries
        raise error
    return entries, "\n".join(map(_converted, converted))


def _require(given: dict[str, Any]) -> None:
    if missing := [name for name, value in given.items() if not value]:
        raise InputError(
            "the following arguments are required: {missing}", missing=", ".join(missing)
        )


def _to_paddle2(args: argparse.Namespace) -> Output:
    """One exported model in the form of Paddle 2."""
    _require({"MODEL_DIR": args.model_dirs, "--output": args.output})
    options = ("target", "fp16", "weights", "input_shape")
    if others := [f"--{name.replace('_', '-')}" for name in options if getattr(args, name)]:
        raise InputError(
            "{first} is for a .nb, and --to {to} makes none; drop one", first=others[0], to=args.to
        )
    if len(args.model_dirs) > 1:
        raise InputError("--to {to}: give one model at a time", to=args.to)

    from ppghost.deploy.conversion.paddle2 import to_paddle2

    result = to_paddle2(args.model_dirs[0], args.output)
    return result.to_json(), _rewritten(result)


def _rewritten(result: "Rewritten") -> str:
    source = ", ".join(result.source_files[:2])
    return say(
        "{model_dir}: a model of Paddle 2 made of {source}, {bytes} bytes",
        model_dir=result.model_dir,
        source=source,
        bytes=result.bytes,
    )


def _list_repairs() -> Output:
    """Every repair with its purpose and the targets that need it."""
    from ppghost.deploy.conversion.repairs import PASSES

    rows = [each.to_json() for each in PASSES]
    width = max(len(row["name"]) for row in rows)
    lines = [
        f"{row['name']:<{width}}  {','.join(row['targets']):<14}  {say(row['description'])}"
        for row in rows
    ]
    return rows, "\n".join(lines)


def _converted(result: "Conversion") -> str:
    check = result.output_check
    how = say("checked: {check}", check=tr(str(result.check)))
    if check and check["max_abs_diff"] is not None:
        how += say(", largest difference from Paddle {largest:.1e}", largest=check["max_abs_diff"])
        # what stands behind boxes, classes or rounded weights
        if (inside := check.get("inside")) and inside["relative"] is not None:
            where = (
                tr(", before suppression {relative:.1e} of the range")
                if result.is_detector
                else tr(", inside {relative:.1e} of the range")
            )
            how += translate(where.format(relative=inside["relative"]))
    return say(
        "{nb}: {bytes} bytes for {target}, {how}",
        nb=result.nb,
        bytes=result.info.bytes,
        target=result.info.target,
        how=how,
    )


def quantize(args: argparse.Namespace) -> Output:
    """An exported model in static int8."""
    from ppghost.deploy.conversion.quantize import quantize
    from ppghost.inference.annotated_images import AnnotatedImages, calibration_images

    images = calibration_images(args.model_dir, args.images, args.image_root)
    result = quantize(
        args.model_dir,
        images,
        args.output,
        samples=args.samples,
        algo=args.algo,
        min_agreement=args.min_agreement,
        rate_boxes=images.average_precisions if isinstance(images, AnnotatedImages) else None,
    )
    return result.to_json(), _quantized(result)


def _quantized(result: "Quantization") -> str:
    """What was written, and how well it agrees, in a few lines."""
    agreement = (
        tr("agreement with fp32 on {count} held-out images, in Paddle's simulation: {agreement}")
        if result.held_out
        else tr(
            "agreement with fp32 on {count} calibration images, in Paddle's simulation: {agreement}"
        )
    )
    in_float = ", ".join(f"{name} ({count})" for name, count in result.float_operators.items())
    lines = [
        tr("{model_dir}: int8 by {algo}, {bytes} bytes").format(
            model_dir=result.model_dir, algo=result.algo, bytes=result.bytes
        ),
        agreement.format(count=result.measured_images, agreement=result.agreement.describe()),
        result.agreement.describe_accuracy(),
        tr("{layers} layers in int8; in float: {in_float}").format(
            layers=result.int8_layers, in_float=in_float
        ),
    ]
    return Message("\n").join(filter(None, lines))


def convert_weights(args: argparse.Namespace) -> Output:
    """Weights from one format to another."""
    from ppghost.utils.yaml_files import apply_override
    from ppghost.weights.conversion import convert

    settings: dict = {"Arch": {}}
    for override in args.override:
        if not override.startswith("Arch.") or override.startswith("Arch.name="):
            raise InputError(
                "-o {override}: here it is for an argument of the network, as in Arch.layout=timm",
                override=override,
            )
        apply_override(settings, override)
    result = convert(args.source, args.target, args.arch, args.class_num, settings["Arch"])
    left = len(result["unexpected"])
    unused = tr(", {left} of the file not used").format(left=left) if left else ""
    return result, tr("{target}: {count} tensors of {arch}{unused}").format(
        target=args.target, count=len(result["loaded"]), arch=args.arch, unused=unused
    )
