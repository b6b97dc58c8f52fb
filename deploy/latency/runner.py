"""Time `.nb` files on devices: plan, run every device at once, lose nothing on the way."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppghost.deploy.devices.base import Device
from ppghost.deploy.devices.discovery import find_devices
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.images import feed_image
from ppghost.deploy.latency.planning import Share, make_plan, share_out
from ppghost.deploy.latency.result_file import ResultFile
from ppghost.deploy.latency.results import LatencyResult, Result, host_metadata, load_result
from ppghost.deploy.latency.rounds import DeviceRun
from ppghost.deploy.latency.schema import Plan
from ppghost.deploy.nb.model import load_models
from ppghost.errors import ConversionError, DeviceError, InputError, PPGhostError
from ppghost.i18n import tr

if TYPE_CHECKING:
    from ppghost.deploy.latency.images import ReadImage

logger = logging.getLogger(__name__)

#: what two runs must have in common for --resume to put their samples together
_SAME_PLAN = ("repeats", "warmup", "burst_warmup", "power_mode", "affinity", "image_sha256")


def bench(
    models: str | Path | Sequence[str | Path],
    devices: str | Sequence[str] = "host",
    *,
    output: str | Path | None = None,
    resume: bool = False,
    read_image: "ReadImage | None" = None,
    **settings: Any,
) -> LatencyResult:
    """Time models on devices, with their uncertainty.

    Args:
        models: `.nb` files, or folders of them.
        devices: "host", serials, or "all".
        output: a file to keep the result in, written after every round, so that nothing is lost
            on the way.
        resume: go on from what `output` holds.
        read_image: makes a network's input of the setting `image`;
            `ppghost.inference.preprocess.read_input` does.
        settings: any other key of a campaign (`ppghost.deploy.latency.campaign.Campaign`):
            `threads`, `rounds`, `precision`, ...

    Returns:
        What was measured; `to_json()` gives it as it stands in `output`.

    Raises:
        InputError: a bad setting or file, before anything runs.
        DeviceError: every model failed, or a device did not do all. Without an `output`, its
            `result` is what was measured all the same.
    """
    if resume and output is None:
        raise InputError("resume needs the output that is to be gone on from")
    unknown = settings.keys() - Campaign.__dataclass_fields__.keys()
    if unknown:
        raise InputError("{unknown}: no such setting of a campaign", unknown=min(unknown))
    campaign = Campaign(models=models, devices=devices, **settings)  # type: ignore[arg-type] # in any form
    found = find_devices(campaign.devices, campaign.device_options())
    path = None if output is None else Path(output)
    return run_campaign(campaign, found, output=path, resume=resume, read_image=read_image)


def run_campaign(
    campaign: Campaign,
    devices: Sequence[Device],
    *,
    output: Path | None,
    resume: bool = False,
    dry_run: bool = False,
    command: str | None = None,
    read_image: "ReadImage | None" = None,
) -> LatencyResult:
    """Time every model of a campaign at every thread count on all devices, at the same time.

    A device takes the files made for it. A model that fails is a result of status "failed", and
    the others go on; a device that is lost or stays too hot leaves its results "skipped", and the
    other devices go on.

    Args:
        campaign: its `devices` are those below, or "all".
        devices: what to time on.
        output: a file that is kept up to date with what is returned; None: none is.
        resume: do not measure again what `output` already holds of the same file, threads and
            device.
        dry_run: return the plan and measure nothing.
        command: kept in the plan.
        read_image: makes a network's input of the campaign's image, if it has one.

    Returns:
        What was measured, now and before.

    Raises:
        InputError: a bad setting or file, before anything runs.
        DeviceError: at the end, if every model failed or a device did not do all.
    """
    loaded = load_models(campaign.models, campaign.input_shapes)
    loaded = feed_image(loaded, campaign.image, read_image)
    shares = share_out(loaded, devices, whole="all" not in campaign.devices)
    plan = make_plan(campaign, loaded, [device for device, _ in shares], command)
    return time_models(campaign, plan, shares, output=output, resume=resume, dry_run=dry_run)


def time_models(
    campaign: Campaign,
    plan: Plan,
    shares: Sequence[Share],
    *,
    output: Path | None,
    resume: bool = False,
    dry_run: bool = False,
) -> LatencyResult:
    """As `run_campaign`, for models that are loaded and given to devices already.

    Args:
        campaign: how to time them.
        plan: of that.
        shares: each device with its models.
        output, resume, dry_run: as there.

    Returns:
        What was measured, now and before.

    Raises:
        InputError, DeviceError: as there.
    """
    measured = _start(plan, output, resume)
    if dry_run:
        return measured
    for device, _ in shares:
        device.check()
    file = ResultFile(measured, output)
    file.save()
    runs = [DeviceRun(file, device, campaign, models) for device, models in shares]
    _run(file, runs)
    try:
        _judge(measured, runs, output)
    except PPGhostError as error:
        error.result = measured
        raise
    return measured


def _run(file: ResultFile, runs: list[DeviceRun]) -> None:
    """All other devices at once, then this host, which drives them and would be disturbed by it."""
    remote = [run for run in runs if not run.device.runs_here]
    if remote:
        with ThreadPoolExecutor(len(remote)) as pool:
            futures = [pool.submit(run.run) for run in remote]
            try:
                wait(futures)
            except BaseException:
                file.stop.set()
                for run in remote:
                    run.device.cancel()
                raise
        for future in futures:
            future.result()
    for run in runs:
        if run not in remote:
            run.run()


def _judge(measured: LatencyResult, runs: list[DeviceRun], output: Path | None) -> None:
    """Raise if a model that was asked for has no figure, or a device broke off.

    Raises:
        ConversionError: of the models that failed, each computes something else than it should.
        DeviceError: anything else.
    """
    problems = [run.problem for run in runs if run.problem]
    if problems:
        rest = (
            tr(" ({output} holds the rest; --resume goes on)").format(output=output)
            if output
            else ""
        )
        raise DeviceError("{problems}{rest}", problems=tr("; ").join(problems), rest=rest)
    failed = [result for result in measured.results if result.status == "failed"]
    if not failed:
        return
    every = len(failed) == len(measured.results)
    how_many = (
        tr("every model")
        if every
        else tr("{count} of {measured_count} models").format(
            count=len(failed), measured_count=len(measured.results)
        )
    )
    wrong = all(result.error in _wrong_files(runs) for result in failed)
    raise (ConversionError if wrong else DeviceError)(
        "{how_many} failed; the first: {error}", how_many=how_many, error=failed[0].error
    )


def _wrong_files(runs: list[DeviceRun]) -> set[str | None]:
    """What is wrong with files, and not with a device that was to run them."""
    return {error for run in runs for error in run.wrong_files}


def _start(plan: Plan, output: Path | None, resume: bool) -> LatencyResult:
    """A result to fill; with `resume`, holding what is already in `output`."""
    created = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    measured = LatencyResult(created=created, host=host_metadata(), plan=plan)
    if output and output.exists():
        # also without --resume: a file that is no result of ours is not overwritten
        earlier = load_result(output)
        if resume:
            measured.results = _resumable(earlier, plan, output)
    return measured


def _resumable(earlier: LatencyResult, plan: Plan, output: Path) -> list[Result]:
    """What an earlier run measured; failures are left out, to be tried again."""
    for name in _SAME_PLAN:
        was, now = getattr(earlier.plan, name), getattr(plan, name)
        if was != now:
            raise InputError(
                "{output}: was measured with {name} {was}, not {now}; resume with the same "
                "value or choose another output",
                output=output,
                name=name,
                was=was,
                now=now,
            )
    return [result for result in earlier.results if result.status != "failed"]
