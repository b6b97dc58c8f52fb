"""PyTorch's files, read without PyTorch: the zip that `torch.save` writes, and what it once wrote.

Both hold a pickle whose tensors are views of numbered storages; the storages' bytes stand beside
it, uncompressed.
"""

import io
import math
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppghost.formats.bfloat16 import to_float32
from ppghost.formats.paddle_pickle import NUMPY_CALLS, array_of, mapped, named, tuple_of, unsafe
from ppghost.formats.pickle_reader import DAMAGE, Calls, Global, load
from ppghost.i18n import tr

#: first pickle of a file from before PyTorch 1.6
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}


class _Storage(NamedTuple):
    kind: str
    key: str
    length: int


class _Tensor(NamedTuple):
    """A view of a storage, in elements; its arguments stand first in PyTorch's pickles."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _storage(persistent: tuple) -> _Storage:
    """A persistent id: ("storage", class, key, device, elements)."""
    word, kind, key, _, count = persistent[:5]
    if word != "storage" or not isinstance(kind, Global) or kind.name not in _DTYPES:
        raise pickle.UnpicklingError(
            tr("it holds a storage of kind {kind!r:.60}").format(kind=kind)
        )
    if persistent[5:] not in ((), (None,)) or type(count) is not int or count < 0:
        raise pickle.UnpicklingError(
            tr("it holds a storage that is part of another, or has no size")
        )
    return _Storage(kind.name, str(key), count)


_CALLS: Calls = NUMPY_CALLS | {
    ("torch._utils", "_rebuild_tensor_v2"): lambda *a: _Tensor(*a[:4]),
    ("torch._utils", "_rebuild_tensor"): lambda *a: _Tensor(*a),
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    ("torch", "Size"): tuple_of,
    # of options that a training script kept beside the weights
    ("torch", "device"): lambda *names: str(names),
    ("pathlib", "PosixPath"): lambda *parts: str(parts),
    ("collections", "defaultdict"): lambda *_: {},
}


def is_zip(head: bytes) -> bool:
    """Whether a file that starts so is a zip, as PyTorch writes since 1.6."""
    return head.startswith(b"PK\x03\x04")


def is_legacy(head: bytes) -> bool:
    """Whether a file that starts so is one of PyTorch before 1.6."""
    return head.startswith(pickle.dumps(_LEGACY_MAGIC, protocol=2))


def read_zip(path: Path, key: str | None = None) -> dict[str, np.ndarray]:
    """The named tensors in a `torch.save` zip, those under `key` of several sets.

    Raises:
        InputError: damaged, or it asks for more than weights need; nothing has been run then.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            root = _check_members(archive, path.stat().st_size)
            pickled = io.BytesIO(archive.read(f"{root}data.pkl"))
            state = named(load(pickled, _CALLS, _storage), _Tensor, key)
            return _arrays(state, lambda storage: archive.read(f"{root}data/{storage.key}"))
    except (*DAMAGE, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise unsafe(path, error) from error


def _check_members(archive: zipfile.ZipFile, size: int) -> str:
    """The folder that all members of a `torch.save` zip stand in; UnpicklingError for others."""
    members = {info.filename: info for info in archive.infolist()}
    for name, info in members.items():
        if name.startswith("/") or ".." in name.split("/"):
            raise pickle.UnpicklingError(tr("it has a member called {name!r}").format(name=name))
        if info.compress_type != zipfile.ZIP_STORED:
            raise pickle.UnpicklingError(
                tr("its members are compressed, which torch.save never does")
            )
    if sum(info.file_size for info in members.values()) > size:
        raise pickle.UnpicklingError(tr("its members are larger than itself"))
    roots = [name[: -len("data.pkl")] for name in members if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise pickle.UnpicklingError(tr("a zip, but not one of torch.save (no data.pkl in it)"))
    [root] = roots
    if f"{root}constants.pkl" in members:
        raise pickle.UnpicklingError(
            tr("it is TorchScript, a program; save the state_dict() instead")
        )
    if f"{root}byteorder" in members and archive.read(f"{root}byteorder") != b"little":
        raise pickle.UnpicklingError(tr("its byte order is not little-endian"))
    return root


def read_legacy(path: Path, key: str | None = None) -> dict[str, np.ndarray]:
    """The same for a file from before PyTorch 1.6: five pickles, then the storages in turn."""
    known: dict[str, _Storage] = {}

    def remember(persistent: tuple) -> _Storage:
        storage = _storage(persistent)
        return known.setdefault(storage.key, storage)

    try:
        with mapped(path) as stream:
            _, version, system = (load(stream, _CALLS) for _ in range(3))
            if version != 1001 or system["little_endian"] is not True:
                raise pickle.UnpicklingError(tr("it is of an unknown version or byte order"))
            state = named(load(stream, _CALLS, remember), _Tensor, key)
            raw = {}
            for key in load(stream, _CALLS):
                storage = known[key]
                [count] = struct.unpack("<q", stream.read(8))
                if count != storage.length:
                    raise pickle.UnpicklingError(
                        tr("its storage {key} is not as long as it says").format(key=key)
                    )
                raw[storage] = stream.read(count * np.dtype(_DTYPES[storage.kind]).itemsize)
            return _arrays(state, raw.__getitem__)
    except (*DAMAGE, struct.error) as error:
        raise unsafe(path, error) from error


def _arrays(state: dict[str, _Tensor], raw: Callable[[_Storage], bytes]) -> dict[str, np.ndarray]:
    """Views of the storages, each of which is read once."""
    storages: dict[_Storage, np.ndarray] = {}
    for tensor in state.values():
        storage = tensor.storage
        if storage not in storages:
            dtype = np.dtype(_DTYPES[storage.kind])
            values = array_of(raw(storage), dtype, (storage.length,))
            if storage.kind == "BFloat16Storage":
                values = to_float32(values)
            storages[storage] = values
    return {name: _view(storages[tensor.storage], tensor) for name, tensor in state.items()}


def _view(values: np.ndarray, tensor: _Tensor) -> np.ndarray:
    """The tensor inside its storage; never a copy, and never larger than the storage."""
    numbers = (tensor.offset, *tensor.size, *tensor.stride)
    if any(type(n) is not int or n < 0 for n in numbers) or len(tensor.size) != len(tensor.stride):
        raise pickle.UnpicklingError(tr("it holds a tensor without a shape"))
    count = math.prod(tensor.size)
    last = tensor.offset + sum(
        (n - 1) * step for n, step in zip(tensor.size, tensor.stride, strict=True)
    )
    if count and (count > len(values) or last >= len(values)):
        raise pickle.UnpicklingError(
            tr("it holds a tensor {size} beyond its storage").format(size=list(tensor.size))
        )
    strides = [step * values.itemsize for step in tensor.stride]
    start = values[tensor.offset :] if count else values[:0]
    return np.lib.stride_tricks.as_strided(start, tensor.size, strides, writeable=False)
