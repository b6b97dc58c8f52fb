"""PyTorch's names and layouts -> a network's here.

Layers are compared, not tensors: the tensors that share a module's path. Where the paths do not
agree, layers are taken in the order of the file, which for `state_dict()` is that of registration.
That is only believed where kinds agree all along and nothing in the names speaks against it.
"""

import math
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import numpy as np

from ppghost.i18n import TranslatableError, tr
from ppghost.weights.files import TensorSpec

#: what is no weight: BN's counters, what thop leaves in each module, and torch's averaging
_COUNTERS = ("num_batches_tracked", "total_ops", "total_params", "n_averaged")
_KINDS = {"running_mean": "_mean", "running_var": "_variance"}


class _Layer(NamedTuple):
    path: str
    tensors: dict[str, str]  # kind -> name in the file or structured name

    def role(self) -> str:
        """The last two parts of the path that are not numbers: what the layer is in its block."""
        return ".".join([part for part in self.path.split(".") if not part.isdecimal()][-2:])


#: what the authors' files call parts of their networks otherwise than timm's, whose names ours are
_AUTHORS = {"GhostNetV3": (".bn.", ".bn1.")}


class Unclear(TranslatableError, ValueError):
    """The tensors cannot be told apart, or are of another network; says why."""


#: a convolution and a batch norm that PaddleClas has and others do without, by the start of its
#: network's name: between two ReLU6, or on a shortcut, they change nothing when they are neutral
_NEUTRAL = {
    "MobileNetV2": "conv2._first_block._expand_conv",
    "ResNet18": "blocks.0.short",
    "ResNet34": "blocks.0.short",
}
_EPSILON = 1e-5  # of Paddle's batch norm


def translate(
    arrays: dict[str, np.ndarray], specs: list[TensorSpec], linear: set[str], name: str
) -> dict[str, np.ndarray]:
    """The arrays under structured names, fully connected weights transposed.

    Shapes are left for `match` to compare.

    Args:
        linear: parameter names of the weights of fully connected layers, [out, in] in PyTorch.
        name: of the architecture.

    Raises:
        Unclear: there is no one way to pair the tensors.
    """
    arrays, by_name = _cleaned(arrays)
    old, new = _AUTHORS.get(name.partition("_")[0], ("", ""))
    arrays = {key.replace(old, new) if old else key: array for key, array in arrays.items()}
    neutral = _neutral(arrays, specs, name)
    wanted = {spec.structured: spec for spec in specs if spec.structured not in neutral}
    pairs = {key: key for key in arrays if key in wanted}
    if len(pairs) < len(wanted):
        if by_name:  # as safetensors keeps them
            raise Unclear("its tensors are sorted by name, in another order than the layers'")
        by_order = _by_order(arrays, list(wanted))
        if any(by_order[key] != spec for key, spec in pairs.items()):
            raise Unclear("their names and their order contradict each other")
        pairs = by_order
    result = {key: array for key, array in arrays.items() if key not in pairs}
    for key, spec in pairs.items():
        transposed = wanted[spec].parameter in linear and arrays[key].ndim == 2
        result[spec] = arrays[key].T if transposed else arrays[key]
    _check_crossing(result, {spec: key for key, spec in pairs.items()})
    return result | neutral


def _neutral(
    arrays: dict[str, np.ndarray], specs: list[TensorSpec], name: str
) -> dict[str, np.ndarray]:
    """Values for the layers of `_NEUTRAL`, if it is just these that the file lacks."""
    path = next((path for start, path in _NEUTRAL.items() if name.startswith(start)), None)
    extra = [spec for spec in specs if path and spec.structured.startswith(f"{path}.")]
    lacking = len(_layers([spec.structured for spec in specs])) - len(_layers(arrays))
    if not extra or lacking != len(_layers([spec.structured for spec in extra])):
        return {}
    values = {"weight": math.sqrt(1 + _EPSILON), "bias": 0, "_mean": 0, "_variance": 1}
    return {
        spec.structured: np.eye(spec.shape[0], dtype=np.float32).reshape(spec.shape)
        if len(spec.shape) == 4
        else np.full(spec.shape, values[spec.structured.rpartition(".")[2]], np.float32)
        for spec in extra
    }


def _cleaned(arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
    """Without counters and the prefix of DataParallel, statistics named as in Paddle.

    Also says whether the names were in alphabetical order.
    """
    kept = {k: v for k, v in arrays.items() if k.rpartition(".")[2] not in _COUNTERS}
    if all(key.startswith("module.") for key in kept):
        kept = {key.removeprefix("module."): value for key, value in kept.items()}
    result = {}
    for key, value in kept.items():
        path, _, kind = key.rpartition(".")
        result[f"{path}.{_KINDS[kind]}" if kind in _KINDS else key] = value
    return result, list(kept) == sorted(kept)


def _layers(names: Iterable[str]) -> list[_Layer]:
    grouped = groupby(names, key=lambda name: name.rpartition(".")[0])
    return [_Layer(path, {n.rpartition(".")[2]: n for n in group}) for path, group in grouped]


def _by_order(arrays: dict[str, np.ndarray], wanted: list[str]) -> dict[str, str]:
    """Name in the file -> structured name, layer by layer."""
    found, expected = _layers(arrays), _layers(wanted)
    if len(found) != len(expected):
        raise Unclear(
            "the file has {count} layers, the network {expected_count}",
            count=len(found),
            expected_count=len(expected),
        )
    for source, layer in zip(found, expected, strict=True):
        if list(source.tensors) != list(layer.tensors):
            raise Unclear(
                "{path} has {tensors}, where {layer_path} has {layer_tensors}",
                path=source.path,
                tensors=", ".join(source.tensors),
                layer_path=layer.path,
                layer_tensors=", ".join(layer.tensors),
            )
    return {
        name: structured
        for source, layer in zip(found, expected, strict=True)
        for name, structured in zip(source.tensors.values(), layer.tensors.values(), strict=True)
    }


def _check_crossing(arrays: dict[str, np.ndarray], sources: dict[str, str]) -> None:
    """Layers of equal shapes that change roles from block to block were paired wrongly.

    A ResNet's last convolution and its shortcut, say, where one network registers the shortcut
    first: conv3 would be the shortcut in the first block and the convolution in the others.
    """
    roles: dict[tuple, set[tuple[str, str]]] = {}
    for layer in _layers(sources):
        source = _layers([sources[name] for name in layer.tensors.values()])[0]
        signature = tuple(arrays[name].shape for name in layer.tensors.values())
        roles.setdefault(signature, set()).add((source.role(), layer.role()))
    for pairs in roles.values():
        for source_role, role in pairs:
            roles_of_source = sorted(b for a, b in pairs if a == source_role)
            if len(roles_of_source) > 1 and sum(b == role for _, b in pairs) > 1:
                candidates = tr(" and ").join(roles_of_source)
                raise Unclear(
                    "{source_role!r} could be {candidates}: the shapes alone do not tell",
                    source_role=source_role,
                    candidates=candidates,
                )
