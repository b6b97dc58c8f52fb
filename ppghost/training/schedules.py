"""Learning rates as functions of the steps done, from the config's `Optimizer.lr` section."""

import math
from collections.abc import Callable

from paddle.optimizer.lr import LRScheduler

from ppghost.errors import InputError
from ppghost.i18n import tr

#: the rate after so many steps
Rate = Callable[[float], float]


class Schedule(LRScheduler):
    """A learning rate that is a function of the steps done, so that a resumed run is exact.

    One step is an iteration (an epoch if `by_epoch`); `step(n)` goes to any place at once.
    """

    def __init__(self, rate: Rate, warm_up: int):
        self.rate = rate
        self.warm_up = warm_up
        super().__init__()

    def get_lr(self) -> float:
        return float(self.rate(self.last_epoch))

    def state_dict(self) -> dict:
        """Paddle's state; with a warm-up also what PaddleClas's LinearWarmup asks for."""
        state = super().state_dict()
        if self.warm_up:
            inner = {"last_epoch": max(0, self.last_epoch - self.warm_up), "last_lr": self.last_lr}
            state["LinearWarmup_LR"] = inner
        return state


def linear_scaling(config: dict, total_batch: int) -> tuple[float, str | None]:
    """What to multiply the rates by, and what to tell the user; (1.0, None) if all is as tuned.

    The linear scaling rule (arXiv:1706.02677): k times the batch, k times the rate. It is applied
    with `Global.scale_lr` alone, and to the whole schedule: to its start and its end too, as the
    ViT recipes do, so that its shape stays the tuned one.

    Args:
        total_batch: images per update: batch per process x processes x `Global.update_freq`.

    Raises:
        InputError: `Global.scale_lr` without `Global.tuned_batch_size`.
    """
    settings, lr = config["Global"], config["Optimizer"]["lr"]
    tuned = settings["tuned_batch_size"]
    if tuned is None:
        if settings["scale_lr"]:
            raise InputError(
                "Global.scale_lr needs Global.tuned_batch_size, the total batch that the learning "
                "rate was tuned for"
            )
        return 1.0, None
    if total_batch == tuned:
        return 1.0, None
    factor = total_batch / tuned
    rate = lr.get("learning_rate") or lr["values"][0]
    notice = tr(
        "learning rate {rate:g} was tuned for a total batch of {tuned}; for {total_batch}"
    ).format(rate=rate, tuned=tuned, total_batch=total_batch)
    if settings["scale_lr"]:
        return factor, tr("{notice} it is scaled to {rate:g}").format(
            notice=notice, rate=rate * factor
        )
    return 1.0, tr(
        "{notice} linear scaling says {rate:g}; Global.scale_lr: True applies it"
    ).format(notice=notice, rate=rate * factor)


def learning_rate(config: dict, epochs: int, steps_per_epoch: int, factor: float = 1.0) -> Schedule:
    """The schedule of `Optimizer.lr`, one step an iteration (an epoch if `by_epoch`).

    All its rates are multiplied by `factor` (`linear_scaling`).

    Linear warm-up from `warmup_start_lr` over `warmup_epoch` epochs (`Global.warmup_steps`
    updates), then the schedule of that name, counted from the end of the warm-up, over the epochs
    that are left. With `Global.update_freq` the rate moves once per update of the weights.
    """
    settings = config["Optimizer"]["lr"]
    frequency = 1 if settings["by_epoch"] else config["Global"]["update_freq"]
    unit = 1 if settings["by_epoch"] else steps_per_epoch / frequency
    in_steps = config["Global"].get("warmup_steps")
    warm_up_epochs = settings.get("warmup_epoch") or 0
    if in_steps:
        warm_up_epochs = in_steps * config["Global"]["update_freq"] / steps_per_epoch
    warm_up_epochs = min(warm_up_epochs, epochs)
    if settings["name"] == "Constant":  # see ppghost.config.schema
        warm_up_epochs = 0
    after = _SCHEDULES[settings["name"]](settings, epochs, warm_up_epochs, unit)
    steps = round(warm_up_epochs * unit)
    from_start = bool(in_steps) and settings["name"] in _OF_MILESTONES
    start = settings.get("warmup_start_lr", 0.0)
    # of Piecewise the first value, which need not be learning_rate
    peak = after(0)

    def rate(step: float) -> float:
        update = step // frequency
        warming = update < steps
        if warming:
            return factor * (start + (peak - start) * update / steps)
        return factor * after(update if from_start else update - steps)

    return Schedule(rate, steps)


def _constant(settings: dict, epochs: int, warm_up: float, unit: float) -> Rate:
    return lambda step: settings["learning_rate"]


def _linear(settings: dict, epochs: int, warm_up: float, unit: float) -> Rate:
    """A polynomial down to `end_lr`; with `cycle` its length doubles, trebles ... as it is used."""
    peak, end, power = settings["learning_rate"], settings["end_lr"], settings["power"]
    length = (epochs - warm_up) * unit
    if not length:
        return lambda step: peak

    def rate(step: float) -> float:
        whole = length * max(1, math.ceil(step / length)) if settings["cycle"] else length
        return (peak - end) * (1 - min(step, whole) / whole) ** power + end

    return rate


def _cosine(settings: dict, epochs: int, warm_up: float, unit: float) -> Rate:
    peak, end = settings["learning_rate"], settings["eta_min"]
    length = (epochs - warm_up) * unit
    if not length:
        return lambda step: peak
    return lambda step: end + (peak - end) * (1 + math.cos(math.pi * step / length)) / 2


def _step(settings: dict, epochs: int, warm_up: float, unit: float) -> Rate:
    size = max(1, int(settings["step_size"] * unit))  # as PaddleClas rounds
    return lambda step: settings["learning_rate"] * settings["gamma"] ** (step // size)


def _multi_step(settings: dict, epochs: int, warm_up: float, unit: float) -> Rate:
    milestones = [epoch * unit for epoch in settings["milestones"]]
    gamma, peak = settings["gamma"], settings["learning_rate"]
    return lambda step: peak * gamma ** sum(step >= milestone for milestone in milestones)


def _piecewise(settings: dict, epochs: int, warm_up: float, unit: float) -> Rate:
    """`values` between `decay_epochs`; with `learning_rate` a tenth every 30 epochs instead.

    So in PaddleClas, most of whose files give all three.
    """
    if peak := settings.get("learning_rate"):
        boundaries = list(range(30, epochs, 30))
        values = [peak * 0.1**i for i in range(len(boundaries) + 1)]
    else:
        boundaries, values = settings["decay_epochs"], settings["values"]
    steps = [epoch * unit for epoch in boundaries]
    return lambda step: values[sum(step >= boundary for boundary in steps)]


#: those that change at epochs that the config names
_OF_MILESTONES = ("MultiStepDecay", "Piecewise")
_SCHEDULES = {
    "Constant": _constant,
    "ConstLR": _constant,
    "Linear": _linear,
    "Cosine": _cosine,
    "Step": _step,
    "MultiStepDecay": _multi_step,
    "Piecewise": _piecewise,
}
