"""PyTorch's names and layouts -> a network's here.

Layers are compared, not tensors: the tensors that share a module's path. Where the paths do not
agree, layers are taken in the order of the file, which for `state_dict()` is that of registration.
That is only believed where kinds agree all along and nothing in the names speaks against it.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import numpy as np

from ppghost.weights.files import Slot

_KINDS = {"running_mean": "_mean", "running_var": "_variance"}


class _Layer(NamedTuple):
    path: str
    tensors: dict[str, str]  # kind -> name in the file or structured name

    def role(self) -> str:
        """The last two parts of the path that are not numbers: what the layer is in its block."""
        return ".".join([part for part in self.path.split(".") if not part.isdecimal()][-2:])


class Unclear(ValueError):
    """The tensors cannot be told apart, or are of another network; says why."""


def translate(
    arrays: dict[str, np.ndarray], slots: list[Slot], linear: set[str]
) -> dict[str, np.ndarray]:
    """The arrays under structured names, fully connected weights transposed.

    Shapes are left for `match` to compare.

    Args:
        linear: parameter names of the weights of fully connected layers, [out, in] in PyTorch.

    Raises:
        Unclear: there is no one way to pair the tensors.
    """
    arrays = _cleaned(arrays)
    wanted = {slot.structured: slot for slot in slots}
    pairs = {key: key for key in arrays if key in wanted}
    if len(pairs) < len(wanted):
        by_order = _by_order(arrays, list(wanted))
        if any(by_order[key] != name for key, name in pairs.items()):
            raise Unclear("their names and their order contradict each other")
        pairs = by_order
    result = {key: array for key, array in arrays.items() if key not in pairs}
    for key, name in pairs.items():
        transposed = wanted[name].parameter in linear and arrays[key].ndim == 2
        result[name] = arrays[key].T if transposed else arrays[key]
    _check_crossing(result, {name: key for key, name in pairs.items()})
    return result


def _cleaned(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without counters and the prefix of DataParallel, statistics named as in Paddle."""
    kept = {k: v for k, v in arrays.items() if not k.endswith("num_batches_tracked")}
    if all(key.startswith("module.") for key in kept):
        kept = {key.removeprefix("module."): value for key, value in kept.items()}
    result = {}
    for key, value in kept.items():
        path, _, kind = key.rpartition(".")
        result[f"{path}.{_KINDS[kind]}" if kind in _KINDS else key] = value
    return result


def _layers(names: Iterable[str]) -> list[_Layer]:
    grouped = groupby(names, key=lambda name: name.rpartition(".")[0])
    return [_Layer(path, {n.rpartition(".")[2]: n for n in group}) for path, group in grouped]


def _by_order(arrays: dict[str, np.ndarray], wanted: list[str]) -> dict[str, str]:
    """Name in the file -> structured name, layer by layer."""
    theirs, ours = _layers(arrays), _layers(wanted)
    _check_registration_order([layer.path for layer in theirs])
    for one, other in zip(theirs, ours, strict=False):
        if list(one.tensors) != list(other.tensors):
            raise Unclear(
                f"{one.path} has {', '.join(one.tensors)}, where {other.path} has "
                f"{', '.join(other.tensors)}"
            )
    if len(theirs) != len(ours):
        raise Unclear(f"the file has {len(theirs)} layers, the network {len(ours)}")
    return {
        name: structured
        for one, other in zip(theirs, ours, strict=True)
        for name, structured in zip(one.tensors.values(), other.tensors.values(), strict=True)
    }


def _check_registration_order(paths: list[str]) -> None:
    """A file sorted by name (safetensors) has lost the order: 10 stands before 2 in it."""
    last: dict[str, int] = {}
    for path in paths:
        prefix = ""
        for part in path.split("."):
            if part.isdecimal():
                if int(part) < last.get(prefix, 0):
                    raise Unclear(
                        f"its tensors are sorted by name ({path}), so their order says nothing"
                    )
                last[prefix] = int(part)
            prefix += f"{part}."


def _check_crossing(arrays: dict[str, np.ndarray], sources: dict[str, str]) -> None:
    """Layers of equal shapes that change roles from block to block were paired wrongly.

    A ResNet's last convolution and its shortcut, say, where one network registers the shortcut
    first: conv3 would be the shortcut in the first block and the convolution in the others.
    """
    roles: dict[tuple, set[tuple[str, str]]] = {}
    for layer in _layers(sources):
        theirs = _layers([sources[name] for name in layer.tensors.values()])[0]
        signature = tuple(arrays[name].shape for name in layer.tensors.values())
        roles.setdefault(signature, set()).add((theirs.role(), layer.role()))
    for pairs in roles.values():
        for one, other in pairs:
            if sum(a == one for a, _ in pairs) > 1 and sum(b == other for _, b in pairs) > 1:
                others = " and ".join(sorted(b for a, b in pairs if a == one))
                raise Unclear(f"{one!r} could be {others}: the shapes alone do not tell")
