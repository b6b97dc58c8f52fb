"""What a network is trained for."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import paddle

from ppghost.data.loader import Collate, Dataset

#: the mean of a scalar over the processes that train together
Average = Callable[[paddle.static.Variable], paddle.static.Variable]


class Processes(Protocol):
    """The processes that share an evaluation (`ppghost.training.distributed.Group`)."""

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The element-wise sum of all processes' values, float64, in each."""


class Evaluation(Protocol):
    """What is collected while a data set is evaluated."""

    def add(self, values: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> None:
        """Take in what the evaluation graph gave for a batch."""

    def metrics(self, processes: Processes) -> dict[str, Any]:
        """ "loss", "samples" and the metrics, of all processes together."""


class Task(Protocol):
    """Everything about labels, losses and predictions that a graph builder has to be told.

    See `ppghost.tasks.classification.Classification` for the meaning of each method.
    """

    @property
    def collate(self) -> Collate:
        """Makes a batch's labels from those of its images, without Paddle."""

    @property
    def head_width(self) -> int:
        """Outputs of the layer whose width is that of the classes; a new one is learnt anew."""

    def labels(self, phase: str) -> list[paddle.static.Variable]:
        """Append the inputs that hold the labels of a "Train" or "Eval" batch."""

    def loss_and_metrics(
        self,
        phase: str,
        outputs: Any,
        labels: list[paddle.static.Variable],
        average: Average,
    ) -> dict[str, paddle.static.Variable]:
        """Append the "loss" and what else is measured, in training scalars, by name."""

    def predictions(self, outputs: Any) -> dict[str, paddle.static.Variable]:
        """Append what an exported model gives, by name."""

    def evaluation(self, dataset: Dataset, outputs: Sequence[str]) -> Evaluation:
        """Start an evaluation of a data set by a graph with those outputs."""

    @property
    def primary(self) -> str:
        """The name of the metric that says which model is the best: the one where it is highest."""
