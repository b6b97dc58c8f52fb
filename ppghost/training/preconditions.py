"""What must hold before a run, which would end in its first epoch or learn nothing otherwise."""

import logging

from ppghost.data.loader import Dataset
from ppghost.errors import InputError
from ppghost.static.program import Graph
from ppghost.weights import tensor_specs

logger = logging.getLogger(__name__)


def with_possible_update_freq(config: dict, steps: int) -> dict:
    """As PaddleClas: `Global.update_freq` becomes 1 where an epoch has not even one update."""
    frequency = config["Global"]["update_freq"]
    if frequency <= steps:
        return config
    logger.warning(
        "Global.update_freq %d is above the %d steps of an epoch; it is 1 in this run",
        frequency,
        steps,
    )
    return config | {"Global": config["Global"] | {"update_freq": 1}}


def check_metric(config: dict) -> None:
    """Raise InputError where nothing says which of the evaluated models is the best."""
    if not config["Metric"]["Eval"]:
        raise InputError(
            "Metric.Eval names nothing by which a model is the best: give TopkAcc (of a detector "
            "COCOMetric), or set Global.eval_during_train: False"
        )


def check_classes(trained: Dataset, evaluated: Dataset) -> None:
    """Training and evaluation mean the same by a class id, where both sets name their classes.

    Raises:
        InputError: they do not.
    """
    own = getattr(trained, "class_names", None)
    other = getattr(evaluated, "class_names", None)
    if own and other and own != other:
        raise InputError(
            "DataLoader.Train.dataset has the classes {own}, DataLoader.Eval.dataset "
            "{other}: give both the same, in one order",
            own=", ".join(own),
            other=", ".join(other),
        )


def check_sizes(name: str, trained: Graph, evaluated: Graph) -> None:
    """Training and evaluation may have two image sizes where the weights are the same.

    Raises:
        InputError: those of the architecture `name` have another shape for each.
    """
    specs = zip(tensor_specs(trained.network), tensor_specs(evaluated.network), strict=True)
    for own, other in specs:
        if own.shape != other.shape:
            sizes = [list(graph.inputs[0].shape[1:]) for graph in (trained, evaluated)]
            raise InputError(
                "DataLoader: training on images of {first}, evaluation on {sizes}; {name} "
                "has weights of another shape for each ({structured} {shape}, "
                "{other_shape}); make them one size",
                first=sizes[0],
                sizes=sizes[1],
                name=name,
                structured=own.structured,
                shape=list(own.shape),
                other_shape=list(other.shape),
            )
