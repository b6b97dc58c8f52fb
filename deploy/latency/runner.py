"""Time `.nb` files on devices: plan, run every device at once, lose nothing on the way."""

import json
import logging
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ppghost.deploy.devices.base import Device
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.results import SCHEMA, host_metadata, load_result
from ppghost.deploy.latency.rounds import DeviceRounds, Document
from ppghost.deploy.nb.sidecar import NbModel, load_models
from ppghost.errors import DeviceError, InputError
from ppghost.utils.files import write_text

logger = logging.getLogger(__name__)

#: what two runs must have in common for --resume to put their samples together
_SAME_PLAN = ("repeats", "warmup", "burst_warmup", "power_mode", "affinity")


def bench(
    campaign: Campaign,
    devices: Sequence[Device],
    *,
    output: Path,
    resume: bool = False,
    dry_run: bool = False,
    command: str | None = None,
) -> dict[str, Any]:
    """Time every model of `campaign` at every thread count on all `devices`, at the same time.

    A device takes the files made for it. Returns, and keeps up to date in `output`, a result of
    schema ppghost.latency/1. With `resume`, what `output` already holds of the same file, threads
    and device is not measured again. With `dry_run`, returns the plan and measures nothing.
    `command` is kept in the plan. A model that fails is a result of status "failed", and the
    others go on; a device that is lost or stays too hot leaves its results "skipped", and the
    other devices go on. Raises InputError before anything runs for a bad setting or file,
    DeviceError at the end if every model failed or a device did not do all.
    """
    output = Path(output)
    loaded = load_models(campaign.models)
    shares = _share_out(loaded, devices, whole="all" not in campaign.devices)
    document = _start(_plan(campaign, loaded, [one for one, _ in shares], command), output, resume)
    if dry_run:
        return document
    for device, _ in shares:
        device.check()
    # without indentation: it is written after every round, and json's fast encoder knows none
    shared = Document(
        document,
        lambda: write_text(output, json.dumps(document, ensure_ascii=False, allow_nan=False)),
    )
    shared.save()
    runs = [DeviceRounds(shared, device, campaign, models) for device, models in shares]
    _run(shared, runs)
    _judge(document, runs, output)
    return document


def _share_out(
    loaded: list[NbModel], devices: Sequence[Device], whole: bool
) -> list[tuple[Device, dict[int, NbModel]]]:
    """Each device with the models that have a file for it, by their number in `loaded`.

    Raises InputError if a model has none, unless `whole` is false and another device takes it.
    """
    shares: list[tuple[Device, dict[int, NbModel]]] = []
    taken: set[str] = set()
    reasons: dict[int, str | None] = {}
    for device in devices:
        reasons = {index: device.incompatibility(model.info) for index, model in enumerate(loaded)}
        fitting = {index: loaded[index] for index, why in reasons.items() if why is None}
        names = {model.name for model in fitting.values()}
        missing = [index for index, one in enumerate(loaded) if one.name not in names]
        if missing and whole:
            raise InputError(f"{loaded[missing[0]].path}: {reasons[missing[0]]}")
        taken |= names
        if fitting:
            shares.append((device, fitting))
        else:
            logger.warning("%s is left out: no file is made for it", device.serial)
    for index, model in enumerate(loaded):
        if model.name not in taken:
            raise InputError(f"{model.path}: {reasons[index]}")
    return shares


def _plan(
    campaign: Campaign, loaded: list[NbModel], devices: list[Device], command: str | None
) -> dict[str, Any]:
    names = [model.name for model in loaded]
    reference = campaign.reference or names[0]
    if reference not in names:
        raise InputError(f"reference: no model {reference!r}; there is: {', '.join(names)}")
    return {
        "command": command,
        "models": [
            {"model": one.name, "nb": str(one.path), "target": one.info.target} for one in loaded
        ],
        "devices": [device.serial for device in devices],
        **campaign.settings(),
        "reference": reference,
        "order": _orders(len(loaded), campaign.most_rounds, campaign.seed),
    }


def _run(document: Document, runs: list[DeviceRounds]) -> None:
    """All phones at once, then this host, which drives them and would be disturbed by it."""
    phones = [run for run in runs if not run.device.runs_here]
    if phones:
        with ThreadPoolExecutor(len(phones)) as pool:
            futures = [pool.submit(run.run) for run in phones]
            try:
                wait(futures)
            except BaseException:
                document.stop.set()
                for run in phones:
                    run.device.cancel()
                raise
        for future in futures:
            future.result()
    for run in runs:
        if run not in phones:
            run.run()


def _judge(document: dict[str, Any], runs: list[DeviceRounds], output: Path) -> None:
    """Raises DeviceError if nothing was measured, or a device broke off."""
    results = document["results"]
    failed = [result for result in results if result["status"] == "failed"]
    if results and len(failed) == len(results):
        raise DeviceError(f"every model failed; the first: {failed[0]['error']}")
    problems = [run.problem for run in runs if run.problem]
    if problems:
        raise DeviceError(f"{'; '.join(problems)} ({output} holds the rest; --resume goes on)")


def _start(plan: dict[str, Any], output: Path, resume: bool) -> dict[str, Any]:
    """A document to fill; with `resume`, holding what is already in `output`."""
    document = {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "host": host_metadata(),
        "plan": plan,
        "results": [],
    }
    if output.exists():
        # also without --resume: a file that is no result of ours is not overwritten
        earlier = load_result(output)
        if resume:
            document["results"] = _resumable(earlier, plan, output)
    return document


def _resumable(earlier: dict[str, Any], plan: dict[str, Any], output: Path) -> list[dict]:
    """What an earlier run measured; failures are left out, to be tried again."""
    for name in _SAME_PLAN:
        if earlier.get("plan", {}).get(name) != plan[name]:
            raise InputError(
                f"{output}: was measured with {name} {earlier.get('plan', {}).get(name)}, not "
                f"{plan[name]}; resume with the same value or choose another output"
            )
    return [result for result in earlier["results"] if result["status"] != "failed"]


def _orders(models: int, rounds: int, seed: int) -> list[list[int]]:
    """For each round the models' numbers in the order they are run."""
    generator = random.Random(seed)  # noqa: S311 - an order, no secret
    return [generator.sample(range(models), models) for _ in range(rounds)]
