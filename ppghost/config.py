"""PaddleClas 2.x YAML configurations: load, inherit, override, validate, fill in defaults.

A configuration is a nested dict. `load` returns it whole and checked, so that the rest of the
code reads plain keys. Two things are ours: `_base_` (a file, or a list of files, relative to
this one, that it inherits from), and the keys of `Global` that SCHEMA marks so.
"""

import copy
import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ppghost.errors import InputError

#: no default: the key is absent unless the file gives it
ABSENT = object()
#: no default: the file must give it
REQUIRED = object()
#: a number as PaddleClas's files write it
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Key(NamedTuple):
    """One leaf of the schema: what its value may be, what it is if not given."""

    types: tuple[type, ...]
    default: Any = ABSENT


class Entries(NamedTuple):
    """A list of one-key entries, as PaddleClas writes losses and metrics."""

    entry: dict
    default: list


def _key(*types: type, default: Any = ABSENT) -> Key:
    return Key(types, default)


_CELOSS = {
    "weight": _key(float, default=1.0),
    "epsilon": _key(float, type(None), default=None),
    "reduction": _key(str),
}
_LOSS = Entries({"CELoss": _CELOSS}, default=[{"CELoss": {}}])
_METRIC = Entries({"TopkAcc": {"topk": _key(list, int, default=[1, 5])}}, [{"TopkAcc": {}}])
_FREE = _key(dict, type(None))  # checked by the class that takes it as its parameters


def _loader(shuffle: bool) -> dict:
    return {
        "dataset": {
            "name": _key(str, default="ImageNetDataset"),
            "image_root": _key(str),
            "cls_label_path": _key(str),
            "delimiter": _key(str),
            "relabel": _key(bool),
            "transform_ops": _key(list, default=[]),
        },
        "sampler": {
            "name": _key(str, default="DistributedBatchSampler"),
            "batch_size": _key(int, default=64),
            "drop_last": _key(bool, default=False),
            "shuffle": _key(bool, default=shuffle),
        },
        "loader": {
            "num_workers": _key(int, default=0),
            "use_shared_memory": _key(bool, default=True),
        },
    }


#: every key that is read, and those of PaddleClas's that are accepted and not needed
SCHEMA = {
    "Global": {
        "checkpoints": _key(str, type(None), default=None),
        "pretrained_model": _key(str, type(None), default=None),
        "output_dir": _key(str, default="./output/"),
        "device": _key(str, default="cpu"),
        "save_interval": _key(int, default=1),
        "eval_during_train": _key(bool, default=True),
        "eval_interval": _key(int, default=1),
        "epochs": _key(int, default=1),
        "print_batch_step": _key(int, default=10),
        "use_visualdl": _key(bool, default=False),
        "image_shape": _key(list, default=[3, 224, 224]),
        "save_inference_dir": _key(str, default="./inference"),
        "seed": _key(int, type(None), default=None),
        "to_static": _key(bool),
        "class_num": _key(int),
        # ours; PaddleClas passes over keys of Global that it does not know
        "bad_images": _key(str, default="stop"),
        "depthwise_onednn": _key(bool, default=False),
    },
    "AMP": _FREE,
    "Arch": {
        "name": _key(str, default=REQUIRED),
        "class_num": _key(int, default=1000),
        "pretrained": _key(bool, str),
        "use_ssld": _key(bool),
        "*": _FREE,  # the rest are arguments of the network, checked when it is built
    },
    "Loss": {"Train": _LOSS, "Eval": _LOSS},
    "Optimizer": {
        "name": _key(str, default="Momentum"),
        "momentum": _key(float, default=0.9),
        "use_nesterov": _key(bool, default=False),
        "multi_precision": _key(bool),
        "lr": {
            "name": _key(str, default="Cosine"),
            "learning_rate": _key(float),
            "eta_min": _key(float, default=0.0),
            "warmup_epoch": _key(float, default=0),
            "warmup_start_lr": _key(float, default=0.0),
            "by_epoch": _key(bool, default=False),
        },
        "regularizer": {"name": _key(str), "coeff": _key(float, default=0.0)},
    },
    "DataLoader": {"Train": _loader(shuffle=True), "Eval": _loader(shuffle=False)},
    "Infer": {
        "infer_imgs": _key(str),
        "batch_size": _key(int),
        "transforms": _key(list),
        "PostProcess": {
            "name": _key(str, default="Topk"),
            "topk": _key(int, default=5),
            "class_id_map_file": _key(str, type(None)),
        },
    },
    "Metric": {"Train": _METRIC, "Eval": _METRIC},
}
_CHOICES = {
    "Global.bad_images": ("stop", "skip"),
    "Global.device": ("cpu", "gpu"),
    "Optimizer.name": ("Momentum", "SGD"),
    "Optimizer.regularizer.name": ("L1", "L2"),
    "Optimizer.lr.name": ("Cosine", "Constant"),
}
_MINIMUM = {
    "Global.epochs": 1,
    "Global.save_interval": 1,
    "Global.eval_interval": 1,
    "Global.print_batch_step": 1,
    "Arch.class_num": 1,
    "DataLoader.Train.sampler.batch_size": 1,
    "DataLoader.Eval.sampler.batch_size": 1,
    "DataLoader.Train.loader.num_workers": 0,
    "DataLoader.Eval.loader.num_workers": 0,
    "Optimizer.lr.learning_rate": 0,
    "Optimizer.lr.warmup_epoch": 0,
}


def load(path: str | Path, overrides: Iterable[str] = ()) -> dict:
    """The configuration in `path`, overridden, validated, defaults filled in.

    Args:
        overrides: "Key.sub[.index]=VALUE", VALUE in YAML; applied in order.

    Raises:
        InputError: unreadable file, unknown key, wrong type, wrong value; names file and key.
    """
    path = Path(path)
    config = _read(path, seen=())
    for override in overrides:
        _override(config, override)
    checked = _check(config, SCHEMA, "", str(path))
    shape = checked["Global"]["image_shape"]
    if len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in shape):
        raise InputError(f"{path}: Global.image_shape: expected [C, H, W], got {shape!r}")
    return checked


def dump(config: dict) -> str:
    """The configuration as YAML that PaddleClas reads as well."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def parse_number(value: int | float | str) -> float:
    """A number, or a string that holds one or a quotient of two: "1.0/255.0", "1e-3".

    Raises:
        ValueError: anything else; nothing is ever evaluated.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    parts = [part.strip() for part in value.split("/")] if isinstance(value, str) else []
    if not 1 <= len(parts) <= 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise ValueError(f"{value!r} is not a number")
    numbers = [float(part) for part in parts]
    if len(numbers) == 2 and numbers[1] == 0:
        raise ValueError(f"{value!r} divides by zero")
    return numbers[0] / numbers[1] if len(numbers) == 2 else numbers[0]


def nearest(word: str, candidates: Iterable[str]) -> str:
    """', did you mean X?' for the candidate most like `word`, '' if none is near."""
    folded = {str(c).lower(): str(c) for c in candidates}
    match = difflib.get_close_matches(str(word).lower(), folded, n=1, cutoff=0.5)
    return f", did you mean {folded[match[0]]}?" if match else ""


def _read(path: Path, seen: tuple[Path, ...]) -> dict:
    """The file with its `_base_` files merged in, later ones winning, the file itself last."""
    if path.resolve() in seen:
        raise InputError(f"{path}: _base_ leads back to this file")
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
    bases = own.pop("_base_", [])
    if not isinstance(bases, str | list):
        raise InputError(f"{path}: _base_: expected a file or a list of files, got {bases!r}")
    merged: dict = {}
    for base in [bases] if isinstance(bases, str) else bases:
        merged = _merge(merged, _read(path.parent / str(base), (*seen, path.resolve())))
    return _merge(merged, own)


def _merge(base: dict, own: dict) -> dict:
    """`own` over `base`: sections merge key by key, anything else (lists too) is replaced."""
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


def _check(value: Any, schema: Any, where: str, file: str) -> Any:
    """`value` in the form the schema asks for, with defaults; InputError if it cannot be."""
    if isinstance(schema, Key):
        return _check_leaf(value, schema, where, file)
    if isinstance(schema, Entries):
        return _check_entries(value, schema.entry, where, file)
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise InputError(f"{file}: {where}: expected a section, got {value!r}")
    checked = {}
    for key, item in value.items():
        name = f"{where}.{key}" if where else str(key)
        known = schema.get(key, schema.get("*"))
        if known is None:
            raise InputError(f"{file}: {name}: unknown key{nearest(key, schema)}")
        checked[key] = item if key not in schema else _check(item, known, name, file)
    for key, known in schema.items():
        if key not in checked and key != "*":
            name = f"{where}.{key}" if where else key
            default = {} if isinstance(known, dict) else known.default
            if default is REQUIRED:
                raise InputError(f"{file}: {name} is missing")
            if default is not ABSENT:
                checked[key] = _check(copy.deepcopy(default), known, name, file)
    return checked


def _check_entries(value: Any, entry: dict, where: str, file: str) -> list:
    """Each entry of the list as the schema asks for."""
    if not isinstance(value, list):
        raise InputError(f"{file}: {where}: expected a list, got {value!r}")
    for i, item in enumerate(value):
        if not isinstance(item, dict) or len(item) != 1:
            raise InputError(f"{file}: {where}.{i}: expected one 'Name: parameters', got {item!r}")
    return [_check(item, entry, f"{where}.{i}", file) for i, item in enumerate(value)]


def _check_leaf(value: Any, key: Key, where: str, file: str) -> Any:
    if float in key.types and not isinstance(value, key.types):
        try:
            value = parse_number(value)
        except ValueError:
            raise InputError(f"{file}: {where}: expected a number, got {value!r}") from None
    # bool is an int to Python, never to a user
    if not isinstance(value, key.types) or (isinstance(value, bool) and bool not in key.types):
        names = " or ".join("null" if t is type(None) else t.__name__ for t in key.types)
        raise InputError(f"{file}: {where}: expected {names}, got {value!r}")
    choices = _CHOICES.get(where)
    if choices and value not in choices:
        hint = nearest(value, choices)
        raise InputError(f"{file}: {where}: {value!r} is none of {', '.join(choices)}{hint}")
    minimum = _MINIMUM.get(where)
    if minimum is not None and value < minimum:
        raise InputError(f"{file}: {where}: {value} is below {minimum}")
    return value
