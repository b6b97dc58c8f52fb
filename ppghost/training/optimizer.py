"""The optimizer, from the config's `Optimizer` section."""

import paddle
from paddle.optimizer.lr import LRScheduler

from ppghost.errors import InputError
from ppghost.i18n import tr


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
        raise ValueError(tr("the parameters to exempt from weight decay are found in the network"))
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
                "Optimizer.lr: Piecewise needs learning_rate, or decay_epochs and one more "
                "values; got {count} and {values_count}",
                count=len(epochs),
                values_count=len(values),
            )
    elif "learning_rate" not in lr:
        raise InputError("Optimizer.lr.learning_rate is missing; training needs it")
    if settings["name"] == "AdamW" and settings.get("regularizer"):
        raise InputError("Optimizer.regularizer: AdamW takes a number, weight_decay, instead")
