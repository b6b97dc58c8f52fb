"""A network's latency layer by layer: cut, convert each layer, time all of them and the whole.

There is no profiling runtime: every layer is a model of its own, timed in the same rounds as the
whole network and as a model without work. So it is the same on a phone as on this host.
"""

import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ppghost.deploy.conversion.build import Builder
from ppghost.deploy.conversion.convert import InputShape, checked_inputs, convert
from ppghost.deploy.conversion.repairs import repair
from ppghost.deploy.conversion.repairs.operators import new_operator
from ppghost.deploy.devices.base import Device
from ppghost.deploy.devices.discovery import find_devices
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.results import LatencyResult
from ppghost.deploy.latency.runner import Share, make_plan, time_models
from ppghost.deploy.latency.schema import KernelCount, LayerPlan, TimedLayer, UntimedLayer
from ppghost.deploy.nb.header import operator_counts
from ppghost.deploy.nb.sidecar import NbModel
from ppghost.deploy.profiling.cache import NbCache, kept_files
from ppghost.deploy.profiling.cut import Cut, Piece, cut
from ppghost.deploy.profiling.shapes import with_known_shapes
from ppghost.deploy.profiling.standalone import Standalone, standalone
from ppghost.errors import ConversionError, InputError
from ppghost.formats.exported import ExportedModel, open_model
from ppghost.formats.paddle_tensors import split_records
from ppghost.formats.program_desc import InputSpec, framework, is_int8, parameter_names

logger = logging.getLogger(__name__)

#: multiply-accumulates of a ProgramDesc with known sizes
CountMacs = Callable[[Any], int]
#: inferences of a burst that count, unless a campaign says how many: most layers take microseconds
REPEATS = 5
#: what the model without work is called
IDLE = "(no work)"
PROGRESS_EVERY_S = 5.0
#: kernels that only stand at borders
_BORDERS = frozenset(("feed", "fetch", "io_copy", "io_copy_once", "layout", "layout_once", "calib"))


def bench_layers(
    model_dir: str | Path,
    devices: str | Sequence[str] = "host",
    *,
    input_shape: InputShape = None,
    count_macs: CountMacs | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    **settings: Any,
) -> LatencyResult:
    """Time an exported model layer by layer, with the uncertainty of each layer's share.

    `ppghost.deploy.layer_shares` makes the shares of what is returned.

    Args:
        model_dir: its folder.
        devices: "host", serials, or "all".
        input_shape: as for `convert`, for a model that leaves its inputs open.
        count_macs: multiply-accumulates of a program, as
            `ppghost.analysis.complexity.count_macs` counts them; without it they are not known.
        output: a file to keep the result in; the converted layers are kept in a folder beside it.
        resume: go on from what `output` holds.
        settings: any other key of a campaign (`ppghost.deploy.latency.campaign.Campaign`).

    Returns:
        What was measured, as `bench` returns it; its `plan.layers` say what is which layer.

    Raises:
        InputError: a bad setting or model, or one that cannot be cut.
        ConversionError: no layer can be converted.
        DeviceError: as `bench` raises it.
    """
    campaign = Campaign(models=[model_dir], devices=devices, **settings)  # type: ignore[arg-type] # in any form
    found = find_devices(campaign.devices, campaign.device_options())
    return run_layers(
        campaign, found, input_shape=input_shape, count_macs=count_macs,
        output=None if output is None else Path(output), resume=resume,
    )  # fmt: skip


def run_layers(
    campaign: Campaign,
    devices: Sequence[Device],
    *,
    output: Path | None,
    input_shape: InputShape = None,
    count_macs: CountMacs | None = None,
    resume: bool = False,
    dry_run: bool = False,
    command: str | None = None,
) -> LatencyResult:
    """As `bench_layers`, for a campaign whose one model is the folder of an exported model."""
    model = _the_model(campaign)
    campaign = replace(campaign, repeats=campaign.repeats or REPEATS)
    with kept_files(output) as folder:
        profiles = {
            target: _profile(model, NbCache(folder, target), input_shape, count_macs, command)
            for target in dict.fromkeys(device.target for device in devices)
        }
        models = {target: profile.models for target, profile in profiles.items()}
        loaded, shares = share_out(models, devices)
        plan = make_plan(campaign, loaded, devices, command)
        plan.layers = [profile.plan for profile in profiles.values()]
        return time_models(campaign, plan, shares, output=output, resume=resume, dry_run=dry_run)


def share_out(
    models: Mapping[str, Sequence[NbModel]], devices: Sequence[Device]
) -> tuple[list[NbModel], list[Share]]:
    """All models in one list, and each device with those of its target.

    Args:
        models: by target.
        devices: what to time on.
    """
    loaded: list[NbModel] = []
    numbered: dict[str, dict[int, NbModel]] = {}
    for target, own in models.items():
        numbered[target] = dict(enumerate(own, len(loaded)))
        loaded += own
    return loaded, [(device, numbered[device.target]) for device in devices]


def _the_model(campaign: Campaign) -> ExportedModel:
    """The one exported model of a campaign. Raises InputError."""
    if len(campaign.models) != 1:
        raise InputError("layers: give the folder of one exported model; each is its own campaign")
    [folder] = campaign.models
    if folder.suffix == ".nb" or any(folder.glob("*.nb")):
        raise InputError(
            f"{folder}: a .nb cannot be cut at its layers; give the folder of the exported model "
            "that it was made of"
        )
    model = open_model(folder)
    if is_int8(model.program):
        raise InputError(
            f"{folder}: an int8 model cannot be cut at its layers, as each border would be a "
            "conversion to float32; give the float32 model"
        )
    return model


@dataclass(frozen=True)
class _Profile:
    """A network's files for one target: the whole, one without work, the layers; and their plan."""

    models: list[NbModel]
    plan: LayerPlan


@dataclass
class _Alike:
    """Layers that are equal: the first of them, and the names of all."""

    piece: Standalone
    ops: list[str]
    names: list[str] = field(default_factory=list)


def _profile(
    model: ExportedModel,
    cache: NbCache,
    input_shape: InputShape,
    count_macs: CountMacs | None,
    command: str | None,
) -> _Profile:
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
        raise ConversionError(f"{model.folder}: no layer can be timed on its own")
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
    return _Profile(list(models.values()), plan)


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
            return str(error)

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
