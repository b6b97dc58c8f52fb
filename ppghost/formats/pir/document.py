"""The JSON of a Paddle 3 export, as it stands in the file: nothing in it is understood yet.

The form is that of Paddle's own writer, `paddle/fluid/pir/serialize_deserialize`. It is data from
strangers: types are checked here, sizes and depth are bounded; what ids mean is checked where they
are used.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, field

from ppghost.errors import InputError
from ppghost.formats.pir.errors import Malformed
from ppghost.i18n import tr

#: the largest networks of Paddle's zoos have 3 MB; decoded, it is up to 25 times as much
_MAX_BYTES = 32 * 2**20
#: the networks of the zoos have up to 8000 operators with their parameters
_MAX_OPERATIONS = 100_000
#: where Paddle writes the magic, whose key sorts first; other JSON files stand beside it
_HEAD_BYTES = 4096
_MAGIC = re.compile(rb'\s*\{\s*"base_code"\s*:\s*\{[^{}]*"magic"\s*:\s*"pir"')

#: what the parameters of a program are
PARAMETER = "p"


class Tagged(Struct, frozen=True):
    """A type or an attribute: its kind, and what it holds.

    Attributes:
        kind: dialect and name, as "0.a_i32".
        data: of any form.
        special: "INF", "-INF" or "NaN", in place of `data`.
    """

    kind: str = field(name="#")
    data: Any = field(name="D", default=None)
    special: str | None = field(name="VD", default=None)


class Value(Struct, frozen=True):
    """An operand (its id; 0 is absent) or a result (with its type)."""

    id: int = field(name="%")
    type: Tagged | None = field(name="TT", default=None)


class Attribute(Struct, frozen=True):
    """A named attribute of an operator."""

    name: str = field(name="N")
    value: Tagged = field(name="AT")


class Operation(Struct, frozen=True):
    """One operator. Operands and results have no names: their order says which is which.

    Parameters have one result without a list, and attributes without names.
    """

    kind: str = field(name="#")
    attributes: list[Attribute | int | str] = field(name="A", default_factory=list)
    inputs: list[Value] = field(name="I", default_factory=list)
    outputs: list[Value] | Value = field(name="O", default_factory=list)
    other: list[Attribute | int | str] = field(name="OA", default_factory=list)
    regions: list[msgspec.Raw] = field(default_factory=list)


_DECODER = msgspec.json.Decoder(Operation)


class Parameter(NamedTuple):
    """A tensor that the program has from outside: from its file of parameters, if it is stored."""

    id: int
    name: str
    type: Tagged
    is_stored: bool


class _Block(Struct):
    # counted before they are decoded
    ops: list[msgspec.Raw]


class _Region(Struct):
    blocks: list[_Block]


class _Program(Struct):
    regions: list[_Region]


class _BaseCode(Struct):
    magic: str


class _Document(Struct):
    base_code: _BaseCode
    program: _Program


def is_pir(path: Path) -> bool:
    """Whether `path` is a program of Paddle 3, by its first bytes; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return _MAGIC.match(file.read(_HEAD_BYTES)) is not None
    except OSError:
        return False


def read_operations(path: Path) -> list[Operation]:
    """The operators of a program, in order.

    Raises:
        InputError: the file cannot be read, is too large, or is not a program of Paddle 3.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            "{path}: cannot be read ({strerror})", path=path, strerror=error.strerror or error
        ) from error
    if len(content) > _MAX_BYTES:
        raise InputError(
            "{path}: a program of more than {max_bytes} MB; is it one?",
            path=path,
            max_bytes=_MAX_BYTES >> 20,
        )
    try:
        blocks = [region.blocks for region in _document(content).program.regions]
        if len(blocks) != 1 or len(blocks[0]) != 1:
            raise Malformed("not one block of operators")
        operations = blocks[0][0].ops
        if len(operations) > _MAX_OPERATIONS:
            raise Malformed("{count} operators, more than any network has", count=len(operations))
        return [_operation(raw, number) for number, raw in enumerate(operations)]
    except Malformed as error:
        raise InputError(
            "{path}: not a program of Paddle 3 (damaged?): {error}; export the model again",
            path=path,
            error=error,
        ) from error


def _document(content: bytes) -> _Document:
    try:
        document = msgspec.json.decode(content, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(_one_line(error)) from error
    if document.base_code.magic != "pir":
        raise Malformed("another kind of file")
    return document


def _operation(raw: msgspec.Raw, number: int) -> Operation:
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(
            "operator {number}: {one_line}", number=number, one_line=_one_line(error)
        ) from error


def parameter(operation: Operation) -> Parameter:
    """What an operation of the kind `PARAMETER` says.

    Raises:
        Malformed: it is none.
    """
    attributes, result = operation.attributes, operation.outputs
    if len(attributes) != 4 or not isinstance(result, Value) or result.type is None:
        raise Malformed("a parameter without its name and type")
    name = attributes[3]
    if not isinstance(name, str) or not name:
        raise Malformed("a parameter without a name")
    # persistable, stop_gradient, trainable
    return Parameter(result.id, name, result.type, operation.other[:1] != [0])


def _one_line(error: Exception) -> str:
    return tr("nested too deeply") if isinstance(error, RecursionError) else str(error)[:200]
