"""From a config to a trained network."""

import argparse

from ppghost.cli.common import Commands, Output, load_config
from ppghost.errors import CheckFailed


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    group = commands.group("config", "look at configs", "WHAT")
    commands.add("show", show_config, "the whole config, for PaddleClas", group=group, config=True)

    parser = commands.add("train", train, "train on a static graph", config=True)
    parser.add_argument("--resume", metavar="auto|PATH", help="go on from a checkpoint")

    text = "what will go wrong with a config, before it does: lists, images, recipe, one step"
    commands.add("doctor", doctor, text, config=True)

    commands.add("eval", evaluate, "top-1, top-5 or AP of Global.pretrained_model", config=True)


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
        name = "accuracy" if metric.startswith("top") else metric
        return result, f"best {name} {result['best']:.4f}"
    means = result.get("train") or {}
    loss = f", training loss {means['loss']:.4f}" if means else ""
    return result, f"{result['epochs']} epochs, not evaluated{loss}"


def doctor(args: argparse.Namespace) -> Output:
    """What will go wrong with a config."""
    from ppghost.doctor.examine import examine

    checks = examine(args.config, args.override)
    result = [check._asdict() for check in checks]
    width = max(len(check.check) for check in checks)
    lines = [f"{'ok' if c.ok else 'NO':<3} {c.check:<{width}}  {c.message}" for c in checks]
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
    return result, f"{evaluation.describe(result)}, {rate} images/s"
