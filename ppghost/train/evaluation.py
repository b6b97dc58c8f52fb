"""Accuracy of weights on `DataLoader.Eval`."""

import time

import paddle

from ppghost import pretrained, static, weights
from ppghost.data.build import make_loader
from ppghost.data.loader import Loader
from ppghost.errors import InputError
from ppghost.train import program
from ppghost.train.metrics import Averages


def pretrained_path(config: dict) -> str | None:
    """`Global.pretrained_model`, else the path in `Arch.pretrained`, else None.

    `Arch.pretrained: True` means PaddleClas's published file, which is downloaded if need be.
    """
    if own := config["Global"]["pretrained_model"]:
        return own
    arch = config["Arch"].get("pretrained")
    return str(pretrained.path(config["Arch"])) if arch is True else arch or None


def evaluate(executor, graph: program.Graph, loader: Loader) -> dict:
    """Run an evaluation graph over the whole loader, in the current scope.

    Returns "loss", "top1", "top5" (those that the class count allows), "samples",
    "images_per_second".
    """
    averages, started = Averages(), time.monotonic()
    names = list(graph.outputs)
    for images, labels in loader.epoch(0):
        values = executor.run(
            graph.program,
            feed={"image": images, "label": labels},
            fetch_list=list(graph.outputs.values()),
        )
        averages.add({n: float(v) for n, v in zip(names, values, strict=True)}, len(images))
    rate = averages.samples / (time.monotonic() - started)
    return {**averages.means(), "samples": averages.samples, "images_per_second": round(rate, 1)}


def describe(figures: dict) -> str:
    """One line of an evaluation, for people."""
    parts = [f"{k}: {figures[k]:.4f}" for k in figures if k == "loss" or k.startswith("top")]
    return f"{', '.join(parts)} on {figures['samples']} images"


def evaluate_config(config: dict) -> dict:
    """Evaluate `Global.pretrained_model` on `DataLoader.Eval`."""
    static.enable(config["Global"]["device"])
    path = pretrained_path(config)
    if path is None:
        raise InputError("Global.pretrained_model is missing; give the weights to evaluate")
    loader = make_loader(config, "Eval")
    graph = program.build_evaluation(config)
    found = weights.load(path, graph.network, config["Arch"]["name"])
    scope = paddle.static.Scope()
    program.assign(scope, found.arrays)
    with paddle.static.scope_guard(scope):
        return evaluate(paddle.static.Executor(paddle.CPUPlace()), graph, loader)
