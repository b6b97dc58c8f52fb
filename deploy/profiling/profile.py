"""A network's files for one target: the whole, its layers, and a model that computes one value."""

import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ppghost.deploy.conversion.build import Builder
from ppghost.deploy.conversion.convert import InputShape, checked_inputs, convert
from ppghost.deploy.conversion.repairs import repair
from ppghost.deploy.conversion.repairs.operators import new_operator
from ppghost.deploy.latency.schema import KernelCount, LayerPlan, TimedLayer, UntimedLayer
from ppghost.deploy.nb.header import operator_counts
from ppghost.deploy.nb.model import NbModel
from ppghost.deploy.profiling.cache import NbCache
from ppghost.deploy.profiling.cut import Cut, Piece, cut
from ppghost.deploy.profiling.shapes import with_known_shapes
from ppghost.deploy.profiling.standalone import Standalone, standalone
from ppghost.errors import ConversionError
from ppghost.formats.exported import ExportedModel
from ppghost.formats.paddle_tensors import split_records
from ppghost.formats.program_desc import InputSpec, framework, parameter_names
from ppghost.i18n import message_of

logger = logging.getLogger(__name__)

#: multiply-accumulates of a ProgramDesc with known sizes
CountMacs = Callable[[Any], int]
#: what the model without work is called
IDLE = "(no work)"
PROGRESS_EVERY_S = 5.0
#: kernels that only stand at borders
_BORDERS = frozenset(("feed", "fetch", "io_copy", "io_copy_once", "layout", "layout_once", "calib"))


@dataclass(frozen=True)
class Profile:
    """A network's files for one target: the whole, one without work, the layers; and their plan."""

    models: list[NbModel]
    plan: LayerPlan


@dataclass
class _Alike:
    """Layers that are equal: the first of them, and the names of all."""

    piece: Standalone
    ops: list[str]
    names: list[str] = field(default_factory=list)


def profile(
    model: ExportedModel,
    cache: NbCache,
    input_shape: InputShape,
    count_macs: CountMacs | None,
    command: str | None,
) -> Profile:
    """Cut a network for one target, convert its layers and the whole, and describe what was made.

    Args:
        model: as it was exported.
        cache: for the target.
        input_shape: as for `convert`.
        count_macs: multiply-accumulates of a program.
        command: kept in the whole's sidecar.

    Raises:
        ConversionError: sizes are not known, or no layer can be converted.
        InputError: a file cannot be read or written.
    """
    inputs = checked_inputs(model, input_shape)
    whole = _convert_whole(model, cache, inputs, command)
    layers, parts = _cut(model, cache.target, inputs)
    not_timed = [UntimedLayer(layer=each.name, ops=each.types, reason=each.reason)
                 for each in parts.uncut]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="ppghost-layers-") as folder:
        builder = Builder(model, Path(folder))
        idle = cache.convert(IDLE, _idle(), builder)
        converted = _convert_layers(layers, cache, builder)
    models = {each.info.content_sha256: each for each in (whole, idle) if each}
    timed: dict[str, TimedLayer] = {}
    for alike, result in zip(layers, converted, strict=True):
        if isinstance(result, str):
            not_timed += [UntimedLayer(layer=name, ops=alike.ops, reason=result)
                          for name in alike.names]  # fmt: skip
            continue
        sha256 = result.info.content_sha256
        models.setdefault(sha256, result)
        if sha256 in timed:
            timed[sha256].layers += alike.names
        else:
            timed[sha256] = _describe(alike, result, count_macs)
    for each in not_timed:
        logger.warning("%s (%s) is not timed: %s", each.layer, each.ops[0], each.reason)
    if not timed:
        raise ConversionError("{folder}: no layer can be timed on its own", folder=model.folder)
    plan = LayerPlan(
        network=model.name,
        target=cache.target,
        whole_sha256=whole.info.content_sha256 if whole else None,
        idle_sha256=idle.info.content_sha256,
        layers=list(timed.values()),
        not_timed=not_timed,
    )
    if whole and not not_timed:
        plan.other_kernels = _other_kernels(whole, plan, models)
    return Profile(list(models.values()), plan)


def _describe(alike: _Alike, model: NbModel, count_macs: CountMacs | None) -> TimedLayer:
    piece = alike.piece
    return TimedLayer(
        model=model.name,
        nb_sha256=model.info.content_sha256,
        layers=list(alike.names),
        ops=alike.ops,
        input_shapes=[list(spec["shape"]) for spec in piece.inputs],
        output_shapes=piece.outputs,
        macs=count_macs(piece.program) if count_macs else None,
        bytes=piece.bytes,
    )


def _convert_whole(
    model: ExportedModel, cache: NbCache, inputs: Sequence[InputSpec], command: str | None
) -> NbModel | None:
    """The whole network, checked; None if it cannot be converted, which its layers may be."""
    shapes = {spec["name"]: spec["shape"] for spec in inputs}
    nb = cache.find("network", model.sha256(), repr(shapes))
    try:
        return cache.model(
            nb,
            model.name,
            lambda: convert(model.folder, cache.target, nb, input_shape=shapes, command=command),
        )
    except ConversionError as error:
        logger.warning("%s; its layers are timed without the whole", error)
        return None


def _cut(
    model: ExportedModel, target: str, inputs: Sequence[InputSpec]
) -> tuple[list[_Alike], Cut]:
    """The layers of the program that is converted, equal ones together; and all of them."""
    repaired = repair(model, target)
    program = with_known_shapes(repaired.program, inputs)
    parts = cut(program)
    names = parameter_names(program)
    params = model.params() if repaired.params is None else repaired.params
    records = dict(zip(names, split_records(params, len(names)), strict=True))
    alike: dict[str, _Alike] = {}
    for each in parts.pieces:
        piece = standalone(each, program, records)
        found = alike.setdefault(piece.signature, _Alike(piece, each.types))
        found.names.append(each.name)
    logger.info("%s: %d layers, %d of them different", model.name, len(parts.pieces), len(alike))
    return list(alike.values()), parts


def _convert_layers(
    layers: Sequence[_Alike], cache: NbCache, builder: Builder
) -> list[NbModel | str]:
    """Each layer as a model, or why it cannot be converted. The tool takes one core a layer."""
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    last = time.monotonic()

    def one(alike: _Alike) -> NbModel | str:
        try:
            return cache.convert(alike.names[0], alike.piece, builder)
        except ConversionError as error:
            return message_of(error)

    results: list[NbModel | str] = []
    try:
        for result in pool.map(one, layers):
            results.append(result)
            if time.monotonic() - last > PROGRESS_EVERY_S:
                last = time.monotonic()
                logger.info("converted %d of %d layers", len(results), len(layers))
    finally:
        pool.shutdown(cancel_futures=True)
    return results


def _idle() -> Standalone:
    """A program that computes one value: what a run costs without work."""
    source = framework().ProgramDesc()
    block = source.blocks.add(idx=0, parent_idx=-1)
    for name in "xy":
        var = block.vars.add(name=name).type
        var.type = framework().VarType.LOD_TENSOR
        var.lod_tensor.tensor.data_type = framework().VarType.FP32
        var.lod_tensor.tensor.dims[:] = [1, 1]
    relu = new_operator("relu", {"X": "x"}, {"Out": "y"}, {})
    return standalone(Piece(IDLE, [relu], ["x"], ["y"]), source, {})


def _other_kernels(
    whole: NbModel, plan: LayerPlan, models: dict[str, NbModel]
) -> dict[str, KernelCount]:
    """Where the whole is not made of the same kernels as its layers: fused more, or less."""
    of_layers: Counter[str] = Counter()
    for layer in plan.layers:
        for operator, count in operator_counts(models[layer.nb_sha256].path).items():
            of_layers[operator] += count * len(layer.layers)
    of_whole = operator_counts(whole.path)
    return {
        operator: KernelCount(whole=of_whole.get(operator, 0), layers=of_layers[operator])
        for operator in sorted(of_whole.keys() | of_layers.keys())
        if operator not in _BORDERS and of_whole.get(operator, 0) != of_layers[operator]
    }
