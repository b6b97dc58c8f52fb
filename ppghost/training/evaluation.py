"""Accuracy of weights on `DataLoader.Eval`."""

import time

import numpy as np
import paddle

from ppghost import weights
from ppghost.data.build import make_loader
from ppghost.data.loader import Loader
from ppghost.errors import InputError
from ppghost.static.program import Graph, assign, initialize
from ppghost.static.runtime import Place, on_gpu, static_graph
from ppghost.tasks.classification import Classification
from ppghost.training.distributed import Group, init_process_group
from ppghost.training.program import build_evaluation
from ppghost.weights.pretrained import pretrained_path


def run_evaluation(
    executor,
    graph: Graph,
    loader: Loader,
    group: Group,
    scope: paddle.static.Scope,
    network: dict[str, np.ndarray],
) -> dict:
    """Run an evaluation graph over the whole loader, each process over its share.

    Args:
        scope: where the graph was initialized and runs; no scope of a training run.
        network: the network's tensors by parameter name, put into that scope.

    Returns "loss", "top1", "top5" (those that the class count allows), "samples",
    "images_per_second", of all processes together.
    """
    totals, samples, started = np.zeros(len(graph.outputs)), 0, time.monotonic()
    assign(scope, network, executor.place)
    for images, labels in loader.epoch(0):
        values = executor.run(
            graph.program,
            feed={"image": images, "label": labels},
            fetch_list=list(graph.outputs.values()),
            scope=scope,
        )
        totals += np.array([float(value) for value in values]) * len(images)
        samples += len(images)
        if group.orphaned():
            raise KeyboardInterrupt
    *totals, samples = group.sum(np.array([*totals, samples])).tolist()
    rate = samples / (time.monotonic() - started)
    means = {name: total / samples for name, total in zip(graph.outputs, totals, strict=True)}
    return {**means, "samples": int(samples), "images_per_second": round(rate, 1)}


def describe(metrics: dict) -> str:
    """One line of an evaluation, for people."""
    parts = [f"{k}: {metrics[k]:.4f}" for k in metrics if k == "loss" or k.startswith("top")]
    return f"{', '.join(parts)} on {metrics['samples']} images"


def evaluate(config: dict) -> dict:
    """Evaluate `Global.pretrained_model` on `DataLoader.Eval`.

    Args:
        config: a checked configuration (`ppghost.load_config`).

    Returns:
        "loss", "top1", "top5" (those that the class count allows), "samples", "images_per_second".

    Raises:
        InputError: no weights, or weights of another network.
        TrainingError: the data cannot be read.
    """
    with static_graph(config["Global"]["device"]) as place:
        return _evaluate(config, place)


def _evaluate(config: dict, place: Place) -> dict:
    path = pretrained_path(config)
    if path is None:
        raise InputError("Global.pretrained_model is missing; give the weights to evaluate")
    group = init_process_group(config)
    loader = make_loader(config, "Eval", rank=group.rank, world_size=group.size)
    graph = build_evaluation(config, Classification(config), on_gpu=on_gpu(place))
    found = weights.load(path, graph.network, config["Arch"]["name"])
    scope, executor = paddle.static.Scope(), paddle.static.Executor(place)
    # what is no weight: index tables and the like
    initialize(executor, graph, seed=0, scope=scope)
    return run_evaluation(executor, graph, loader, group, scope, found.arrays)
