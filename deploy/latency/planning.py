"""The plan of a campaign: which device times which file, and in which order."""

import logging
import random
from collections.abc import Sequence

from ppghost.deploy.devices.base import Device
from ppghost.deploy.devices.discovery import unusable
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.power import MS_DRIFT, RATIO_DRIFT
from ppghost.deploy.latency.schema import Plan
from ppghost.deploy.nb.model import NbModel
from ppghost.errors import DeviceError, InputError
from ppghost.i18n import tr

logger = logging.getLogger(__name__)

#: a device, and the models that it times, by their number in the plan
Share = tuple[Device, dict[int, NbModel]]


def share_out(loaded: list[NbModel], devices: Sequence[Device], whole: bool) -> list[Share]:
    """Each device with the models that have a file for it, by their number in `loaded`.

    Args:
        loaded: the models.
        devices: what to time on.
        whole: whether each device must take every model.

    Raises:
        InputError: a model has none, unless `whole` is false and another device takes it.
        DeviceError: a device that cannot be used now might.
    """
    shares: list[Share] = []
    taken: set[str] = set()
    reasons: dict[int, str | None] = {}
    for device in devices:
        reasons = _reasons(device, loaded)
        if all(reasons.values()) and (translator := device.translator()):
            translated = _reasons(translator, loaded)
            if not all(translated.values()):
                device, reasons = translator, translated
        fitting = {index: loaded[index] for index, why in reasons.items() if why is None}
        names = {model.name for model in fitting.values()}
        missing = [index for index, model in enumerate(loaded) if model.name not in names]
        if missing and whole:
            raise InputError(
                "{path}: {reasons}", path=loaded[missing[0]].path, reasons=reasons[missing[0]]
            )
        taken |= names
        if fitting:
            shares.append((device, fitting))
        else:
            logger.warning("%s is left out: no file is made for it", device.serial)
    for index, model in enumerate(loaded):
        if model.name not in taken:
            if not whole and (out := unusable()):
                # of the devices that are left, none takes it; these might
                raise DeviceError(
                    "{path}: {reasons}; left out: {out}",
                    path=model.path,
                    reasons=reasons[index],
                    out=tr("; ").join(out),
                )
            raise InputError("{path}: {reasons}", path=model.path, reasons=reasons[index])
    return shares


def _reasons(device: Device, loaded: Sequence[NbModel]) -> dict[int, str | None]:
    """Why each file does not run on a device; None where it does."""
    return {index: device.incompatibility(model.info) for index, model in enumerate(loaded)}


def make_plan(
    campaign: Campaign, loaded: Sequence[NbModel], devices: Sequence[Device], command: str | None
) -> Plan:
    """What is to be measured, and how.

    Args:
        campaign: what was asked for.
        loaded: the models; the first is the reference, unless the campaign names one.
        devices: what to time on.
        command: kept in the plan.

    Raises:
        InputError: there is no such reference, or what is to be detected is less than two
            campaigns of one model differ by.
    """
    names = [model.name for model in loaded]
    reference = campaign.reference or names[0]
    if reference not in names:
        raise InputError(
            "reference: no model {reference!r}; there is: {names}",
            reference=reference,
            names=", ".join(names),
        )
    drift = RATIO_DRIFT if len(names) > 1 else MS_DRIFT
    if campaign.detect is not None and campaign.detect <= drift:
        kind = (
            tr("ratios") if len(names) > 1 else tr("milliseconds; time a reference model beside it")
        )
        raise InputError(
            "detect: {detect:.1%} is no more than two campaigns of one model may differ "
            "by, {drift:.1%} in {kind}",
            detect=campaign.detect,
            drift=drift,
            kind=kind,
        )
    settings = campaign.settings() | {"reference": reference}
    return Plan(
        command=command,
        models=[
            {"model": model.name, "nb": str(model.path), "target": model.info.target}
            for model in loaded
        ],
        devices=[device.serial for device in devices],
        order=_orders(len(loaded), campaign.max_rounds, campaign.seed),
        **settings,
    )


def _orders(models: int, rounds: int, seed: int) -> list[list[int]]:
    """For each round the models' numbers in the order in which they are run."""
    rng = random.Random(seed)  # noqa: S311 - an order, no secret
    return [rng.sample(range(models), models) for _ in range(rounds)]
