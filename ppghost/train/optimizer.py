"""The optimizer and its learning rate, from the config's `Optimizer` section."""

import paddle
from paddle.optimizer import lr as schedules

from ppghost.errors import InputError


def learning_rate(config: dict, epochs: int, steps_per_epoch: int) -> schedules.LRScheduler:
    """The schedule of `Optimizer.lr`, one step an iteration (an epoch if `by_epoch`).

    Linear warm-up from `warmup_start_lr` over `warmup_epoch` epochs, then a constant rate or a
    half cosine down to `eta_min` over the epochs that are left.
    """
    settings = config["Optimizer"]["lr"]
    unit = 1 if settings["by_epoch"] else steps_per_epoch
    peak = settings["learning_rate"]
    warmup = min(settings["warmup_epoch"], epochs)
    decay_steps = round((epochs - warmup) * unit)
    if settings["name"] == "Cosine" and decay_steps:
        after = schedules.CosineAnnealingDecay(peak, decay_steps, settings["eta_min"])
    else:
        after = schedules.LambdaDecay(peak, lambda _: 1.0)
    if not round(warmup * unit):
        return after
    start = settings["warmup_start_lr"]
    return schedules.LinearWarmup(after, round(warmup * unit), start_lr=start, end_lr=peak)


def optimizer(config: dict, schedule: schedules.LRScheduler) -> paddle.optimizer.Optimizer:
    """`Optimizer.name` with its regularizer; parameters that bring their own (BN) keep it."""
    settings = config["Optimizer"]
    regularizer = settings["regularizer"]
    decay = None
    if "name" in regularizer:
        kinds = {"L1": paddle.regularizer.L1Decay, "L2": paddle.regularizer.L2Decay}
        decay = kinds[regularizer["name"]](regularizer["coeff"])
    if settings["name"] == "SGD":
        return paddle.optimizer.SGD(schedule, weight_decay=decay)
    return paddle.optimizer.Momentum(
        schedule,
        momentum=settings["momentum"],
        weight_decay=decay,
        use_nesterov=settings["use_nesterov"],
    )


def check(config: dict) -> None:
    """Raise InputError where the `Optimizer` section lacks what training needs."""
    if "learning_rate" not in config["Optimizer"]["lr"]:
        raise InputError("Optimizer.lr.learning_rate is missing; training needs it")
