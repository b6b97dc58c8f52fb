"""The recipe, the place on disk, and one step of the run itself."""

import math
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from ppghost import weights
from ppghost.data.loader import Loader
from ppghost.doctor.check import Check, looked_at, problems_of
from ppghost.i18n import tr
from ppghost.inference.export import build_inference, describe
from ppghost.static import program
from ppghost.static.runtime import static_graph
from ppghost.tasks.factory import make_task, task_of
from ppghost.training import checkpoint, loop, optimizer
from ppghost.training.distributed import Group
from ppghost.training.evaluation import Evaluator
from ppghost.weights.pretrained import pretrained_path

#: learning rate per image of a batch above which a recipe is suspect: five times what ImageNet's
#: usual ones have, 0.1 for 256 images with momentum and 0.001 for 1024 with Adam
_MAX_RATES = {"SGD": 0.5 / 256, "Momentum": 0.5 / 256, "Adam": 0.005 / 1024, "AdamW": 0.005 / 1024}
#: the same of detectors, whose usual rate is PaddleDetection's 0.01 for 16 images
_MAX_DETECTOR_RATES = dict.fromkeys(("SGD", "Momentum"), 0.05 / 16)
#: images of the trial step at most
_TRIAL_BATCH = 8


def check_recipe(config: dict, loader: Loader) -> list[Check]:
    """Batches and learning rate against the data."""
    steps = len(loader)
    total = loader.sampler.batch_size * config["Global"]["update_freq"]
    fine = tr("{steps} steps an epoch, {epochs} epochs, batch {total}").format(
        steps=steps, epochs=config["Global"]["epochs"], total=total
    )
    return [
        looked_at(tr("batches"), lambda: problems_of(_batch_problems(config, loader), fine)),
        looked_at(tr("learning rate"), lambda: _learning_rate(config, total)),
    ]


def _batch_problems(config: dict, loader: Loader) -> Iterator[str]:
    steps, images = len(loader), loader.sampler.images
    frequency = config["Global"]["update_freq"]
    if frequency > steps:
        yield tr("Global.update_freq {frequency} is above the {steps} steps of an epoch").format(
            frequency=frequency, steps=steps
        )
    if loader.sampler.batch_size > images:
        yield tr("a batch of {batch_size} is more than all {images} images").format(
            batch_size=loader.sampler.batch_size, images=images
        )
    if loader.sampler.batch_size > 1 and loader.sampler.images_from(steps - 1) == 1:
        yield (
            tr(
                "the last batch of an epoch has one image, of which batch normalisation "
                "makes nothing: set sampler.drop_last: True"
            )
        )


def _learning_rate(config: dict, total: int) -> tuple[bool, str]:
    optimizer.check(config)
    settings, lr = config["Optimizer"], config["Optimizer"]["lr"]
    rate = lr.get("learning_rate") or lr["values"][0]
    tuned = config["Global"]["tuned_batch_size"]
    if tuned and tuned != total and not config["Global"]["scale_lr"]:
        scaled = rate * total / tuned
        return False, (
            tr(
                "{rate:g} was tuned for a batch of {tuned}, here it is {total}: linear "
                "scaling says {scaled:g} (Global.scale_lr: True)"
            ).format(rate=rate, tuned=tuned, total=total, scaled=scaled)
        )
    most = (_MAX_RATES if task_of(config) == "classification" else _MAX_DETECTOR_RATES).get(
        settings["name"]
    )
    if most and rate > most * total:
        return False, (
            tr(
                "{rate:g} for a batch of {total}: by linear scaling the usual recipes have "
                "{most:.2g}; was it for more images at once, on several cards?"
            ).format(rate=rate, total=total, most=most / 5 * total)
        )
    if (lr.get("warmup_epoch") or 0) >= config["Global"]["epochs"] > 1:
        return False, tr("warmup_epoch {warmup_epoch} leaves no epoch after the warm-up").format(
            warmup_epoch=lr["warmup_epoch"]
        )
    return True, tr("{rate:g} for a batch of {total}").format(rate=rate, total=total)


def check_export(config: dict) -> Check:
    """Label file, Infer.transforms and PostProcess, as an export will want them."""

    def look() -> tuple[bool, str]:
        describe(config)
        return True, tr("Infer fits {image_shape}").format(
            image_shape=config["Global"]["image_shape"]
        )

    return looked_at(tr("export"), look)


def check_disk(config: dict, parameters: int) -> Check:
    """Room for the checkpoints, and what stands there."""

    def look() -> tuple[bool, str]:
        directory = Path(config["Global"]["output_dir"]) / config["Arch"]["name"]
        there = next(path for path in (directory, *directory.absolute().parents) if path.exists())
        # weights and as many accumulators, of Adam two, each under the names of several saves
        copies = 3 if config["Optimizer"]["name"].startswith("Adam") else 2
        saves = 3 + min(config["Global"]["keep_checkpoints"], config["Global"]["epochs"])
        needed = 4 * parameters * (copies + ("EMA" in config)) * saves
        free = shutil.disk_usage(there).free
        used = (directory / f"{checkpoint.LATEST}.pdstates").exists()
        note = tr("; an earlier run is there: --resume auto goes on, else it is set aside")
        text = tr("{needed:.0f} MB of checkpoints, {free:.0f} MB free in {there}").format(
            needed=needed / 1e6, free=free / 1e6, there=there
        )
        return free > needed, text + (note if used else "")

    return looked_at(tr("disk"), look)


def check_network(config: dict) -> Check:
    """The network and its weights, where there are no images to try them on."""

    def look() -> tuple[bool, str]:
        with static_graph():
            graph = build_inference(program.with_known_shape(config))
            if path := pretrained_path(config):
                classes = make_task(config).head_width
                weights.load(path, graph.network, config["Arch"]["name"], classes)
        return True, _named(config)

    return looked_at(tr("network and weights"), look)


def _named(config: dict) -> str:
    path = config["Global"]["pretrained_model"] or config["Arch"].get("pretrained")
    text = tr("{name}, from {path}") if path else tr("{name}, untrained")
    return text.format(name=config["Arch"]["name"], path=path)


def check_trial(config: dict) -> tuple[list[Check], int]:
    """One step of training and one batch of evaluation on small batches, and the parameters.

    Nothing is written.
    """
    checks: list[Check] = []
    with static_graph(config["Global"]["device"]) as place:
        made: list[loop.Trainer] = []

        def builds() -> tuple[bool, str]:
            trainer = loop.Trainer(_with_small_batches(config), place, Group())
            trainer.state.load_pretrained()
            made.append(trainer)
            return True, _named(config)

        checks.append(looked_at(tr("network and weights"), builds))
        if not made:
            return checks, 0
        [trainer] = made
        if evaluator := trainer.evaluator:
            checks.append(looked_at(tr("evaluation step"), lambda: _evaluation(trainer, evaluator)))
        checks.append(looked_at(tr("training step"), lambda: _step(trainer, config)))
        return checks, sum(math.prod(spec.shape) for spec in trainer.state.specs)


def _with_small_batches(config: dict) -> dict:
    loaders = {}
    for mode, section in config["DataLoader"].items():
        sampler = dict(section["sampler"])
        for key in ("batch_size", "first_bs"):
            if key in sampler:
                sampler[key] = min(sampler[key], _TRIAL_BATCH)
        loaders[mode] = section | {
            "sampler": sampler,
            "loader": section["loader"] | {"num_workers": 0},
        }
    settings = config["Global"] | {"scale_lr": False, "tuned_batch_size": None, "update_freq": 1}
    return config | {"DataLoader": loaders, "Global": settings}


def _step(trainer: loop.Trainer, config: dict) -> tuple[bool, str]:
    images, labels = next(iter(trainer.loader.epoch(1)))
    values, _ = trainer.steps.run(images, labels)  # which also makes Paddle's plans
    started = time.monotonic()
    trainer.steps.run(images, labels)
    seconds = (time.monotonic() - started) / len(images)
    whole = timedelta(seconds=round(seconds * trainer.sampler.images * config["Global"]["epochs"]))
    return True, (
        tr(
            "loss {loss:.4f}, {seconds:.1f} ms an image in batches of {count}: about "
            "{whole} for all epochs in one process, without the reading of images"
        ).format(loss=values["loss"], seconds=1e3 * seconds, count=len(images), whole=whole)
    )


def _evaluation(trainer: loop.Trainer, evaluator: Evaluator) -> tuple[bool, str]:
    network, _, _ = trainer.state.networks()
    metrics = evaluator.run(network, batches=1)
    fine = math.isfinite(metrics["loss"])
    return fine, tr("loss {loss:.4f} on {samples} images").format(
        loss=metrics["loss"], samples=metrics["samples"]
    )
