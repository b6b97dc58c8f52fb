"""Accuracy of weights on `DataLoader.Eval`."""

import itertools
import logging
import math
import time
from collections.abc import Iterable

import numpy as np
import paddle

from ppghost import weights
from ppghost.data.build import make_loader
from ppghost.errors import CheckFailed, InputError
from ppghost.static.program import assign, initialize, with_image_shape
from ppghost.static.runtime import Place, on_gpu, static_graph
from ppghost.tasks.classification import Classification
from ppghost.tasks.metrics import primary
from ppghost.tasks.task import Task
from ppghost.training.distributed import Group, init_process_group
from ppghost.training.program import build_evaluation
from ppghost.weights.pretrained import pretrained_path

logger = logging.getLogger(__name__)


class Evaluator:
    """A network's evaluation graph, in a scope of its own, and the data; each process its share.

    Args:
        config: a checked configuration.
        task: what the labels are.
        executor: runs the graph.
        group: the processes that share the data.
        seed: of the order of the images.

    Raises:
        InputError: config or data are wrong.
    """

    def __init__(
        self, config: dict, task: Task, executor: paddle.static.Executor, group: Group, seed: int
    ) -> None:
        self.executor, self.group = executor, group
        self.loader = make_loader(config, "Eval", seed, rank=group.rank, world_size=group.size)
        [shape] = self.loader.image_shapes()
        own = with_image_shape(config, shape)
        self.graph = build_evaluation(own, task, on_gpu=on_gpu(executor.place))
        self.scope = paddle.static.Scope()
        # what is no weight: index tables and the like
        initialize(executor, self.graph, seed, self.scope)

    def run(self, network: dict[str, np.ndarray], batches: int | None = None) -> dict:
        """Evaluate a network's tensors, given by parameter name, on all the data.

        Args:
            network: the tensors.
            batches: stop after so many, to see whether it works.

        Returns "loss", "top1", "top5" (those that the class count allows), "samples",
        "images_per_second", of all processes together.
        """
        outputs = self.graph.outputs
        totals, samples, started = np.zeros(len(outputs)), 0, time.monotonic()
        assign(self.scope, network, self.executor.place)
        for images, labels in itertools.islice(self.loader.epoch(0), batches):
            values = self.executor.run(
                self.graph.program,
                feed={"image": images, "label": labels},
                fetch_list=list(outputs.values()),
                scope=self.scope,
            )
            totals += np.array([float(value) for value in values]) * len(images)
            samples += len(images)
            if self.group.orphaned():
                raise KeyboardInterrupt
        *totals, samples = self.group.sum(np.array([*totals, samples])).tolist()
        rate = samples / (time.monotonic() - started)
        means = {name: total / samples for name, total in zip(outputs, totals, strict=True)}
        return {**means, "samples": int(samples), "images_per_second": round(rate, 1)}


def best_accuracy(evaluations: Iterable[dict]) -> float | None:
    """The highest accuracy of those that gave numbers; None if none did."""
    accuracies = []
    for metrics in evaluations:
        if math.isfinite(metrics["loss"]):
            accuracies.append(primary(metrics))
        else:
            logger.warning("the loss of the evaluation is %s; it is no best_model", metrics["loss"])
    return max(accuracies, default=None)


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
        CheckFailed: the loss is no number.
    """
    with static_graph(config["Global"]["device"]) as place:
        return _evaluate(config, place)


def _evaluate(config: dict, place: Place) -> dict:
    path = pretrained_path(config)
    if path is None:
        raise InputError("Global.pretrained_model is missing; give the weights to evaluate")
    task, executor = Classification(config), paddle.static.Executor(place)
    evaluator = Evaluator(config, task, executor, init_process_group(config), seed=0)
    found = weights.load(path, evaluator.graph.network, config["Arch"]["name"])
    metrics = evaluator.run(found.arrays)
    if not math.isfinite(metrics["loss"]):
        raise CheckFailed(
            f"the loss is {metrics['loss']} on {metrics['samples']} images: {path} does not fit "
            "these images, or holds no trained weights"
        )
    return metrics
