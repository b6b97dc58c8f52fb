"""Pickles read as data: a small machine of our own that imports nothing and calls nothing.

Python's own unpickler, even with an allow-list, still lets a file set the state of the objects that
it names: numpy's dtype, for one, believes flags that make it take bytes for pointers. Here a
name in the file stays a name (`Global`), and what it stands for is one of a few functions below.
"""

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ppghost.i18n import tr

#: what a damaged or hostile pickle makes the machine raise
DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError,
    AttributeError, OverflowError, MemoryError,
)  # fmt: skip


class Global(NamedTuple):
    """A class or function that a file names; never looked up."""

    module: str
    name: str


class Unbuilt:
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
    raise pickle.UnpicklingError(tr("it ends early"))


def _size(stream) -> int:
    position = stream.tell()
    size = stream.seek(0, io.SEEK_END) or stream.tell()  # mmap's seek returns nothing
    stream.seek(position)
    return size


#: opcodes whose argument is the value
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "BYTEARRAY8",
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
#: the one class whose objects are plain data: a training script's options
_OPTIONS = Global("argparse", "Namespace")
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
            raise pickle.UnpicklingError(
                tr("it holds objects, not only tensors; save the state_dict")
            )
        else:
            raise pickle.UnpicklingError(
                tr("it uses the opcode {name}, which no weights need").format(name=name)
            )

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
            raise pickle.UnpicklingError(
                tr("it changes what is not a {kind}").format(kind=kind.__name__)
            )
        return self.stack[-1]

    def _put(self, key):
        self.memo[key] = self.stack[-1]
        if isinstance(self.stack[-1], Unbuilt):
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
        if not isinstance(called, Global) or (called.module, called.name) not in self.calls:
            what = ".".join(called) if isinstance(called, Global) else type(called).__name__
            raise pickle.UnpicklingError(
                tr("it asks for {what}, which no weights need").format(what=what)
            )
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError(tr("it calls without a tuple of arguments"))
        self.stack.append(self._paid(self.calls[called.module, called.name](*arguments)))

    def _newobj(self, _):
        arguments, kind = self.stack.pop(), self.stack.pop()
        if kind != _OPTIONS or arguments != ():
            raise pickle.UnpicklingError(
                tr("it holds objects, not only tensors; save the state_dict")
            )
        self.stack.append({})  # whose attributes are nobody's business

    def _build(self, _):
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, dict):  # attributes of an OrderedDict, such as PyTorch's _metadata
            return
        if not isinstance(target, Unbuilt):
            raise pickle.UnpicklingError(
                tr("it sets the state of a {type}").format(type=type(target).__name__)
            )
        self.stack[-1] = self._paid(target.build(state))
        for key in target.memo_keys:
            self.memo[key] = self.stack[-1]

    def _paid(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            self.budget -= value.nbytes
        elif isinstance(value, (bytes, dict)):
            self.budget -= len(value)
        if self.budget < 0:
            raise pickle.UnpicklingError(tr("it asks for more memory than its size explains"))
        return value

    def _binpersid(self, _):
        if self.persistent is None:
            raise pickle.UnpicklingError(tr("it holds persistent ids"))
        self.stack.append(self.persistent(self.stack.pop()))


def _set_items(target: dict, items) -> None:
    """Only plain keys: hashing a tuple nested deep enough overflows the C stack."""
    for key, value in items:
        if not isinstance(key, (str, bytes, int, float, type(None))):
            raise pickle.UnpicklingError(
                tr("it has a {type} as a key").format(type=type(key).__name__)
            )
        target[key] = value


def ordered_dict(pairs: list | tuple = ()) -> dict:
    """`collections.OrderedDict`; a dict keeps its order as well."""
    result: dict = {}
    _set_items(result, pairs)
    return result
