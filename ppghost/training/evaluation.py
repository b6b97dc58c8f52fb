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
from ppghost.i18n import tr
from ppghost.static.program import assign, initialize, with_image_shape
from ppghost.static.runtime import Place, on_gpu, static_graph
from ppghost.tasks.factory import make_task
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
        self.task, self.executor, self.group = task, executor, group
        share = {"rank": group.rank, "world_size": group.size}
        self.loader = make_loader(config, "Eval", seed, **share, collate=task.collate)
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

        Returns the task's metrics, "loss", "samples" and "images_per_second" among them, of all
        processes together.
        """
        outputs, started = self.graph.outputs, time.monotonic()
        evaluation = self.task.evaluation(self.loader.batches.datasets[0], list(outputs))
        assign(self.scope, network, self.executor.place)
        for images, labels in itertools.islice(self.loader.epoch(0), batches):
            values = self.executor.run(
                self.graph.program,
                feed={"image": images} | labels,
                fetch_list=list(outputs.values()),
                scope=self.scope,
            )
            evaluation.add(dict(zip(outputs, values, strict=True)), labels)
            if self.group.orphaned():
                raise KeyboardInterrupt
        metrics = evaluation.metrics(self.group)
        rate = metrics["samples"] / (time.monotonic() - started)
        return {**metrics, "images_per_second": round(rate, 1)}


def best_accuracy(task: Task, evaluations: Iterable[dict]) -> float | None:
    """The task's primary metric, the highest of those that gave numbers; None if none did."""
    accuracies = []
    for metrics in evaluations:
        if math.isfinite(metrics["loss"]):
            accuracies.append(metrics[task.primary])
        else:
            logger.warning("the loss of the evaluation is %s; it is no best_model", metrics["loss"])
    return max(accuracies, default=None)


def describe(metrics: dict) -> str:
    """One line of an evaluation, for people."""
    told = {k: v for k, v in metrics.items() if k not in ("samples", "images_per_second")}
    parts = [f"{k}: {v:.4f}" for k, v in told.items() if isinstance(v, float)]
    return tr("{parts} on {samples} images").format(
        parts=", ".join(parts), samples=metrics["samples"]
    )


def evaluate(config: dict) -> dict:
    """Evaluate `Global.pretrained_model` on `DataLoader.Eval`.

    Args:
        config: a checked configuration (`ppghost.load_config`).

    Returns:
        "loss", "samples", "images_per_second", and the task's metrics: "top1", "top5" (those that
        the class count allows), "AP", ...

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
    task, executor = make_task(config), paddle.static.Executor(place)
    evaluator = Evaluator(config, task, executor, init_process_group(config), seed=0)
    found = weights.load(path, evaluator.graph.network, config["Arch"]["name"])
    metrics = evaluator.run(found.arrays)
    if not math.isfinite(metrics["loss"]):
        raise CheckFailed(
            "the loss is {loss} on {samples} images: {path} does not fit these images, or "
            "holds no trained weights",
            loss=metrics["loss"],
            samples=metrics["samples"],
            path=path,
        )
    return metrics
