"""Weight files by what is in them: PaddleClas 1.x and 2.x, safetensors, PyTorch.

A state is a dict name -> numpy array. PaddleClas's dygraph engine names tensors by structure
(`conv1._conv.weight`), its static engine by parameter (`conv1_weights`); both are read, and what
we write holds both, so that either engine finds its own.
"""

import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from ppghost.errors import InputError
from ppghost.formats import bfloat16
from ppghost.formats import paddle_pickle as pickles
from ppghost.formats import paddle_tensors as fluid_files
from ppghost.formats import torch_checkpoint as torch_files
from ppghost.utils.files import write_atomically

#: the key under which Paddle keeps structured name -> parameter name
NAME_TABLE = "StructuredToParameterName@@"


class TensorSpec(NamedTuple):
    """One tensor that a network wants: its two names, its shape and its type."""

    structured: str
    parameter: str
    shape: tuple[int, ...]
    dtype: str = "float32"  # else a table of whole numbers, such as Swin's of relative positions


class State(NamedTuple):
    """The tensors of a file, and whether PyTorch's names and layouts are theirs."""

    arrays: dict[str, np.ndarray]
    of_torch: bool = False


def read(path: str | Path) -> State:
    """The tensors of a weight file or folder of any kind that we know.

    `.pdparams` may be left out, as PaddleClas allows. `FILE#KEY` means the weights under that key,
    of a file with several sets of them (`state_dict_ema`).

    Raises:
        InputError: no such file, or not one of weights.
    """
    path, key = _split_key(Path(path))
    path = _find(path)
    if path.is_dir():
        return State(bfloat16.decode_paddle(fluid_files.read_directory(path)))
    if path.suffix in (".pdmodel", ".pdiparams", ".json"):
        values = path.with_suffix(".pdiparams")
        return State(bfloat16.decode_paddle(fluid_files.read_beside(values)))
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError as error:
        raise InputError(
            "{path}: cannot be read ({strerror})", path=path, strerror=error.strerror or error
        ) from error
    if torch_files.is_zip(head):
        return State(torch_files.read_zip(path, key), of_torch=True)
    if torch_files.is_legacy(head):
        return State(torch_files.read_legacy(path, key), of_torch=True)
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return _read_safetensors(path)
    return State(bfloat16.decode_paddle(_read_paddle(path, key)))


def read_state(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of `read`."""
    return read(path).arrays


def _split_key(path: Path) -> tuple[Path, str | None]:
    """The file and the key of `FILE#KEY`."""
    name, mark, key = path.name.rpartition("#")
    return (path.with_name(name), key) if mark and name and not path.exists() else (path, None)


def _find(path: Path) -> Path:
    """The file that is meant: a checkpoint `best_model` stands beside a folder of that name."""
    with_ending = path.with_name(path.name + ".pdparams") if path.name else path
    if path.suffix != ".pdparams" and with_ending.is_file():
        return with_ending
    if not path.exists():
        shown = path if path.suffix in _SUFFIXES else with_ending
        raise InputError("{shown}: no such weight file", shown=shown)
    return path


_SUFFIXES = (
    ".pdparams", ".pdema", ".safetensors", ".pth", ".pt", ".pdmodel", ".pdiparams", ".json",
)  # fmt: skip


def _read_paddle(path: Path, key: str | None) -> dict[str, np.ndarray]:
    try:
        content = pickles.read_pickle(path)
        if isinstance(content, dict):  # tensors that paddle.save met below the top
            content = {name: _untupled(value) for name, value in content.items()}
        return pickles.named(content, np.ndarray, key)
    except pickle.UnpicklingError as error:
        raise InputError("{path}: {error}", path=path, error=error) from error


def _untupled(value: Any) -> Any:
    """The array in Paddle's (parameter name, array)."""
    if isinstance(value, dict):
        return {key: _untupled(inner) for key, inner in value.items()}
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], np.ndarray):
        return value[1]
    return value


def _read_safetensors(path: Path) -> State:
    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            halves = {name for name in names if file.get_slice(name).get_dtype() == "BF16"}
            # numpy has no bfloat16; this one hands over bytes
            raw = dict(safetensors.deserialize(path.read_bytes())) if halves else {}
            arrays = {
                name: _from_bfloat16(raw[name]) if name in halves else file.get_tensor(name)
                for name in names
            }
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise pickles.unsafe(path, error) from error
    if not arrays:
        raise InputError("{path}: holds no tensors", path=path)
    of_torch = metadata.get("format") == "pt" or any(
        name.endswith(".running_mean") for name in arrays
    )
    return State(arrays, of_torch)


def _from_bfloat16(tensor: dict[str, Any]) -> np.ndarray:
    return bfloat16.to_float32(np.frombuffer(tensor["data"], "<u2").reshape(tensor["shape"]))


def write_state(path: Path, arrays: dict[str, np.ndarray], specs: list[TensorSpec]) -> None:
    """Write the tensors (keyed by parameter name) so that both PaddleClas engines load them.

    Each array stands under both its names (a pickle stores an object once), beside Paddle's own
    table of structured to parameter names.
    """
    content: dict[str, Any] = {spec.structured: arrays[spec.parameter] for spec in specs}
    content |= {spec.parameter: arrays[spec.parameter] for spec in specs}
    content[NAME_TABLE] = {spec.structured: spec.parameter for spec in specs}
    pickles.write_pickle(path, content)


def write_safetensors(path: Path, arrays: dict[str, np.ndarray], specs: list[TensorSpec]) -> None:
    """Write the tensors (keyed by parameter name) under their structured names."""
    named = {s.structured: np.ascontiguousarray(arrays[s.parameter]) for s in specs}
    content = safetensors.numpy.save(named, metadata={"format": "paddle"})
    write_atomically(path, lambda file: file.write(content))
