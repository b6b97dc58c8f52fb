"""Classification losses as ops of the current Program."""

import paddle
from paddle.nn import functional


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


def total_loss(entries: list[dict], logits, label):
    """The weighted sum of a `Loss.Train` or `Loss.Eval` list.

    The weight of a single loss counts as well; PaddleClas leaves it out (its files say 1.0).
    """
    losses = []
    for entry in entries:
        settings = entry["CELoss"]
        reduction = settings.get("reduction", "mean")
        loss = cross_entropy(logits, label, settings["epsilon"], reduction)
        losses.append(settings["weight"] * loss)
    return sum(losses[1:], losses[0])
