"""Exported models, ours or anybody's: analysed by their program alone, and only once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ppghost.analysis import cache
from ppghost.analysis.complexity import Complexity, summarize
from ppghost.analysis.ghost_modules import GhostModule
from ppghost.analysis.graph import Graph
from ppghost.analysis.guidelines import Finding
from ppghost.analysis.layers import Layer
from ppghost.analysis.shapes import has_open_sizes, infer_shapes, reason
from ppghost.errors import ConversionError, InputError
from ppghost.formats.exported import find_program_file, read_description, read_program
from ppghost.formats.program_desc import (
    InputSpec,
    declared_shape,
    feed_names,
    program_inputs,
)
from ppghost.i18n import message_of, packed, tr, unpacked

#: the channels of images
_CHANNELS = (1, 3, 4)


def analyze_exported(
    path: Path,
    size: tuple[int, int] | None,
    shapes: Sequence[int] | Mapping[str, Sequence[int]] | None,
) -> Complexity:
    """All figures of an exported model.

    Args:
        path: its folder, or its program.
        size: H and W of images whose size the model leaves open.
        shapes: [N, C, H, W], or shapes by the names of inputs.

    Raises:
        InputError: no such model, one that cannot be read, or a size that it cannot have.
    """
    file = find_program_file(path) if path.is_dir() else path
    description = read_description(file.parent).get("Global", {})
    program = read_program(file)
    inputs = _inputs(program, file, size, shapes, description)
    name = str(description.get("model_name") or _folder_name(file))
    key = cache.key_of(file.read_bytes(), inputs=inputs)
    if (kept := cache.read(key)) is None:
        found = _analyze(program, inputs, name, file)
        cache.write(key, _kept(asdict(found)))
    else:
        found = _restore(kept, name)
    return replace(found, file_bytes=_file_bytes(file))


def _folder_name(file: Path) -> str:
    return file.stem if file.stem not in ("inference", "__model__") else file.resolve().parent.name


def _inputs(
    program: Any,
    file: Path,
    size: tuple[int, int] | None,
    shapes: Sequence[int] | Mapping[str, Sequence[int]] | None,
    description: Mapping[str, Any],
) -> list[InputSpec]:
    """The inputs with their sizes: as they were asked for, or as inference.yml has them."""
    try:
        if shapes is not None:
            return program_inputs(program, shapes)
        declared = {name: declared_shape(program, name) for name in feed_names(program)}
        images = {name: dims for name, dims in declared.items() if len(dims) == 4}
        known = size or _described_size(description)
        if known is None:
            return program_inputs(program, None)
        return program_inputs(
            program, {name: _with_size(dims, known) for name, dims in images.items()}
        )
    except ConversionError as error:
        if size is not None and "in the program, not" in str(error):
            raise InputError(
                "{file}: {error}: an exported model has its size and its classes already",
                file=file,
                error=error,
            ) from error
        message = message_of(error).replace(tr("say which with"), tr("give --image-size, or"))
        raise InputError("{file}: {message}", file=file, message=message) from error


def _described_size(description: Mapping[str, Any]) -> tuple[int, int] | None:
    """H and W that inference.yml names, if it does."""
    shape = description.get("image_shape")
    if not isinstance(shape, list) or len(shape) != 3 or not all(type(n) is int for n in shape):
        return None
    return (shape[1], shape[2]) if min(shape) > 0 else None


def _with_size(declared: Sequence[int], size: tuple[int, int]) -> list[int]:
    """An input's shape for one image of a size; of images with channels last, too."""
    if declared[3] in _CHANNELS and declared[1] not in _CHANNELS:
        return [1, *size, declared[3]]
    return [1, declared[1] if declared[1] > 0 else 3, *size]


def _analyze(program: Any, inputs: Sequence[InputSpec], name: str, file: Path) -> Complexity:
    shapes = {spec["name"]: spec["shape"] for spec in inputs}
    image = next((shape for shape in shapes.values() if len(shape) == 4), inputs[0]["shape"])
    try:
        inferred = (
            infer_shapes(program, inputs, str(file)) if has_open_sizes(program, inputs) else None
        )
    except (RuntimeError, ValueError) as error:
        size = "x".join(map(str, image[2:]))
        raise InputError(
            "{file}: it cannot take images of {size}: {error}",
            file=file,
            size=size,
            error=reason(error),
        ) from error
    return summarize(name, image[1:], Graph(program, inferred, shapes))


def _kept(analysis: dict[str, Any]) -> dict[str, Any]:
    """An analysis to be kept, with messages that can be translated afterwards."""
    findings = [each | {"message": packed(each["message"])} for each in analysis["findings"]]
    return analysis | {"findings": findings}


def _restore(kept: dict[str, Any], name: str) -> Complexity:
    """An analysis that was kept; a network may have got another name since."""
    old = kept["name"]
    findings = [
        dict(finding) | {"layer": name if finding["layer"] == old else finding["layer"]}
        for finding in kept["findings"]
    ]
    return Complexity(
        **kept
        | {
            "name": name,
            "input_shape": tuple(kept["input_shape"]),
            "layers": tuple(Layer(**_tuples(layer)) for layer in kept["layers"]),
            "ghost_modules": tuple(GhostModule(**module) for module in kept["ghost_modules"]),
            "findings": tuple(
                Finding(**finding | {"message": unpacked(finding["message"])})
                for finding in findings
            ),
        }
    )


def _tuples(layer: Mapping[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that they were."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in layer.items()}


def _file_bytes(program: Path) -> int:
    """Of the program and, where it is beside it, the file of its parameters."""
    files = (program, program.with_suffix(".pdiparams"))
    return sum(file.stat().st_size for file in files if file.is_file())
