"""One step of training: a batch through the Program of its image size or stage."""

import math
from collections.abc import Sequence

import numpy as np
import paddle

from ppghost.data.samplers import Sampler
from ppghost.data.workers import Labels
from ppghost.errors import TrainingError
from ppghost.training.program import TrainingGraph
from ppghost.training.state import RunState


class StepRunner:
    """Trains the network of a run, batch by batch.

    Args:
        state: the run's, which each step moves on.
        graphs: one for each of the sampler's variants; all have the variables of `state`.
        sampler: says of what variant a batch is.
    """

    def __init__(self, state: RunState, graphs: Sequence[TrainingGraph], sampler: Sampler) -> None:
        self.state, self.graphs, self.sampler = state, graphs, sampler
        self.executors: dict[int, paddle.static.Executor] = {}

    def run(
        self, images: np.ndarray, labels: Labels, wish: float = 0.0
    ) -> tuple[dict[str, float], float]:
        """Train on one batch, each process on its own.

        Args:
            images: float32 [N, C, H, W].
            labels: as the task's graph takes them.
            wish: this process's, to stop.

        Returns:
            The batch's metrics, means over the processes, and the sum of the processes' wishes.

        Raises:
            TrainingError: the loss is no number, or a process is lost.
        """
        state, group, seed = self.state, self.state.group, self.sampler.seed
        epoch, batch, step, _ = state.position
        # dropout draws from the generators: as a function of the step it survives a restart
        paddle.seed(dropout_seed(seed, step, group.rank, group.size))
        graph, executor = self._variant(epoch, batch)
        feed = {"image": images} | labels
        if group.size > 1:
            feed["stop"] = np.array([wish], "float32")
        values = group.run(
            executor,
            graph.program,
            feed=feed,
            fetch_list=list(graph.outputs.values()),
            scope=state.scope,
        )
        metrics = {name: float(v) for name, v in zip(graph.outputs, values, strict=True)}
        if not math.isfinite(metrics["loss"]):
            raise TrainingError(
                "the loss is {loss} at epoch {epoch}, step {step}: try a lower "
                "Optimizer.lr.learning_rate or a longer warmup_epoch, and look at the "
                "images and labels",
                loss=metrics["loss"],
                epoch=epoch,
                step=step + 1,
            )
        wishes = metrics.pop("stop", wish)
        state.finish_step(metrics, len(images))
        return metrics, wishes

    def _variant(self, epoch: int, batch: int) -> tuple[TrainingGraph, paddle.static.Executor]:
        """The graph of a batch's image size or stage, and what runs it.

        Each has an Executor, for one keeps no more than eight Programs; a stage gone by does not
        come again, and its memory is let go.
        """
        number = self.sampler.variant(epoch, batch)
        if number not in self.executors:
            if self.state.config["Global"].get("train_mode") == "progressive":
                self.executors.clear()
            self.executors[number] = paddle.static.Executor(self.state.executor.place)
        return self.graphs[number], self.executors[number]


def dropout_seed(seed: int, step: int, rank: int, processes: int) -> int:
    """What each process's dropout starts from at a step: never the same twice in a run."""
    return (seed * 1_000_003 + step * processes + rank) % 2**63
