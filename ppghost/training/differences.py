"""Where this trainer does something else than PaddleClas on purpose.

A run whose config meets one of them says so, once; docs/paddleclas.md has them all, with the why.
"""

from collections.abc import Callable
from typing import NamedTuple

from ppghost.i18n import tr
from ppghost.tasks.factory import task_of


class Difference(NamedTuple):
    """One of them.

    Attributes:
        name: what docs/paddleclas.md calls it.
        applies: whether a checked config meets it.
        message: what is otherwise.
    """

    name: str
    applies: Callable[[dict], bool]
    message: str


def met_by(config: dict) -> list[str]:
    """A line for each difference that a checked config meets; PaddleClas has no detectors."""
    if task_of(config) != "classification":
        return []
    return [f"{d.name}: {d.message}" for d in DIFFERENCES if d.applies(config)]


def _train(config: dict) -> dict:
    return config["DataLoader"]["Train"]


def _soft_labels(config: dict) -> bool:
    losses = [entry["CELoss"] for entry in config["Loss"]["Train"] if "CELoss" in entry]
    mixed = _train(config)["dataset"].get("batch_transform_ops")
    return bool(mixed) and any(loss["epsilon"] is None for loss in losses)


def _linear_warm_up(config: dict) -> bool:
    lr = config["Optimizer"]["lr"]
    return lr["name"] == "Linear" and bool(lr["by_epoch"] and lr.get("warmup_epoch"))


def _weight_of_one(config: dict) -> bool:
    losses = config["Loss"]["Train"]
    return len(losses) == 1 and next(iter(losses[0].values()))["weight"] != 1


def _decay_of_flat(config: dict) -> bool:
    settings = config["Optimizer"]
    flat = bool(settings.get("one_dim_param_no_weight_decay"))
    return settings["name"] == "Momentum" and flat and not settings.get("no_weight_decay_name")


def _names(*wanted: str) -> Callable[[dict], bool]:
    def applies(config: dict) -> bool:
        ops = _train(config)["dataset"]["transform_ops"]
        return any(name in wanted for op in ops if isinstance(op, dict) for name in op)

    return applies


DIFFERENCES = (
    Difference(
        tr("CELoss of mixed labels without epsilon"),
        _soft_labels,
        tr(
            "the labels of batch_transform_ops are used as they are; PaddleClas first "
            "takes a softmax of them"
        ),
    ),
    Difference(
        tr("Linear with warm-up by epoch"),
        _linear_warm_up,
        tr(
            "the warm-up takes warmup_epoch epochs; PaddleClas's counts them in "
            "iterations, and ends as many times later"
        ),
    ),
    Difference(
        tr("weight of a single loss"),
        _weight_of_one,
        tr("it counts; PaddleClas leaves it out"),
    ),
    Difference(
        tr("one_dim_param_no_weight_decay in Momentum"),
        _decay_of_flat,
        tr("it counts by itself; PaddleClas heeds it only beside no_weight_decay_name"),
    ),
    Difference(
        tr("GridMask and HideAndSeek"),
        _names("GridMask", "HideAndSeek"),
        tr(
            "they do what their papers say; PaddleClas's GridMask never shows, its "
            "HideAndSeek blanks three columns at most"
        ),
    ),
    Difference(
        "MultiScaleDataset",
        lambda config: _train(config)["dataset"]["name"] == "MultiScaleDataset",
        tr("the operations that make a size keep their other parameters; PaddleClas drops them"),
    ),
    Difference(
        "relabel",
        lambda config: bool(_train(config)["dataset"].get("relabel")),
        tr(
            "labels are numbered in ascending order; PaddleClas numbers them as a Python "
            "set has them"
        ),
    ),
    Difference(
        tr("broken images"),
        lambda config: config["Global"]["bad_images"] == "skip",
        tr("the next good image takes the place of a broken one; PaddleClas takes a random one"),
    ),
)
