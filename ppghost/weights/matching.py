"""Which tensor of a file is which of a network's."""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppghost.errors import InputError
from ppghost.weights import torch_names
from ppghost.weights.files import Slot, State, read

log = logging.getLogger(__name__)


class Match(NamedTuple):
    """How a state fits a network.

    `arrays` is keyed by parameter name, the rest by the file's names; `mismatched` holds the
    shape in the file and the shape wanted.
    """

    arrays: dict[str, np.ndarray]
    missing: list[str]
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    unexpected: list[str]


def slots_of(network) -> list[Slot]:
    """The tensors of a network that has been called once (in any of Paddle's modes)."""
    return [
        Slot(structured, variable.name, tuple(variable.shape))
        for structured, variable in network.state_dict().items()
    ]


def match(state: dict[str, np.ndarray], slots: list[Slot]) -> Match:
    """Find each slot's tensor in `state`, by structured name, else by parameter name."""
    found = Match({}, [], {}, [])
    used = set()
    for slot in slots:
        key = slot.structured if slot.structured in state else slot.parameter
        used |= {slot.structured, slot.parameter}
        if key not in state:
            found.missing.append(key)
        elif state[key].shape != slot.shape:
            found.mismatched[key] = (state[key].shape, slot.shape)
        else:
            found.arrays[slot.parameter] = state[key].astype(np.float32, copy=False)
    found.unexpected.extend(key for key in state if key not in used)
    return found


def load(path: str | Path, network, name: str, new_head_classes: int | None = None) -> Match:
    """The tensors in `path` for `network`, an instance of architecture `name`.

    Args:
        new_head_classes: when fine-tuning, the class count: a classifier of another width is
            left as initialised, with a warning.

    Raises:
        InputError: the file is of another architecture; says which tensors.
    """
    found = match(_translated(read(path), path, network, name), slots_of(network))
    wrong = dict(found.mismatched)
    if new_head_classes is not None and found.arrays:
        head = [key for key, shapes in wrong.items() if _is_head(*shapes, new_head_classes)]
        if head:
            log.warning("%s: classifier left as initialised: %s", path, ", ".join(head))
        wrong = {key: shapes for key, shapes in wrong.items() if key not in head}
    shapes = [f"{key} {list(has)} for {list(wanted)}" for key, (has, wanted) in wrong.items()]
    problems = [_some(found.missing, "missing"), _some(shapes, "of another shape")]
    if any(problems):
        problems.append(_some(found.unexpected, "unknown"))
        raise InputError(
            f"{path}: not the weights of {name}: tensors {'; '.join(filter(None, problems))}"
        )
    if found.unexpected:
        log.warning("%s: tensors not used: %s", path, _some(found.unexpected, "unknown"))
    return found


def _translated(state: State, path: str | Path, network, name: str) -> dict[str, np.ndarray]:
    """The tensors of a file under names of the network, where PaddleClas 2.x's are not its own."""
    if not state.of_torch:
        return _from_1x(state.arrays, path)
    import paddle

    layers = network.sublayers()
    linear = {layer.weight.name for layer in layers if isinstance(layer, paddle.nn.Linear)}
    try:
        return torch_names.translate(state.arrays, slots_of(network), linear)
    except torch_names.Unclear as error:
        reason = _PYTORCH_GHOSTNET if name.startswith("GhostNet") else f"not those of {name}"
        raise InputError(f"{path}: PyTorch weights, {reason}: {error}") from None


#: huawei-noah's release and timm's `ghostnet_100`
_PYTORCH_GHOSTNET = (
    "but PyTorch's GhostNet is another network than PaddleClas's (hard-sigmoid in its "
    "squeeze-and-excitation, whose widths are rounded to multiples of 4; no batch norm in its head)"
)


def _from_1x(arrays: dict[str, np.ndarray], path: str | Path) -> dict[str, np.ndarray]:
    """PaddleClas 1.x's GhostNet as 2.x has it; anything else as it is.

    1.x calls the variance `<n>_variance`. Its dropout before `fc_1` left the values alone in
    training and scaled them by 1 - 0.2 in evaluation, 2.x's scales in training instead: what
    follows it has to take the factor over.
    """
    old = [
        key
        for key in arrays
        if key.endswith("_variance") and f"{key.removesuffix('_variance')}_bn_mean" in arrays
    ]
    if not old:
        return arrays
    renamed = {key: f"{key.removesuffix('_variance')}_bn_variance" for key in old}
    result = {renamed.get(key, key): array for key, array in arrays.items()}
    if "fc_1_weights" in result:
        result["fc_1_weights"] = result["fc_1_weights"] * np.float32(1 - 0.2)
        log.info("%s: weights of PaddleClas 1.x: fc_1_weights times 0.8, for its dropout", path)
    return result


def _is_head(has: tuple[int, ...], wanted: tuple[int, ...], classes: int) -> bool:
    """Whether two shapes differ in the class count and in nothing else."""
    if len(has) != len(wanted):
        return False
    return [b for a, b in zip(has, wanted, strict=True) if a != b] == [classes]


def _some(tensors: list[str], what: str) -> str:
    """'12 missing (a, b, c, ...)', or '' for none."""
    more = ", ..." if len(tensors) > 3 else ""
    return f"{len(tensors)} {what} ({', '.join(tensors[:3])}{more})" if tensors else ""
