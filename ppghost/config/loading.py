"""PaddleClas YAML configurations: load, inherit, override, validate, fill in defaults.

Files of PaddleClas 1.x are read in the 2.x form (`paddleclas1`). A configuration is a nested dict.
`load` returns it whole and checked, so that the rest of the code reads plain keys.
Two things are ours: `_base_` (a file, or a list of files, relative to this one, that it inherits
from), and the keys of `Global` that `schema` marks so.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from ppghost.config import paddleclas1
from ppghost.config.schema import SCHEMA
from ppghost.errors import InputError
from ppghost.utils.validation import check, notice
from ppghost.utils.yaml_files import apply_override, read_yaml


def load(path: str | Path, overrides: Iterable[str] = ()) -> dict:
    """The configuration in `path`, overridden, validated, defaults filled in.

    Args:
        overrides: "Key.sub[.index]=VALUE", VALUE in YAML; applied in order. Of a PaddleClas 1.x
            file those that name a key of 1.x come before its translation, all others after.

    Raises:
        InputError: unreadable file, unknown key, wrong type, wrong value; names file and key.
    """
    path = Path(path)
    config = _read(path, seen=())
    tuned = paddleclas1.total_batch(config)
    old, new = [], []
    for override in overrides:
        first = re.split("[.=]", override, maxsplit=1)[0]
        (old if first in paddleclas1.OLD_SCHEMA else new).append(override)
    for override in old:
        apply_override(config, override)
    if paddleclas1.is_old(config, str(path)):
        config = paddleclas1.translate(config, str(path))
        config["Global"]["tuned_batch_size"] = tuned
    for override in new:
        apply_override(config, override)
    checked = check(config, SCHEMA, "", str(path))
    shape = checked["Global"]["image_shape"]
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(f"{path}: Global.image_shape: expected [C, H, W], got {shape!r}")
    _settle(checked)
    return checked


def _settle(config: dict) -> None:
    """What one section means for another, as PaddleClas settles it; in place."""
    config["Arch"].setdefault("class_num", config["Global"].get("class_num", 1000))
    mixed = config["DataLoader"]["Train"]["dataset"].get("batch_transform_ops")
    if mixed and config["Metric"]["Train"]:
        notice("Metric.Train: no accuracy in training, batch_transform_ops mix the labels")
        config["Metric"]["Train"] = []
    if config["Optimizer"].get("regularizer") and config["Optimizer"].get("weight_decay"):
        notice("Optimizer.weight_decay has no effect beside Optimizer.regularizer")
    if config.get("AMP", {}).get("use_amp") and config["Global"]["device"] == "cpu":
        notice("AMP.use_amp has no effect on Global.device cpu: float32 throughout")


def dump(config: dict) -> str:
    """The configuration as YAML that PaddleClas reads as well."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def _read(path: Path, seen: tuple[Path, ...]) -> dict:
    """The file with its `_base_` files merged in, later ones winning, the file itself last."""
    if path.resolve() in seen:
        raise InputError(f"{path}: _base_ leads back to this file")
    own = read_yaml(path)
    bases = own.pop("_base_", [])
    if not isinstance(bases, str | list):
        raise InputError(f"{path}: _base_: expected a file or a list of files, got {bases!r}")
    merged: dict = {}
    for base in [bases] if isinstance(bases, str) else bases:
        merged = _merge(merged, _read(path.parent / str(base), (*seen, path.resolve())))
    return _merge(merged, own)


def _merge(base: dict, own: dict) -> dict:
    """`own` over `base`: sections merge key by key, anything else (lists too) is replaced.

    So is a section that gets another `name`: the keys of a Cosine are not those of a Step.
    """
    if "name" in base and own.get("name", base["name"]) != base["name"]:
        return own
    merged = dict(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
