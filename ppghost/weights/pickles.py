"""Pickles read as data: a small machine of our own that imports nothing and calls nothing.

Python's own unpickler, even with an allow-list, still lets a file set the state of the objects that
it names: numpy's dtype, for one, believes flags that make it take bytes for pointers. Here a
name in the file stays a name (`Global`), and what it stands for is one of a few functions below.
"""

import io
import mmap
import pickle
import pickletools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ppghost.errors import InputError
from ppghost.files import write_atomically

#: what a damaged or hostile pickle makes the machine raise
DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError,
    AttributeError, OverflowError, MemoryError,
)  # fmt: skip


class Global(NamedTuple):
    """A class or function that a file names; never looked up."""

    module: str
    name: str


class _Unbuilt:
    """An object between its creation and its state, which a later opcode gives it."""

    def __init__(self, build: Callable[[Any], Any]):
        self.build = build
        self.memo_keys: list[int] = []


Calls = dict[tuple[str, str], Callable]


def load(stream, calls: Calls, persistent: Callable[[Any], Any] | None = None) -> Any:
    """The next pickle in `stream`; the stream then stands behind it.

    Args:
        stream: BytesIO or mmap: their `read` never allocates more than there is.
        calls: (module, name) -> what takes the arguments of a call of that name.
        persistent: turns a persistent id (PyTorch's storages) into a value.

    Raises:
        One of `DAMAGE`.
    """
    machine = _Machine(calls, persistent, budget=2 * _size(stream))
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "STOP":
            return machine.stack.pop()
        machine.step(opcode.name, argument)
    raise pickle.UnpicklingError("it ends early")


def _size(stream) -> int:
    position = stream.tell()
    size = stream.seek(0, io.SEEK_END) or stream.tell()  # mmap's seek returns nothing
    stream.seek(position)
    return size


#: opcodes whose argument is the value
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
}  # fmt: skip
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_OBJECTS = {"NEWOBJ", "NEWOBJ_EX", "OBJ", "INST"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The stack and the memo of one pickle; one method for each kind of opcode.

    `budget` bounds the bytes that calls make: a short file may ask for the same copy a million
    times. Honest ones make each array once, by way of bytes at most.
    """

    def __init__(self, calls: Calls, persistent: Callable[[Any], Any] | None, budget: int):
        self.calls, self.persistent, self.budget = calls, persistent, budget
        self.stack: list = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _TUPLES:
            self.stack[-_TUPLES[name] :] = [tuple(self.stack[-_TUPLES[name] :])]
        elif handler := getattr(self, f"_{name.lower()}", None):
            handler(argument)
        elif name in _OBJECTS:
            raise pickle.UnpicklingError("it holds objects, not only tensors; save the state_dict")
        else:
            raise pickle.UnpicklingError(f"it uses the opcode {name}, which no weights need")

    def _proto(self, _):
        pass

    _frame = _proto

    def _mark(self, _):
        self.marks.append(len(self.stack))

    def _since_mark(self) -> list:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _tuple(self, _):
        self.stack.append(tuple(self._since_mark()))

    def _list(self, _):
        self.stack.append(self._since_mark())

    def _dict(self, _):
        items = self._since_mark()
        self.stack.append({})
        _set_items(self.stack[-1], zip(items[::2], items[1::2], strict=True))

    def _append(self, _):
        value = self.stack.pop()
        self._top(list).append(value)

    def _appends(self, _):
        values = self._since_mark()
        self._top(list).extend(values)

    def _setitem(self, _):
        value, key = self.stack.pop(), self.stack.pop()
        _set_items(self._top(dict), [(key, value)])

    def _setitems(self, _):
        items = self._since_mark()
        _set_items(self._top(dict), zip(items[::2], items[1::2], strict=True))

    def _top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise pickle.UnpicklingError(f"it changes what is not a {kind.__name__}")
        return self.stack[-1]

    def _put(self, key):
        self.memo[key] = self.stack[-1]
        if isinstance(self.stack[-1], _Unbuilt):
            self.stack[-1].memo_keys.append(key)

    _binput = _long_binput = _put

    def _memoize(self, _):
        self._put(len(self.memo))

    def _get(self, key):
        self.stack.append(self.memo[key])

    _binget = _long_binget = _get

    def _global(self, argument: str):
        self.stack.append(Global(*argument.split(" ", 1)))

    def _stack_global(self, _):
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Global(module, name))

    def _reduce(self, _):
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, Global) or tuple(called) not in self.calls:
            what = ".".join(called) if isinstance(called, Global) else type(called).__name__
            raise pickle.UnpicklingError(f"it asks for {what}, which no weights need")
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError("it calls without a tuple of arguments")
        self.stack.append(self._paid(self.calls[tuple(called)](*arguments)))

    def _build(self, _):
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, dict):  # attributes of an OrderedDict, such as PyTorch's _metadata
            return
        if not isinstance(target, _Unbuilt):
            raise pickle.UnpicklingError(f"it sets the state of a {type(target).__name__}")
        self.stack[-1] = self._paid(target.build(state))
        for key in target.memo_keys:
            self.memo[key] = self.stack[-1]

    def _paid(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            self.budget -= value.nbytes
        elif isinstance(value, (bytes, dict)):
            self.budget -= len(value)
        if self.budget < 0:
            raise pickle.UnpicklingError("it asks for more memory than its size explains")
        return value

    def _binpersid(self, _):
        if self.persistent is None:
            raise pickle.UnpicklingError("it holds persistent ids")
        self.stack.append(self.persistent(self.stack.pop()))


def _set_items(target: dict, items) -> None:
    """Only plain keys: hashing a tuple nested deep enough overflows the C stack."""
    for key, value in items:
        if not isinstance(key, (str, bytes, int, float, type(None))):
            raise pickle.UnpicklingError(f"it has a {type(key).__name__} as a key")
        target[key] = value


def ordered_dict(pairs: list | tuple = ()) -> dict:
    """`collections.OrderedDict`; a dict keeps its order as well."""
    result: dict = {}
    _set_items(result, pairs)
    return result


def _encode(text: str, encoding: str) -> bytes:
    """`_codecs.encode`, as protocol 2 writes bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it encodes to {encoding!r}")
    return text.encode("latin-1")


def _dtype(code: str, *_) -> _Unbuilt:
    """`numpy.dtype` of numbers; its state gives the byte order."""
    if not re.fullmatch("f[248]|[iu][1248]|b1", code):
        raise pickle.UnpicklingError(f"it holds an array of dtype {code!r}")

    def build(state: tuple) -> np.dtype:
        if state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("it holds a dtype without a byte order")
        return np.dtype(state[1] + code)

    return _Unbuilt(build)


def _tuple(items: tuple) -> tuple:
    """`tuple`; of nothing but a tuple, as copies of a list would add up."""
    if type(items) is not tuple:
        raise pickle.UnpicklingError("it makes a tuple of something else")
    return items


def _array(state: tuple) -> np.ndarray:
    """An array from numpy's own state of it: (version, shape, dtype, Fortran order, bytes)."""
    _, shape, dtype, fortran, raw = state
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw  # a pickle of Python 2
    return array_of(raw, dtype, shape, "F" if fortran else "C")


def array_of(raw, dtype: np.dtype, shape: tuple, order: str = "C") -> np.ndarray:
    """A writable array of exactly the bytes `raw`. Raises UnpicklingError if the sizes differ."""
    count = 1
    for size in shape:
        if type(size) is not int or size < 0:
            raise pickle.UnpicklingError("it holds an array without a shape")
        count *= size
    if not isinstance(dtype, np.dtype) or count * dtype.itemsize != len(raw):
        raise pickle.UnpicklingError(
            f"it holds {len(raw)} bytes for an array of {count} {dtype} values"
        )
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy(order)


#: numpy's arrays, in plain containers
NUMPY_CALLS: Calls = {
    ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Unbuilt(_array),
    ("numpy._core.multiarray", "_reconstruct"): lambda *_: _Unbuilt(_array),
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): ordered_dict,
    # how paddle.save writes a tensor that is not right below the top: (name, array)
    ("builtins", "tuple"): _tuple,
    ("__builtin__", "tuple"): _tuple,
}


#: where training scripts keep the weights among other things
_NESTED = ("state_dict", "model", "model_state_dict", "module")


def named(content: Any, kind: type) -> dict[str, Any]:
    """The items of class `kind` in a dict, or in the dict of weights inside it.

    Raises UnpicklingError if there are none.
    """
    if not isinstance(content, dict):
        what = type(content).__name__
        raise pickle.UnpicklingError(f"it holds a {what}, not named tensors")
    found = {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, kind)}
    inner = [content[key] for key in _NESTED if isinstance(content.get(key), dict)]
    if found or not inner:
        if not found:
            raise pickle.UnpicklingError("it holds no tensors")
        return found
    return named(inner[0], kind)


def mapped(path: Path) -> mmap.mmap:
    """The file in memory, page by page. Raises InputError; ValueError if it is empty."""
    try:
        with open(path, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def read_pickle(path: Path) -> Any:
    """What `paddle.save` wrote to `path`: containers, numbers, strings and numpy arrays.

    Raises:
        InputError: unreadable, not such a file, or one that names anything else; nothing in the
            file has been run then.
    """
    try:
        with mapped(path) as stream:
            return load(stream, NUMPY_CALLS)
    except DAMAGE as error:
        raise unsafe(path, error) from None


def unsafe(path: Path, error: Exception) -> InputError:
    """One line for a file that is damaged or that asks for more than weights need."""
    reason = next(_lines(error), type(error).__name__)
    return InputError(f"{path}: not a weight file that is safe to read: {reason[:200]}")


def _lines(error: Exception) -> Iterator[str]:
    return iter(str(error).splitlines())


def write_pickle(path: Path, content: Any) -> None:
    """Write containers and numpy arrays as `paddle.load` reads them, atomically."""
    write_atomically(path, lambda file: pickle.dump(content, file, protocol=4))
