"""The parameters that a `.nb` holds, so that two files can be asked for the same weights.

Each is a FlatBuffer of Paddle-Lite's `ParamDesc` (lite/model_parser/flatbuffers/param.fbs): a
version, a name, and a tensor of dimensions, data type and data. FlatBuffers' layout: a table's
first four bytes lead back to its vtable, which holds the place of each field in the table or 0.
"""

import struct
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ppghost.deploy.nb.header import parameter_records
from ppghost.errors import InputError

# fields of ParamDesc and LoDTensorDesc
_NAME, _VARIABLE = 1, 3
_DATA_TYPE, _DATA = 3, 4


class Parameter(NamedTuple):
    """A parameter; `data_type` is a number of Paddle's VarType, `data` the raw bytes."""

    name: str
    data_type: int
    data: bytes


def read_parameters(nb: Path) -> list[Parameter]:
    """All parameters of a file, in its order.

    Raises:
        InputError: the file cannot be read, or is no `.nb` of this generation.
    """
    try:
        return [_parameter(record) for record in parameter_records(nb)]
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise InputError("{nb}: damaged parameters; convert the model again", nb=nb) from error


def different_parameters(nb: Path, other: Path) -> list[Parameter]:
    """The parameters of `nb` whose values are not among those of `other`.

    Names and dimensions do not count: for OpenCL a bias is reshaped, and so gets another name.

    Raises:
        InputError: a file cannot be read.
    """
    values = Counter((each.data_type, each.data) for each in read_parameters(other))
    different = []
    for each in read_parameters(nb):
        if values[each.data_type, each.data]:
            values[each.data_type, each.data] -= 1
        else:
            different.append(each)
    return different


def _parameter(record: bytes) -> Parameter:
    # a size stands before the root
    start = 4
    fields = _table(record, start + _number(record, start))
    tensor = _table(record, _target(record, fields[_VARIABLE]))
    data_type = tensor[_DATA_TYPE]
    return Parameter(
        name=_vector(record, fields[_NAME]).decode(),
        data_type=_number(record, data_type) if data_type else 0,
        data=_vector(record, tensor[_DATA]),
    )


def _table(record: bytes, place: int) -> list[int]:
    """Places of a table's fields; 0 for one that is left out, as it has its default."""
    [back] = struct.unpack_from("<i", record, place)
    vtable = place - back
    [size] = struct.unpack_from("<H", record, vtable)
    offsets = struct.unpack_from(f"<{size // 2 - 2}H", record, vtable + 4)
    return [place + offset if offset else 0 for offset in offsets]


def _number(record: bytes, place: int) -> int:
    [value] = struct.unpack_from("<I", record, place)
    return int(value)


def _target(record: bytes, place: int) -> int:
    """Where a field that lies elsewhere really is."""
    return place + _number(record, place)


def _vector(record: bytes, place: int) -> bytes:
    """The content of a string, or of a vector of bytes; none where it is left out."""
    if not place:
        return b""
    start = _target(record, place)
    return record[start + 4 : start + 4 + _number(record, start)]
