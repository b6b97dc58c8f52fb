"""A network's latency layer by layer: cut, convert each layer, time all of them and the whole.

There is no profiling runtime: every layer is a model of its own, timed in the same rounds as the
whole network and as a model without work. So it is the same on a phone as on this host.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ppghost.deploy.conversion.convert import InputShape
from ppghost.deploy.devices.base import Device
from ppghost.deploy.devices.discovery import find_devices
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.planning import Share, make_plan
from ppghost.deploy.latency.results import LatencyResult
from ppghost.deploy.latency.runner import time_models
from ppghost.deploy.nb.model import NbModel
from ppghost.deploy.profiling.cache import NbCache, kept_files
from ppghost.deploy.profiling.profile import CountMacs, profile
from ppghost.errors import InputError
from ppghost.formats.exported import ExportedModel, open_model
from ppghost.formats.program_desc import is_int8

#: inferences of a burst that count, unless a campaign says how many: most layers take microseconds
REPEATS = 5


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
            target: profile(model, NbCache(folder, target), input_shape, count_macs, command)
            for target in dict.fromkeys(device.target for device in devices)
        }
        models = {target: each.models for target, each in profiles.items()}
        loaded, shares = share_out(models, devices)
        plan = make_plan(campaign, loaded, devices, command)
        plan.layers = [each.plan for each in profiles.values()]
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
            "{folder}: a .nb cannot be cut at its layers; give the folder of the exported "
            "model that it was made of",
            folder=folder,
        )
    model = open_model(folder)
    if is_int8(model.program):
        raise InputError(
            "{folder}: an int8 model cannot be cut at its layers, as each border would be "
            "a conversion to float32; give the float32 model",
            folder=folder,
        )
    return model
