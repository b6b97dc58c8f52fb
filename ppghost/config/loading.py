"""PaddleClas YAML configurations: load, inherit, override, validate, fill in defaults.

Files of PaddleClas 1.x are read in the 2.x form (`paddleclas1`). A configuration is a nested dict.
`load` returns it whole and checked, so that the rest of the code reads plain keys.
Two things are ours: `_base_` (a file, or a list of files, relative to this one, that it inherits
from), and the keys of `Global` that `schema` marks so.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ppghost.config import paddleclas1
from ppghost.config.schema import SCHEMA
from ppghost.config.validation import check, nearest, notice, parse_number
from ppghost.errors import InputError

__all__ = ["dump", "load", "nearest", "parse_number", "read_yaml"]


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
        _override(config, override)
    if paddleclas1.is_old(config, str(path)):
        config = paddleclas1.translate(config, str(path))
        config["Global"]["tuned_batch_size"] = tuned
    for override in new:
        _override(config, override)
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


def read_yaml(path: Path) -> dict:
    """The file's own keys, as they stand. Raises InputError: unreadable, or not a YAML section."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot read the configuration: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8") from None
    try:
        own = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise InputError(f"{path}{line}: not valid YAML: {problem}") from None
    if not isinstance(own, dict):
        raise InputError(f"{path}: holds no keys; expected sections such as Global and Arch")
    return own


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


def _override(config: dict, override: str) -> None:
    """Apply one "Key.sub.index=VALUE" in place."""
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise InputError(f"-o {override}: expected Key.sub=VALUE")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"-o {override}: the value is not valid YAML; quote it") from None
    *parents, last = path.split(".")
    node: Any = config
    for depth, part in enumerate(parents):
        if isinstance(node, dict) and node.get(part) is None:
            node[part] = {}
        node = node[_position(node, part, override, parents[:depth])]
    node[_position(node, last, override, parents)] = value


def _position(node: Any, part: str, override: str, parents: list[str]) -> str | int:
    """`part` as a key of the dict or an index of the list `node`."""
    where = ".".join(parents) or "the top level"
    if isinstance(node, dict):
        return part
    if isinstance(node, list):
        if part.isdecimal() and int(part) < len(node):
            return int(part)
        raise InputError(f"-o {override}: {where} is a list of {len(node)}, no index {part}")
    raise InputError(f"-o {override}: {where} is a value ({node!r}), not a section")
