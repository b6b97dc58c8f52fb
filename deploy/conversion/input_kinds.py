"""Which inputs a model is checked with: three that any model has, and a picture where it takes one.

A picture of colour blocks, through the model's own normalisation, has what noise lacks: areas of
one value, at which activations reach the range of real images.
"""

import math
from collections.abc import Sequence
from typing import Any

from ppghost.deploy.nb.reference import InputKind
from ppghost.errors import ConversionError
from ppghost.formats.exported import CONFIG_FILE, ExportedModel
from ppghost.formats.program_desc import InputSpec
from ppghost.utils.text import parse_number

SEED = 0
#: what NormalizeImage, PaddleClas's and PaddleDetection's, takes where inference.yml does not say
_SCALE, _MEAN, _STD = 1 / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def input_kinds(model: ExportedModel, inputs: Sequence[InputSpec]) -> list[InputKind]:
    """The kinds of input to check a model with; noise is the first.

    Raises:
        ConversionError: its inference.yml normalises in a way that cannot be read.
    """
    kinds: list[InputKind] = [
        {"kind": kind, "seed": SEED} for kind in ("noise", "large noise", "spikes")
    ]
    normalisation = _normalisation(model)
    images = [spec for spec in inputs if len(spec["shape"]) == 4]
    if normalisation is not None and len(images) == 1:
        low, high = _range(model, normalisation)
        if images[0]["shape"][1] == len(low):
            kinds.append({"kind": "picture", "seed": SEED, "low": low, "high": high})
    return kinds


def _normalisation(model: ExportedModel) -> Any:
    """The parameters of the NormalizeImage of inference.yml; None if there is none."""
    preprocess = model.description.get("PreProcess")
    ops = preprocess.get("transform_ops") if isinstance(preprocess, dict) else None
    for op in ops if isinstance(ops, list) else []:
        if isinstance(op, dict) and "NormalizeImage" in op:
            return op["NormalizeImage"] or {}
    return None


def _range(model: ExportedModel, settings: Any) -> tuple[list[float], list[float]]:
    """What black and white pixels become, per channel."""
    try:
        scale, means, stds = _parameters(settings)
        pairs = list(zip(means, stds, strict=True))
        low, high = ([(white * scale - mean) / std for mean, std in pairs] for white in (0, 255))
    except (ValueError, TypeError, ZeroDivisionError, AttributeError) as error:
        raise ConversionError(
            "{config_file}: NormalizeImage cannot be read ({settings!r:.200}); it wants a "
            "scale, and a mean and a std for each channel",
            config_file=CONFIG_FILE,
            settings=settings,
        ) from error
    if not all(map(math.isfinite, (*low, *high))):
        raise ConversionError(
            "{config_file}: NormalizeImage makes NaN or infinity of images", config_file=CONFIG_FILE
        )
    return low, high


def _parameters(settings: Any) -> tuple[float, list[float], list[float]]:
    """Scale, means and stds; of PaddleDetection's too, which has switches for them."""
    scale = parse_number(settings.get("scale") or _SCALE)
    if settings.get("is_scale") is False:
        scale = 1.0
    means = [parse_number(value) for value in settings.get("mean") or _MEAN]
    stds = [parse_number(value) for value in settings.get("std") or _STD]
    if settings.get("norm_type") == "none":
        means, stds = [0.0] * len(means), [1.0] * len(stds)
    return scale, means, stds
