"""What a network is trained for."""

from typing import Protocol

import paddle


class Task(Protocol):
    """Everything about labels, losses and predictions that a graph builder has to be told.

    See `ppghost.tasks.classification.Classification` for the meaning of each method.
    """

    def labels(self, phase: str) -> list[paddle.static.Variable]:
        """Append the inputs that hold the labels of a "Train" or "Eval" batch."""

    def loss_and_metrics(
        self, phase: str, outputs: object, labels: list[paddle.static.Variable]
    ) -> dict[str, paddle.static.Variable]:
        """Append the "loss" and what else is measured, scalars by name."""

    def predictions(self, outputs: object) -> dict[str, paddle.static.Variable]:
        """Append what an exported model gives, by name."""
