"""The stages that both demos have: train, evaluate, export, convert, time, report."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ppghost.cli.stages import Stages
from ppghost.config import loading as config
from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.devices.discovery import find_devices
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.runner import run_campaign
from ppghost.deploy.reporting.write import report
from ppghost.i18n import current_language, tr
from ppghost.inference import export
from ppghost.training import evaluation, loop

#: what stages leave in the output folder and later runs go on from
MADE = ("stages", "train", "latency.json")


def nb_file(output: Path, name: str, target: str) -> Path:
    """Where a demo keeps a converted model."""
    return output / "nb" / target / f"{name}.nb"


def convert_to(output: Path, model: Path, target: str) -> dict:
    """Convert an exported model for a target; what `ppghost convert` tells."""
    return convert(model, target, nb_file(output, model.name, target)).to_json()


def train_and_export(
    stages: Stages,
    title: str,
    file: Path,
    settings: Sequence[str],
    best: Path,
    model: Path,
    check: Callable[[dict], None],
) -> None:
    """Stages "train", "eval" and "export".

    Args:
        stages: of the demo.
        title: of the training.
        file: the config.
        settings: what it is overridden with.
        best: prefix of the weights that the training leaves.
        model: the folder to export to.
        check: raises CheckFailed for metrics that are worse than they must be.
    """
    untrained = config.load_config(file, settings)
    trained = config.load_config(file, [*settings, f"Global.pretrained_model={best}"])
    weights, description = best.with_suffix(".pdparams"), model / "inference.yml"
    stages.run("train", title, lambda: loop.train(untrained, resume="auto"), [weights])
    stages.run("eval", tr("evaluate"), lambda: evaluation.evaluate(trained), [])
    check(stages.results["eval"])
    stages.run(
        "export", tr("export"), lambda: export.export(trained, model).to_json(), [description]
    )


def convert_for_phone_and_host(stages: Stages, output: Path, model: Path) -> None:
    """Stage "convert"."""
    targets = ("arm", "x86")
    stages.run(
        "convert",
        tr("convert to arm and x86, compare x86 with Paddle"),
        lambda: [convert_to(output, model, target) for target in targets],
        [nb_file(output, model.name, target) for target in targets],
    )


def time_and_report(
    stages: Stages, output: Path, models: Sequence[Path], rounds: int, title: str, command: str
) -> None:
    """Stages "bench" and "report"; `title` is of the first, `command` is kept in the plan."""
    results = output / "latency.json"
    campaign = Campaign(models=tuple(models), rounds=rounds)
    stages.run(
        "bench",
        title,
        lambda: run_campaign(
            campaign, find_devices(["host"]), output=results, resume=True, command=command
        ).to_json(),
        [results],
    )
    stages.run(
        "report",
        tr("report"),
        lambda: report([results], output / "report", lang=current_language()).to_json(),
        [output / "report" / "index.html"],
    )
