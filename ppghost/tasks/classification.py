"""Images with one class each: the label, the loss, what is measured, and what is predicted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle

from ppghost.config.loading import has_soft_labels
from ppghost.data.loader import Dataset, class_ids
from ppghost.tasks.losses import main_output, total_loss
from ppghost.tasks.metrics import topk_accuracy, wanted_ks
from ppghost.tasks.task import Average, Processes


class Classification:
    """What a config's `Loss` and `Metric` make of a classifier's output.

    The methods append ops to the current Program, and know nothing of how it is trained.

    Args:
        config: a checked configuration.
    """

    collate = staticmethod(class_ids)

    def __init__(self, config: dict):
        self._config = config

    @property
    def head_width(self) -> int:
        """Outputs of the classifier."""
        return self._config["Arch"]["class_num"]

    def labels(self, phase: str) -> list[paddle.static.Variable]:
        """The inputs beside the images: class ids, int64 [N, 1].

        In training with `batch_transform_ops` or `soft_labels` they are the shares of the classes
        instead, float32 [N, class_num].

        Args:
            phase: "Train" or "Eval".
        """
        if phase == "Train" and has_soft_labels(self._config):
            shape = [None, self._config["Arch"]["class_num"]]
            return [paddle.static.data("label", shape, "float32")]
        return [paddle.static.data("label", [None, 1], "int64")]

    def loss_and_metrics(
        self,
        phase: str,
        outputs: Any,
        labels: list[paddle.static.Variable],
        average: Average,
    ) -> dict[str, paddle.static.Variable]:
        """ "loss", to be minimised, and top-k; scalars, means over the batch.

        There is no top-k of soft labels: such an image has no one class (PaddleClas leaves it out
        for mixed images as well).

        Args:
            phase: "Train" or "Eval".
            outputs: what the network returned.
            labels: as `labels` made them.
            average: over the processes; a mean over images needs none in between.

        Raises:
            InputError: the config's losses or metrics do not fit the network's outputs.
        """
        [label] = labels
        loss = total_loss(self._config["Loss"][phase], outputs, label)
        metrics = topk_accuracy(self._config["Metric"][phase], main_output(outputs), label)
        return {"loss": loss} | metrics

    def predictions(self, outputs: Any) -> dict[str, paddle.static.Variable]:
        """What an exported model gives, float32 [N, class_num]: softmax scores.

        With `Arch.infer_add_softmax: False` they are the logits themselves.
        """
        logits = main_output(outputs)
        if self._config["Arch"].get("infer_add_softmax", True):
            return {"scores": paddle.nn.functional.softmax(logits)}
        return {"scores": logits}

    def evaluation(self, dataset: Dataset, outputs: Sequence[str]) -> "MeansOverImages":
        """Start an evaluation of a data set by a graph with those outputs."""
        return MeansOverImages(outputs)

    @property
    def primary(self) -> str:
        """The accuracy of the smallest k of `Metric.Eval`."""
        return f"top{min(wanted_ks(self._config['Metric']['Eval']))}"


class MeansOverImages:
    """The evaluation of classifiers: means of what each batch gave, weighted by its size."""

    def __init__(self, outputs: Sequence[str]) -> None:
        self._names = list(outputs)
        self._sums, self._samples = np.zeros(len(self._names)), 0

    def add(self, values: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> None:
        """Take in the loss and the accuracies of a batch."""
        [label] = labels.values()
        self._sums += np.array([float(values[name]) for name in self._names]) * len(label)
        self._samples += len(label)

    def metrics(self, processes: Processes) -> dict[str, Any]:
        """The means and "samples", of all processes together."""
        *sums, samples = processes.sum(np.array([*self._sums, self._samples])).tolist()
        means = {name: total / samples for name, total in zip(self._names, sums, strict=True)}
        return {**means, "samples": int(samples)}
