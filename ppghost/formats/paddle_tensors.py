"""Paddle's binary tensors: a file each (PaddleClas 1.x), or all in one beside their Program.

A record is: u32 0, u64 number of LoD levels (each u64 bytes and that many bytes), u32 0, i32 size
of a TensorDesc, the TensorDesc (protobuf), the values. Names do not stand in it.
"""

import io
import math
import struct
from pathlib import Path

import numpy as np

from ppghost.errors import InputError
from ppghost.formats import pir
from ppghost.formats.paddle_pickle import array_of, mapped
from ppghost.formats.pickle_reader import DAMAGE
from ppghost.formats.program_desc import framework
from ppghost.i18n import tr

#: program and parameters of an exported model, in the order in which they are looked for
_EXPORTED = (("inference.pdmodel", "inference.pdiparams"), ("__model__", "__params__"))


def read_directory(path: Path) -> dict[str, np.ndarray]:
    """The tensors in a folder: of an exported model, or one file for each, named as the tensor.

    Raises:
        InputError: it is neither, or a file is damaged.
    """
    for name, values in _EXPORTED:
        if (path / name).is_file() and (path / values).is_file():
            return read_exported(path / name, path / values)
    for program in filter(pir.is_pir, sorted(path.glob("*.json"))):
        return read_beside(program.with_suffix(".pdiparams"))
    state = {}
    for file in sorted(path.iterdir()):
        if file.is_file() and file.name != "__model__" and not file.name.startswith("."):
            [state[file.name]] = _records(file, 1)
    if not state:
        raise InputError("{path}: no weights in this folder; give the file itself", path=path)
    return state


def read_beside(values: Path) -> dict[str, np.ndarray]:
    """The tensors in the `.pdiparams` of an exported model, named by the program beside it.

    Raises:
        InputError: there is none, or not of these tensors.
    """
    newer = values.with_suffix(".json")
    return read_exported(newer if pir.is_pir(newer) else values.with_suffix(".pdmodel"), values)


def read_exported(program: Path, values: Path) -> dict[str, np.ndarray]:
    """The tensors of an exported model: names and shapes from its Program, which is not run."""
    wanted = _persistables(program)
    arrays = _records(values, len(wanted))
    for (name, shape), array in zip(wanted.items(), arrays, strict=True):
        if array.shape != shape:
            raise InputError(
                "{values}: not the parameters of {name}: {name2} is {shape} here and "
                "{shape2} there",
                values=values,
                name=program.name,
                name2=name,
                shape=list(array.shape),
                shape2=list(shape),
            )
    return dict(zip(wanted, arrays, strict=True))


def split_records(data: bytes, count: int) -> list[bytes]:
    """The records of `count` tensors that stand one after another, as they are.

    Raises:
        InputError: it is not so many tensors, or more.
    """
    records = []
    try:
        stream = _Stream(data)
        for _ in range(count):
            start = stream.tell()
            _record(stream)
            records.append(data[start : stream.tell()])
        if stream.tell() != len(stream):
            raise ValueError(tr("{count} bytes too many").format(count=len(stream) - stream.tell()))
    except (*DAMAGE, struct.error) as error:
        raise InputError(
            "not {count} tensor(s) of Paddle's: {error}", count=count, error=error
        ) from error
    return records


def record_to_array(record: bytes) -> np.ndarray:
    """The values of one record of `split_records`."""
    return _record(_Stream(record))


def array_to_record(array: np.ndarray) -> bytes:
    """The record of an array, as Paddle writes it."""
    [code] = [code for code, name in _dtypes().items() if np.dtype(name) == array.dtype]
    description = framework().VarType.TensorDesc(data_type=code, dims=array.shape)
    header = description.SerializeToString()
    return struct.pack("<IQIi", 0, 0, 0, len(header)) + header + array.tobytes()


class _Stream(io.BytesIO):
    """Bytes in memory with the interface of a mapped file."""

    def __len__(self) -> int:
        return self.getbuffer().nbytes


def _persistables(program: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors a Program keeps, sorted by name as Paddle stores them."""
    if pir.is_pir(program):
        return pir.parameter_shapes(program)
    from google.protobuf.message import DecodeError

    description = framework().ProgramDesc()
    try:
        description.ParseFromString(program.read_bytes())
    except OSError as error:
        raise InputError(
            "{program}: cannot be read ({strerror})",
            program=program,
            strerror=error.strerror or error,
        ) from error
    except DecodeError as error:
        raise InputError("{program}: not a Paddle program (damaged?)", program=program) from error
    found = {
        variable.name: tuple(variable.type.lod_tensor.tensor.dims)
        for block in description.blocks
        for variable in block.vars
        if variable.persistable and variable.type.type == framework().VarType.LOD_TENSOR
    }
    if not found:
        raise InputError(
            "{program}: a Paddle program without parameters (damaged?)", program=program
        )
    return dict(sorted(found.items()))


def _records(path: Path, count: int) -> list[np.ndarray]:
    """Exactly `count` tensors in a file. Raises InputError."""
    try:
        with mapped(path) as stream:
            arrays = [_record(stream) for _ in range(count)]
            if stream.tell() != len(stream):
                raise ValueError(
                    tr("{count} bytes too many").format(count=len(stream) - stream.tell())
                )
            return arrays
    except (*DAMAGE, struct.error) as error:
        raise InputError(
            "{path}: not {count} tensor(s) of Paddle's: {error}",
            path=path,
            count=count,
            error=error,
        ) from error


def _record(stream) -> np.ndarray:
    from google.protobuf.message import DecodeError

    version, levels = _unpack("<IQ", stream)
    for _ in range(min(levels, len(stream))):
        [size] = _unpack("<Q", stream)
        stream.read(min(size, len(stream)))
    tensor_version, size = _unpack("<Ii", stream)
    if version or tensor_version or size < 0:
        raise ValueError(tr("no tensor starts here"))
    description = framework().VarType.TensorDesc()
    try:
        description.ParseFromString(stream.read(size))
    except DecodeError as error:
        raise ValueError(tr("no tensor starts here")) from error
    dtype = np.dtype(_dtypes().get(description.data_type, "V0"))
    shape = tuple(description.dims)
    if not dtype.itemsize:
        raise ValueError(
            tr("a tensor of data type {data_type}").format(data_type=description.data_type)
        )
    if min(shape, default=0) < 0:
        raise ValueError(tr("a tensor of shape {shape}").format(shape=list(shape)))
    return array_of(stream.read(math.prod(shape) * dtype.itemsize), dtype, shape)


def _dtypes() -> dict[int, str]:
    kinds = framework().VarType
    return {
        kinds.FP16: "<f2", kinds.FP32: "<f4", kinds.FP64: "<f8", kinds.BOOL: "|b1",
        kinds.UINT8: "|u1", kinds.INT8: "|i1", kinds.INT16: "<i2", kinds.INT32: "<i4",
        kinds.INT64: "<i8", kinds.BF16: "<u2",
    }  # fmt: skip


def _unpack(form: str, stream) -> tuple:
    return struct.unpack(form, stream.read(struct.calcsize(form)))
