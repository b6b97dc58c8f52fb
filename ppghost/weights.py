"""Weights on disk: PaddleClas's `.pdparams`, read without running what a pickle may hold.

A state is a dict name -> numpy array. PaddleClas's dygraph engine names tensors by structure
(`conv1._conv.weight`), its static engine by parameter (`conv1_weights`); both are read, and what
we write holds both, so that either engine finds its own.
"""

import logging
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ppghost import pickles
from ppghost.errors import InputError
from ppghost.files import write_atomically

log = logging.getLogger(__name__)

#: the key under which Paddle keeps structured name -> parameter name
NAME_TABLE = "StructuredToParameterName@@"


class Slot(NamedTuple):
    """One tensor that a network wants: its two names and its shape."""

    structured: str
    parameter: str
    shape: tuple[int, ...]


class Match(NamedTuple):
    """How a state fits a network.

    `arrays` is keyed by parameter name, the rest by the file's names; `mismatched` holds the
    shape in the file and the shape wanted.
    """

    arrays: dict[str, np.ndarray]
    missing: list[str]
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    unexpected: list[str]


def read_pickle(path: Path) -> Any:
    """What `paddle.save` wrote to `path`: containers, numbers, strings and numpy arrays.

    Raises:
        InputError: unreadable, not such a file, or one that names anything else; nothing in the
            file has been run then.
    """
    try:
        with open(path, "rb") as file:
            return pickles.load(file)
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(
            f"{path}: not a Paddle weight file that is safe to read: {error}"
        ) from None


def write_pickle(path: Path, content: Any) -> None:
    """Write containers and numpy arrays as `paddle.load` reads them, atomically."""
    write_atomically(path, lambda file: pickle.dump(content, file, protocol=4))


def read_state(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a `.pdparams` file; the ending may be left out, as PaddleClas allows.

    Raises:
        InputError: no such file, or not one of weights.
    """
    path = Path(path)
    if path.suffix != ".pdparams":
        path = path.with_name(path.name + ".pdparams")
    if not path.is_file():
        raise InputError(f"{path}: no such weight file")
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}, not named tensors")
    state = {k: v for k, v in content.items() if isinstance(v, np.ndarray)}
    if not state:
        raise InputError(f"{path}: holds no tensors")
    return state


def write_state(path: Path, arrays: dict[str, np.ndarray], slots: list[Slot]) -> None:
    """Write the tensors (keyed by parameter name) so that both PaddleClas engines load them.

    Each array stands under both its names (a pickle stores an object once), beside Paddle's own
    table of structured to parameter names.
    """
    content: dict[str, Any] = {slot.structured: arrays[slot.parameter] for slot in slots}
    content |= {slot.parameter: arrays[slot.parameter] for slot in slots}
    content[NAME_TABLE] = {slot.structured: slot.parameter for slot in slots}
    write_pickle(path, content)


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
    found = match(read_state(path), slots_of(network))
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


def _is_head(has: tuple[int, ...], wanted: tuple[int, ...], classes: int) -> bool:
    """Whether two shapes differ in the class count and in nothing else."""
    if len(has) != len(wanted):
        return False
    return [b for a, b in zip(has, wanted, strict=True) if a != b] == [classes]


def _some(tensors: list[str], what: str) -> str:
    """'12 missing (a, b, c, ...)', or '' for none."""
    more = ", ..." if len(tensors) > 3 else ""
    return f"{len(tensors)} {what} ({', '.join(tensors[:3])}{more})" if tensors else ""
