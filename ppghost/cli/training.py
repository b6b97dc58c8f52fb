"""From a config to a trained network."""

import argparse

from ppghost.cli.common import Commands, Output, load_config
from ppghost.errors import CheckFailed
from ppghost.i18n import say, tr, translate
from ppghost.utils.text import columns, pad


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    group = commands.group("config", help="show a config", metavar="WHAT")
    commands.add(
        "show", show_config, help="the whole config, for PaddleClas", group=group, config=True
    )

    parser = commands.add("train", train, help="train on a static graph", config=True)
    parser.add_argument("--resume", metavar="auto|PATH", help="go on from a checkpoint")

    commands.add(
        "doctor",
        doctor,
        help="what will go wrong with a config, before it does: lists, images, recipe, one step",
        config=True,
    )

    commands.add(
        "eval", evaluate, help="top-1, top-5 or AP of Global.pretrained_model", config=True
    )


def show_config(args: argparse.Namespace) -> Output:
    """The config with everything that it inherits and every default."""
    config = load_config(args)
    from ppghost.config import loading

    return config, loading.dump(config).rstrip()


def train(args: argparse.Namespace) -> Output:
    """Train as the config says."""
    config = load_config(args)
    from ppghost.training import loop

    result = loop.train(config, args.resume)
    if result["best"] is not None:
        metric = result["best_metric"] or "accuracy"  # of a run that is not evaluated any more
        name = tr("accuracy") if metric.startswith("top") else metric
        return result, tr("best {name} {value:.4f}").format(name=name, value=result["best"])
    means = result.get("train") or {}
    text = (
        tr("{epochs} epochs, not evaluated, training loss {loss:.4f}")
        if means
        else tr("{epochs} epochs, not evaluated")
    )
    return result, text.format(epochs=result["epochs"], loss=means.get("loss"))


def doctor(args: argparse.Namespace) -> Output:
    """What will go wrong with a config."""
    from ppghost.doctor.examine import examine

    checks = examine(args.config, args.override)
    result = [check._asdict() for check in checks]
    width = max(columns(translate(check.check)) for check in checks)
    lines = [
        f"{pad(say('ok') if each.ok else say('NO'), 3)} {pad(translate(each.check), width)}  "
        f"{translate(each.message)}"
        for each in checks
    ]
    if failed := [check for check in checks if not check.ok]:
        error = CheckFailed(
            "{count} of {checks_count} checks failed", count=len(failed), checks_count=len(checks)
        )
        error.result, error.text = result, "\n".join(lines)
        raise error
    return result, "\n".join(lines)


def evaluate(args: argparse.Namespace) -> Output:
    """What the config's weights reach on DataLoader.Eval."""
    config = load_config(args)
    from ppghost.training import evaluation

    result = evaluation.evaluate(config)
    rate = result["images_per_second"]
    return result, tr("{metrics}, {rate} images/s").format(
        metrics=evaluation.describe(result), rate=rate
    )
