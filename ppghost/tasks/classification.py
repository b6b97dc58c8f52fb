"""Images with one class each: the label, the loss, what is measured, and what is predicted."""

import paddle

from ppghost.tasks.losses import main_output, total_loss
from ppghost.tasks.metrics import topk_accuracy


class Classification:
    """What a config's `Loss` and `Metric` make of a classifier's output.

    The methods append ops to the current Program, and know nothing of how it is trained.

    Args:
        config: a checked configuration.
    """

    def __init__(self, config: dict):
        self._config = config

    def labels(self, phase: str) -> list[paddle.static.Variable]:
        """The inputs beside the images: class ids, int64 [N, 1].

        In training with `batch_transform_ops` they are the shares of the classes instead,
        float32 [N, class_num].

        Args:
            phase: "Train" or "Eval".
        """
        if phase == "Train" and self._mixes_images():
            shape = [None, self._config["Arch"]["class_num"]]
            return [paddle.static.data("label", shape, "float32")]
        return [paddle.static.data("label", [None, 1], "int64")]

    def _mixes_images(self) -> bool:
        return bool(self._config["DataLoader"]["Train"]["dataset"].get("batch_transform_ops"))

    def loss_and_metrics(
        self, phase: str, outputs: object, labels: list[paddle.static.Variable]
    ) -> dict[str, paddle.static.Variable]:
        """ "loss", to be minimised, and top-k; scalars, means over the batch.

        There is no top-k of mixed images: such an image has no one class (PaddleClas leaves it out
        as well).

        Args:
            phase: "Train" or "Eval".
            outputs: what the network returned.
            labels: as `labels` made them.

        Raises:
            InputError: the config's losses or metrics do not fit the network's outputs.
        """
        [label] = labels
        loss = total_loss(self._config["Loss"][phase], outputs, label)
        metrics = topk_accuracy(self._config["Metric"][phase], main_output(outputs), label)
        return {"loss": loss} | metrics

    def predictions(self, outputs: object) -> dict[str, paddle.static.Variable]:
        """What an exported model gives, float32 [N, class_num]: softmax scores.

        With `Arch.infer_add_softmax: False` they are the logits themselves.
        """
        logits = main_output(outputs)
        if self._config["Arch"].get("infer_add_softmax", True):
            return {"scores": paddle.nn.functional.softmax(logits)}
        return {"scores": logits}
