"""PaddleClas YAML configurations: load, inherit, override, validate, fill in defaults.

Files of PaddleClas 1.x (`paddleclas1`) and of PaddleDetection's RetinaNet (`paddledetection`) are
read in the 2.x form. A configuration is a nested dict.
`load_config` returns it whole and checked, so that the rest of the code reads plain keys.
Two things are ours: `_base_` (a file, or a list of files, relative to this one, that it inherits
from), and the keys of `Global` that `schema` marks so.
"""

import copy
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ppghost.config import paddleclas1, paddledetection, paddledetection_files
from ppghost.config.schema import SCHEMA
from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.validation import check, notice, notices_once
from ppghost.utils.yaml_files import apply_override, read_yaml


def load_config(source: str | Path | Mapping[str, Any], overrides: Iterable[str] = ()) -> dict:
    """A configuration, overridden, validated, defaults filled in.

    Args:
        source: a YAML file, or what one would hold. `_base_` is relative to the file, of a dict to
            the working directory.
        overrides: "Key.sub[.index]=VALUE", VALUE in YAML; applied in order. Of a file of PaddleClas
            1.x or PaddleDetection those that name a key of theirs come before its translation, all
            others after.

    Raises:
        InputError: unreadable file, unknown key, wrong type, wrong value; names file and key.
    """
    with notices_once():
        return _load(source, overrides)


def _load(source: str | Path | Mapping[str, Any], overrides: Iterable[str]) -> dict:
    if isinstance(source, Mapping):
        path, own = Path("config"), copy.deepcopy(dict(source))
    else:
        path = Path(source)
        own = _read(path)
    config = _with_bases(path, own, seen=())
    tuned = paddleclas1.total_batch(config)
    detection = paddledetection.is_paddledetection(config, str(path))
    old: list[str] = []
    new: list[str] = []
    for override in overrides:
        first = re.split("[.=]", override, maxsplit=1)[0]
        of_file = first not in SCHEMA if detection else first in paddleclas1.V1_SCHEMA
        (old if of_file else new).append(override)
    for override in old:
        apply_override(config, override)
    if detection:
        config = paddledetection.translate(config, str(path))
    elif paddleclas1.is_v1(config, str(path)):
        config = paddleclas1.translate(config, str(path))
        config["Global"]["tuned_batch_size"] = tuned
    for override in new:
        apply_override(config, override)
    checked = check(config, SCHEMA, "", str(path))
    shape = checked["Global"]["image_shape"]
    if len(shape) != 3 or shape[0] < 1 or not all(size == -1 or size > 0 for size in shape):
        raise InputError(
            "{path}: Global.image_shape: expected [C, H, W] (an H or W of -1 is free in "
            "exports), got {shape!r}",
            path=path,
            shape=shape,
        )
    _resolve_sections(checked)
    return checked


def _resolve_sections(config: dict) -> None:
    """What one section means for another, as PaddleClas settles it; in place."""
    config["Arch"].setdefault("class_num", config["Global"].get("class_num", 1000))
    if has_soft_labels(config) and config["Metric"]["Train"]:
        notice(
            tr("Metric.Train: no accuracy in training, whose images have shares of several classes")
        )
        config["Metric"]["Train"] = []
    if config["Optimizer"].get("regularizer") and config["Optimizer"].get("weight_decay"):
        notice(tr("Optimizer.weight_decay has no effect beside Optimizer.regularizer"))
    if config.get("AMP", {}).get("use_amp") and config["Global"]["device"] == "cpu":
        notice(tr("AMP.use_amp has no effect on Global.device cpu: float32 throughout"))


def has_soft_labels(config: dict) -> bool:
    """Whether training labels are shares of the classes: of mixed images, or a teacher's."""
    dataset = config["DataLoader"]["Train"]["dataset"]
    return bool(dataset.get("batch_transform_ops") or dataset.get("soft_labels"))


def dump(config: dict) -> str:
    """The configuration as YAML that PaddleClas reads as well."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def _read(path: Path) -> dict:
    return read_yaml(path, paddledetection_files.Loader)


def _with_bases(path: Path, own: dict, seen: tuple[Path, ...]) -> dict:
    """`own`, with its `_base_` files merged in, later ones winning, `own` last.

    PaddleDetection writes `_BASE_`, and merges by another rule.
    """
    key, merge = "_base_", _merge
    if "_BASE_" in own:
        key, merge = "_BASE_", paddledetection_files.merge
    if path.resolve() in seen:
        raise InputError("{path}: {key} leads back to this file", path=path, key=key)
    bases = own.pop(key, [])
    if not isinstance(bases, str | list):
        raise InputError(
            "{path}: {key}: expected a file or a list of files, got {bases!r}",
            path=path,
            key=key,
            bases=bases,
        )
    merged: dict = {}
    for base in [bases] if isinstance(bases, str) else bases:
        file = path.parent / Path(str(base)).expanduser()
        inherited = _with_bases(file, _read(file), (*seen, path.resolve()))
        merged = merge(merged, inherited)
    return merge(merged, own)


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
