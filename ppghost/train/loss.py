"""Classification losses as ops of the current Program."""

from paddle.nn import functional


def cross_entropy(logits, label, epsilon: float | None = None):
    """PaddleClas's CELoss: logits [N, C], label [N, 1] int64 -> the mean loss, a scalar.

    `epsilon` in (0, 1) smooths the labels: 1 - epsilon + epsilon / C for the class, epsilon / C
    for each other; outside that range it is no smoothing, as in PaddleClas.
    """
    if epsilon is None or not 0 < epsilon < 1:
        return functional.cross_entropy(logits, label)
    classes = logits.shape[-1]
    target = functional.one_hot(label, classes).reshape([-1, classes])
    target = functional.label_smooth(target, epsilon=epsilon)
    return functional.cross_entropy(logits, target, soft_label=True)


def total_loss(entries: list[dict], logits, label):
    """The weighted sum of a `Loss.Train` or `Loss.Eval` list."""
    losses = []
    for entry in entries:
        settings = entry["CELoss"]
        losses.append(settings["weight"] * cross_entropy(logits, label, settings["epsilon"]))
    return sum(losses[1:], losses[0])
