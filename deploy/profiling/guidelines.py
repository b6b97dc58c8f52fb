"""What the four guidelines of ShuffleNetV2 come to on a device: its test nets, timed together."""

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.devices.base import Device
from ppghost.deploy.devices.discovery import find_devices
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.planning import make_plan
from ppghost.deploy.latency.results import LatencyResult
from ppghost.deploy.latency.runner import time_models
from ppghost.deploy.latency.schema import GuidelineNet
from ppghost.deploy.nb.model import NbModel
from ppghost.deploy.profiling.cache import NbCache, kept_files
from ppghost.deploy.profiling.cut import cut
from ppghost.deploy.profiling.guideline_nets import NetSpec, guideline_nets
from ppghost.deploy.profiling.layers import share_out
from ppghost.deploy.profiling.profile import CountMacs
from ppghost.deploy.profiling.shapes import with_known_shapes
from ppghost.deploy.profiling.standalone import standalone
from ppghost.errors import InputError
from ppghost.formats.exported import ExportedModel, open_model
from ppghost.formats.paddle_tensors import split_records
from ppghost.formats.program_desc import parameter_names, program_inputs

logger = logging.getLogger(__name__)


def bench_guidelines(
    devices: str | Sequence[str] = "host",
    *,
    count_macs: CountMacs | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    **settings: Any,
) -> LatencyResult:
    """Time the test nets of ShuffleNetV2's four guidelines (arXiv 1807.11164, section 2).

    `ppghost.deploy.guideline_ratios` compares what is returned.

    Args:
        devices: "host", serials, or "all".
        count_macs: as for `bench_layers`.
        output: a file to keep the result in; the nets are kept in a folder beside it.
        resume: go on from what `output` holds.
        settings: any other key of a campaign (`ppghost.deploy.latency.campaign.Campaign`).

    Returns:
        What was measured, as `bench` returns it; its `plan.guidelines` say what is which net.

    Raises:
        InputError: a bad setting.
        ConversionError: a net cannot be converted.
        DeviceError: as `bench` raises it.
    """
    campaign = Campaign(devices=devices, **settings)  # type: ignore[arg-type] # in any form
    found = find_devices(campaign.devices, campaign.device_options())
    path = None if output is None else Path(output)
    return run_guidelines(campaign, found, count_macs=count_macs, output=path, resume=resume)


def run_guidelines(
    campaign: Campaign,
    devices: Sequence[Device],
    *,
    output: Path | None,
    count_macs: CountMacs | None = None,
    resume: bool = False,
    dry_run: bool = False,
    command: str | None = None,
) -> LatencyResult:
    """As `bench_guidelines`, for a campaign without models."""
    if campaign.models:
        raise InputError(
            "guidelines: the nets are made here; leave {first} away", first=campaign.models[0]
        )
    with kept_files(output) as folder:
        nets = _write_all(folder)
        timed_as = _timed_as(nets)
        by_target = {
            target: _convert_all(nets, set(timed_as.values()), NbCache(folder, target))
            for target in dict.fromkeys(device.target for device in devices)
        }
        loaded, shares = share_out(by_target, devices)
        plan = make_plan(campaign, loaded, devices, command)
        plan.guidelines = [
            _describe(spec, model, timed_as[spec], count_macs) for spec, model in nets.items()
        ]
        return time_models(campaign, plan, shares, output=output, resume=resume, dry_run=dry_run)


def _write_all(folder: Path) -> dict[NetSpec, ExportedModel]:
    models = {}
    for spec in guideline_nets():
        place = folder / "guidelines" / "".join(filter(str.isalnum, spec.name))
        spec.write(place)
        models[spec] = open_model(place)
    return models


def _timed_as(nets: dict[NetSpec, ExportedModel]) -> dict[NetSpec, str]:
    """Which net's results are those of each: one that is in two guidelines is timed once."""
    first: dict[str, str] = {}
    return {spec: first.setdefault(model.sha256(), spec.name) for spec, model in nets.items()}


def _convert_all(
    nets: dict[NetSpec, ExportedModel], wanted: set[str], cache: NbCache
) -> list[NbModel]:
    """The nets of some names as checked models, in order."""
    logger.info("converting %d nets for %s", len(wanted), cache.target)

    def one(item: tuple[NetSpec, ExportedModel]) -> NbModel:
        spec, model = item
        nb = cache.find("network", model.sha256())
        return cache.model(nb, spec.name, lambda: convert(model.folder, cache.target, nb))

    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        return list(pool.map(one, (item for item in nets.items() if item[0].name in wanted)))
    finally:
        pool.shutdown(cancel_futures=True)


def _describe(
    spec: NetSpec, model: ExportedModel, timed_as: str, count_macs: CountMacs | None
) -> GuidelineNet:
    return GuidelineNet(
        guideline=spec.guideline,
        variant=spec.variant,
        model=timed_as,
        macs=count_macs(model.program) if count_macs else None,
        bytes=_memory_access(model),
    )


def _memory_access(model: ExportedModel) -> int:
    """What the layers read and write, each for itself."""
    program = with_known_shapes(model.program, program_inputs(model.program, None))
    names = parameter_names(program)
    records = dict(zip(names, split_records(model.params(), len(names)), strict=True))
    return sum(standalone(piece, program, records).bytes for piece in cut(program).pieces)
