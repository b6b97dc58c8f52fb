"""Classification losses as ops of the current Program."""

from collections.abc import Sequence

import paddle
from paddle.nn import functional

from ppghost.errors import InputError


def cross_entropy(logits, label, epsilon: float | None = None, reduction: str = "mean"):
    """PaddleClas's CELoss on logits [N, C]: a scalar.

    `label` is class ids, int64 [N, 1], or the shares of the classes, float32 [N, C], which the
    batch operations of Mixup and Cutmix make.

    `epsilon` in (0, 1) smooths the labels: 1 - epsilon + epsilon / C for the class, epsilon / C
    for each other; outside that range it is no smoothing, as in PaddleClas.

    Shares are used as they are. PaddleClas's CELoss does so too with an epsilon, but without one
    it first takes a softmax of them, as if they were a teacher's logits: of a label 1 among 1000
    classes is left 0.0027, and nothing to learn. Two of its files would be trained so
    (DataAugment/ResNet50_{Mixup,Cutmix}); its older MixCELoss, for which they were written, had
    the plain cross entropy that stands here.
    """
    soft = label.dtype == paddle.float32
    if epsilon is not None and 0 < epsilon < 1:
        classes = logits.shape[-1]
        if not soft:
            label = functional.one_hot(label, classes).reshape([-1, classes])
        label, soft = functional.label_smooth(label, epsilon=epsilon), True
    return functional.cross_entropy(logits, label, soft_label=soft, reduction=reduction)


def googlenet_loss(outputs: Sequence, label):
    """PaddleClas's GoogLeNetLoss: the classifier's, and 0.3 of each auxiliary classifier's."""
    final, *auxiliary = (cross_entropy(logits, label) for logits in outputs)
    return sum((0.3 * loss for loss in auxiliary), final)


def main_output(outputs):
    """The logits [N, C] that count, of what a network returns.

    A network may return a list of them, auxiliary classifiers last (GoogLeNet), or PaddleClas's
    dict of features beside them.
    """
    if isinstance(outputs, dict):
        outputs = outputs["logits"]
    return outputs[0] if isinstance(outputs, list | tuple) else outputs


def total_loss(entries: list[dict], outputs, label):
    """The weighted sum of a `Loss.Train` or `Loss.Eval` list, on what the network returns.

    The weight of a single loss counts as well; PaddleClas leaves it out (its files say 1.0).

    Raises:
        InputError: a loss that does not fit the network's outputs, or is not for classifiers.
    """
    losses = []
    for entry in entries:
        [(name, settings)] = entry.items()
        if name not in _LOSSES:
            raise InputError("Loss: {name} is for detectors; a classifier takes CELoss", name=name)
        losses.append(settings["weight"] * _LOSSES[name](settings, outputs, label))
    return sum(losses[1:], losses[0])


def _celoss(settings: dict, outputs, label):
    if isinstance(outputs, list | tuple):
        raise InputError(
            "Loss: the network returns {count} outputs and CELoss takes one; GoogLeNet's "
            "own loss is GoogLeNetLoss",
            count=len(outputs),
        )
    reduction = settings.get("reduction", "mean")
    return cross_entropy(main_output(outputs), label, settings["epsilon"], reduction)


def _googlenet(settings: dict, outputs, label):
    if not isinstance(outputs, list | tuple):
        raise InputError(
            "Loss: GoogLeNetLoss is for networks with auxiliary classifiers; use CELoss"
        )
    return googlenet_loss(outputs, label)


_LOSSES = {"CELoss": _celoss, "GoogLeNetLoss": _googlenet}
