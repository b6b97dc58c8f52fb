"""Files in the layouts of `torch.save`, written without PyTorch.

Checked by hand against PyTorch 2.13: its `torch.load(weights_only=True)` reads both kinds, and the
pickles hold the same opcodes as its own.
"""

import collections
import io
import pickle
import struct
import sys
import types
import zipfile
from unittest import mock

import numpy as np

_KINDS = {
    "float32": "FloatStorage", "float16": "HalfStorage", "float64": "DoubleStorage",
    "int64": "LongStorage",
}  # fmt: skip
_MAGIC = 0x1950A86A20F9469CFC6C


def _module(name, **members):
    module = types.ModuleType(name)
    for key, value in members.items():
        value.__module__, value.__qualname__ = name, key
        setattr(module, key, value)
    return module


def _fake_torch():
    """Modules that hold what the pickles name."""
    storages = {kind: type(kind, (), {}) for kind in [*_KINDS.values(), "BFloat16Storage"]}
    utils = _module("torch._utils", _rebuild_tensor_v2=lambda: None)
    return {"torch": _module("torch", **storages), "torch._utils": utils}


class _Storage:
    def __init__(self, array):
        self.array = array


class _Pickler(pickle.Pickler):
    def __init__(self, file, modules, legacy):
        super().__init__(file, protocol=2)
        self.modules, self.legacy, self.arrays = modules, legacy, []

    def persistent_id(self, obj):
        if not isinstance(obj, _Storage):
            return None
        self.arrays.append(obj.array)
        kind = getattr(self.modules["torch"], _KINDS[str(obj.array.dtype)])
        key = str(len(self.arrays) - 1)
        return ("storage", kind, key, "cpu", obj.array.size, *([None] if self.legacy else []))

    def reducer_override(self, obj):
        if not isinstance(obj, np.ndarray):
            return NotImplemented
        array = np.array(obj, order="C")
        strides = tuple(step // array.itemsize for step in array.strides)
        arguments = (_Storage(array), 0, obj.shape, strides, False, collections.OrderedDict())
        return self.modules["torch._utils"]._rebuild_tensor_v2, arguments


def save(content, path):
    """Write nested containers with numpy arrays for tensors, as PyTorch since 1.6 does."""
    data, arrays = _pickled(content, legacy=False)
    members = {"data.pkl": data, "byteorder": b"little", "version": b"3\n"}
    members |= {f"data/{i}": array.tobytes() for i, array in enumerate(arrays)}
    write_zip(path, {f"{path.stem}/{name}": value for name, value in members.items()})
    return path


def write_zip(path, members, compression=zipfile.ZIP_STORED):
    """A zip of `members`, name -> bytes."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, value in members.items():
            archive.writestr(name, value)
    return path


def save_legacy(content, path):
    """The same as PyTorch before 1.6 did."""
    data, arrays = _pickled(content, legacy=True)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    with path.open("wb") as file:
        for value in (_MAGIC, 1001, system):
            pickle.dump(value, file, protocol=2)
        file.write(data)
        pickle.dump([str(i) for i in range(len(arrays))], file, protocol=2)
        for array in arrays:
            file.write(struct.pack("<q", array.size) + array.tobytes())
    return path


def _pickled(content, legacy):
    modules, file = _fake_torch(), io.BytesIO()
    with mock.patch.dict(sys.modules, modules):
        pickler = _Pickler(file, modules, legacy)
        pickler.dump(content)
    return file.getvalue(), pickler.arrays
