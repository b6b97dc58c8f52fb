"""Accuracy that was measured here, from the results of `ppghost eval` and `ppghost quantize`."""

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ppghost.errors import InputError
from ppghost.utils.files import read_json

#: what a result calls a metric, and what it is; the first that all models have is drawn
METRICS = {
    "AP": "COCO AP",
    "AP50": "COCO AP50",
    "AP75": "COCO AP75",
    "class_agnostic_AP50": "class-agnostic AP50",
    "class_agnostic_AP": "class-agnostic AP",
    "VOC_AP_11point": "VOC AP, 11 points",
    "VOC_AP_area": "VOC AP, area",
    "VOC_AP_integral": "VOC AP, integral",
    "top1": "top-1",
    "top5": "top-5",
}


def read_accuracies(
    files: Mapping[str, str | Path], models: Collection[str]
) -> dict[str, dict[str, float]]:
    """The metrics of models, shares, by their keys in METRICS.

    Args:
        files: by model, what `ppghost eval --json` wrote of its weights, or, of an int8 model,
            `ppghost quantize --json`.
        models: those that were timed.

    Raises:
        InputError: a model that was not timed, or a file without such a metric.
    """
    accuracies = {}
    for model, file in files.items():
        if model not in models:
            raise InputError(
                "--accuracy {model}={file}: no result of a model {model!r}; there is: {models}",
                model=model,
                file=file,
                models=", ".join(sorted(models)),
            )
        accuracies[model] = _read(Path(file))
    return accuracies


def common_metric(accuracies: Mapping[str, Mapping[str, float]]) -> str | None:
    """The first metric of METRICS that every model has; None if there is none."""
    every = list(accuracies.values())
    return next((key for key in METRICS if every and all(key in found for found in every)), None)


def _read(path: Path) -> dict[str, float]:
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get("int8"), dict):
        content = content["int8"]
    found = {key: content[key] for key in METRICS if _is_share(content, key)}
    if not found:
        raise InputError(
            "{path}: holds none of {metrics}; give what `ppghost eval --json` wrote",
            path=path,
            metrics=", ".join(METRICS),
        )
    return found


def _is_share(content: Any, key: str) -> bool:
    value = content.get(key) if isinstance(content, dict) else None
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1
