"""The optimizer and its learning rate, from the config's `Optimizer` section."""

import math
from collections.abc import Callable

import paddle
from paddle.optimizer.lr import LRScheduler

from ppghost.errors import InputError

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
    told = f"learning rate {rate:g} was tuned for a total batch of {tuned}; for {total_batch}"
    if settings["scale_lr"]:
        return factor, f"{told} it is scaled to {rate * factor:g}"
    return 1.0, f"{told} linear scaling says {rate * factor:g}; Global.scale_lr: True applies it"


def learning_rate(config: dict, epochs: int, steps_per_epoch: int, factor: float = 1.0) -> Schedule:
    """The schedule of `Optimizer.lr`, one step an iteration (an epoch if `by_epoch`).

    All its rates are multiplied by `factor` (`linear_scaling`).

    Linear warm-up from `warmup_start_lr` over `warmup_epoch` epochs, then the schedule of that
    name, counted from the end of the warm-up, over the epochs that are left. With
    `Global.update_freq` the rate moves once per update of the weights.
    """
    settings = config["Optimizer"]["lr"]
    frequency = 1 if settings["by_epoch"] else config["Global"]["update_freq"]
    unit = 1 if settings["by_epoch"] else steps_per_epoch / frequency
    warm_up_epochs = min(settings.get("warmup_epoch") or 0, epochs)
    if settings["name"] == "Constant":  # see ppghost.config.schema
        warm_up_epochs = 0
    after = _SCHEDULES[settings["name"]](settings, epochs, warm_up_epochs, unit)
    steps = round(warm_up_epochs * unit)
    start = settings.get("warmup_start_lr", 0.0)
    # of Piecewise the first value, which need not be learning_rate
    peak = after(0)

    def rate(step: float) -> float:
        update = step // frequency
        warming = update < steps
        now = start + (peak - start) * update / steps if warming else after(update - steps)
        return factor * now

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


_SCHEDULES = {
    "Constant": _constant,
    "ConstLR": _constant,
    "Linear": _linear,
    "Cosine": _cosine,
    "Step": _step,
    "MultiStepDecay": _multi_step,
    "Piecewise": _piecewise,
}


def optimizer(
    config: dict, schedule: LRScheduler, network: paddle.nn.Layer | None = None
) -> paddle.optimizer.Optimizer:
    """`Optimizer.name` with its weight decay and clipping, for a static Program.

    Args:
        network: what it will train, already called in the current Program; needed where the
            config exempts parameters from weight decay.
    """
    settings = config["Optimizer"]
    exempt = _exempt(settings, network)
    common = {"weight_decay": _decay(settings)}
    if settings.get("clip_norm") is not None:
        # each gradient by itself, as PaddleClas does; not the norm over all of them
        common["grad_clip"] = paddle.nn.ClipGradByNorm(float(settings["clip_norm"]))
    if "multi_precision" in settings and settings["name"] != "RMSProp":  # which has no such thing
        common["multi_precision"] = settings["multi_precision"]
    if settings["name"] == "AdamW":
        names = {parameter.name for parameter in exempt}
        common["apply_decay_param_fun"] = lambda name: name not in names
    else:
        for parameter in exempt:  # in the other optimizers a parameter's own regularizer wins
            parameter.regularizer = paddle.regularizer.L2Decay(0.0)
    return _accumulating(_BUILDERS[settings["name"]](schedule, settings, common), config)


def _exempt(settings: dict, network: paddle.nn.Layer | None) -> list:
    """The parameters without weight decay.

    `no_weight_decay_name` holds parts of *structured* names (`blocks.0.norm1.weight`), as in
    PaddleClas's dygraph engine (its static one refuses the key); Paddle's optimizers know only
    parameter names, hence the walk over the network, which has both. PaddleClas's Momentum heeds
    `one_dim_param_no_weight_decay` only beside a name; here it counts by itself, as in AdamW.
    """
    parts = (settings.get("no_weight_decay_name") or "").split()
    flat = bool(settings.get("one_dim_param_no_weight_decay"))
    if not (parts or flat):
        return []
    if network is None:
        raise ValueError("the parameters to exempt from weight decay are found in the network")
    return [
        parameter
        for name, parameter in network.named_parameters()
        if any(part in name for part in parts) or (flat and len(parameter.shape) == 1)
    ]


def _decay(settings: dict):
    """The regularizer, or AdamW's decoupled `weight_decay`, or None."""
    if settings["name"] == "AdamW":
        return float(settings["weight_decay"])
    decay = settings.get("weight_decay")
    regularizer = settings.get("regularizer")
    if regularizer:
        kinds = {"L1": paddle.regularizer.L1Decay, "L2": paddle.regularizer.L2Decay}
        return kinds[regularizer["name"]](float(regularizer["coeff"]))
    return float(decay) if decay else None


def _sgd(schedule: LRScheduler, settings: dict, common: dict):
    return paddle.optimizer.SGD(schedule, **common)


def _momentum(schedule: LRScheduler, settings: dict, common: dict):
    nesterov = settings.get("use_nesterov", False)
    return paddle.optimizer.Momentum(
        schedule, settings["momentum"], use_nesterov=nesterov, **common
    )


def _adam(schedule: LRScheduler, settings: dict, common: dict):
    kind = {"Adam": paddle.optimizer.Adam, "AdamW": paddle.optimizer.AdamW}[settings["name"]]
    moments = {key: settings[key] for key in ("beta1", "beta2", "epsilon")}
    return kind(schedule, **moments, **common)


def _rmsprop(schedule: LRScheduler, settings: dict, common: dict):
    moments = {key: settings[key] for key in ("rho", "epsilon", "momentum")}
    return paddle.optimizer.RMSProp(schedule, **moments, **common)


_BUILDERS = {
    "SGD": _sgd,
    "Momentum": _momentum,
    "Adam": _adam,
    "AdamW": _adam,
    "RMSProp": _rmsprop,
}


def _accumulating(inner: paddle.optimizer.Optimizer, config: dict):
    """`inner`, or one that steps on the mean gradient of each `Global.update_freq` batches."""
    frequency = config["Global"]["update_freq"]
    if frequency == 1:
        return inner
    return paddle.incubate.optimizer.GradientMergeOptimizer(inner, k_steps=frequency, avg=True)


def mixed_precision(inner: paddle.optimizer.Optimizer, config: dict):
    """`inner` in the config's AMP, on GPUs: O1 is float16 where Paddle's lists say it is safe."""
    amp = config["AMP"]
    if config["Global"]["update_freq"] > 1:
        raise InputError("AMP.use_amp: not together with Global.update_freq; set one of them off")
    return paddle.static.amp.decorate(
        inner,
        level=amp["level"],
        init_loss_scaling=float(amp["scale_loss"]),
        use_dynamic_loss_scaling=amp["use_dynamic_loss_scaling"],
    )


def check(config: dict) -> None:
    """Raise InputError where the `Optimizer` section lacks what training needs."""
    settings = config["Optimizer"]
    lr = settings["lr"]
    if lr["name"] == "Piecewise" and "learning_rate" not in lr:
        values, epochs = lr.get("values", []), lr.get("decay_epochs", [])
        if len(values) != len(epochs) + 1:
            raise InputError(
                "Optimizer.lr: Piecewise needs learning_rate, or decay_epochs and one more values; "
                f"got {len(epochs)} and {len(values)}"
            )
    elif "learning_rate" not in lr:
        raise InputError("Optimizer.lr.learning_rate is missing; training needs it")
    if settings["name"] == "AdamW" and settings.get("regularizer"):
        raise InputError("Optimizer.regularizer: AdamW takes a number, weight_decay, instead")
