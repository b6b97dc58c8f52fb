"""Focal loss and smooth L1 over a RetinaNet's anchors, as ops of the current Program."""

import paddle
from paddle.nn import functional

from ppghost.tasks.task import Average


def retinanet_loss(
    settings: dict,
    logits: paddle.static.Variable,
    deltas: paddle.static.Variable,
    labels: dict[str, paddle.static.Variable],
    average: Average,
) -> dict[str, paddle.static.Variable]:
    """ "loss" and its parts, sums over the anchors divided by the number of those with an object.

    That number is of all processes, as the batch is (RetinaNet paper, section 4.1; PaddleDetection
    divides by each process's own).

    Args:
        settings: `gamma`, `alpha` of the focal loss, `beta` of smooth L1 (0 is L1), `box_weight`.
        logits: [N, A, C].
        deltas: [N, A, 4].
        labels: "classes" [N, A], 0 for background; "deltas" [N, A, 4]; "weights" [N, A].
        average: over the processes.
    """
    classes, weights = labels["classes"], labels["weights"]
    one_hot = functional.one_hot(classes, logits.shape[-1] + 1)[:, :, 1:]
    held = paddle.cast(paddle.logical_and(classes > 0, weights > 0), "float32")
    count = paddle.clip(average(held.sum()), min=1.0)
    focal = functional.sigmoid_focal_loss(
        logits, one_hot, alpha=settings["alpha"], gamma=settings["gamma"], reduction="none"
    )
    of_classes = paddle.multiply(focal, weights.unsqueeze(-1)).sum() / count
    off = _smooth_l1(paddle.subtract(deltas, labels["deltas"]), settings["beta"])
    weights_of_held = paddle.multiply(held, weights)
    of_boxes = paddle.multiply(off.sum(axis=-1), weights_of_held).sum() / count
    loss = paddle.add(of_classes, settings["box_weight"] * of_boxes)
    return {"loss": loss, "loss_cls": of_classes, "loss_box": of_boxes}


def _smooth_l1(difference: paddle.static.Variable, beta: float) -> paddle.static.Variable:
    """x^2 / (2 beta) up to beta, |x| - beta / 2 beyond it."""
    size = paddle.abs(difference)
    if beta == 0:
        return size
    within = paddle.clip(size, max=beta)
    return paddle.add(paddle.square(within) / (2 * beta), paddle.subtract(size, within))
