"""Paddle's pickles of arrays, and what every reader of weights shares."""

import logging
import mmap
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ppghost.errors import InputError
from ppghost.formats.pickle_reader import DAMAGE, Calls, Unbuilt, load, ordered_dict
from ppghost.i18n import tr
from ppghost.utils.files import write_atomically

logger = logging.getLogger(__name__)


def _encode(text: str, encoding: str) -> bytes:
    """`_codecs.encode`, as protocol 2 writes bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(tr("it encodes to {encoding!r}").format(encoding=encoding))
    return text.encode("latin-1")


def _dtype(code: str, *_) -> Unbuilt:
    """`numpy.dtype` of numbers; its state gives the byte order."""
    if not re.fullmatch("f[248]|[iu][1248]|b1", code):
        raise pickle.UnpicklingError(tr("it holds an array of dtype {code!r}").format(code=code))

    def build(state: tuple) -> np.dtype:
        if state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(tr("it holds a dtype without a byte order"))
        return np.dtype(state[1] + code)

    return Unbuilt(build)


def tuple_of(items: tuple) -> tuple:
    """`tuple`; of nothing but a tuple, as copies of a list would add up."""
    if type(items) is not tuple:
        raise pickle.UnpicklingError(tr("it makes a tuple of something else"))
    return items


def _array(state: tuple) -> np.ndarray:
    """An array from numpy's own state of it: (version, shape, dtype, Fortran order, bytes)."""
    _, shape, dtype, fortran, raw = state
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw  # a pickle of Python 2
    return array_of(raw, dtype, shape, "F" if fortran else "C")


def array_of(raw, dtype: np.dtype, shape: tuple, order: Literal["C", "F"] = "C") -> np.ndarray:
    """A writable array of exactly the bytes `raw`. Raises UnpicklingError if the sizes differ."""
    count = 1
    for size in shape:
        if type(size) is not int or size < 0:
            raise pickle.UnpicklingError(tr("it holds an array without a shape"))
        count *= size
    if not isinstance(dtype, np.dtype) or count * dtype.itemsize != len(raw):
        raise pickle.UnpicklingError(
            tr("it holds {count} bytes for an array of {count2} {dtype} values").format(
                count=len(raw), count2=count, dtype=dtype
            )
        )
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy(order)


def _frombuffer(raw, dtype: np.dtype, shape: tuple, order: Literal["C", "F"]) -> np.ndarray:
    """An array as pickle's protocol 5 writes it."""
    return array_of(raw, dtype, shape, order)


def _scalar(dtype: np.dtype, raw: bytes) -> Any:
    """A number of numpy's: best accuracies and the like, beside the weights."""
    return array_of(raw, dtype, ())[()]


#: numpy's arrays, in plain containers; `numpy._core` is numpy 2's name for it
NUMPY_CALLS: Calls = {
    (f"numpy.{core}.{module}", name): call
    for core in ("core", "_core")
    for module, name, call in (
        ("multiarray", "_reconstruct", lambda *_: Unbuilt(_array)),
        ("multiarray", "scalar", _scalar),
        ("numeric", "_frombuffer", _frombuffer),
    )
} | {
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): ordered_dict,
    # how paddle.save writes a tensor that is not right below the top: (name, array)
    ("builtins", "tuple"): tuple_of,
    ("__builtin__", "tuple"): tuple_of,
}


#: where training scripts keep the weights among other things
_NESTED = ("state_dict", "model", "model_state_dict", "module")


def named(content: Any, kind: type, key: str | None = None) -> dict[str, Any]:
    """The items of class `kind` in a dict, or in the dict of weights inside it.

    Args:
        content: of the file.
        kind: of tensors.
        key: of the inner dict that is meant; the usual one if None, with a line about the others.

    Raises UnpicklingError if there are none.
    """
    if not isinstance(content, dict):
        what = type(content).__name__
        raise pickle.UnpicklingError(tr("it holds a {what}, not named tensors").format(what=what))
    inside = [k for k, v in content.items() if isinstance(v, dict) and _tensors(v, kind)]
    if key is not None:
        if key not in inside:
            known = ", ".join(map(str, inside)) or tr("none")
            raise pickle.UnpicklingError(
                tr("it holds no weights under {key!r} (under: {known})").format(
                    key=key, known=known
                )
            )
        return _tensors(content[key], kind)
    found = _tensors(content, kind)
    inner = [k for k in _NESTED if isinstance(content.get(k), dict)]
    if found or not inner:
        if not found:
            raise pickle.UnpicklingError(tr("it holds no tensors"))
        return found
    if others := [k for k in inside if k != inner[0]]:
        logger.info(
            "the weights under %s are read; FILE#%s reads the others (%s)",
            inner[0], others[0], ", ".join(map(str, others)),
        )  # fmt: skip
    return named(content[inner[0]], kind)


def _tensors(content: dict, kind: type) -> dict[str, Any]:
    return {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, kind)}


def mapped(path: Path) -> mmap.mmap:
    """The file in memory, page by page. Raises InputError; ValueError if it is empty."""
    try:
        with open(path, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise InputError(
            "{path}: cannot be read ({strerror})", path=path, strerror=error.strerror or error
        ) from error


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
        raise unsafe(path, error) from error


def unsafe(path: Path, error: Exception) -> InputError:
    """One line for a file that is damaged or that asks for more than weights need."""
    reason = next(_lines(error), type(error).__name__)
    return InputError(
        "{path}: not a weight file that is safe to read: {reason}", path=path, reason=reason[:200]
    )


def _lines(error: Exception) -> Iterator[str]:
    return iter(str(error).splitlines())


def write_pickle(path: Path, content: Any) -> None:
    """Write containers and numpy arrays as `paddle.load` reads them, atomically."""
    write_atomically(path, lambda file: pickle.dump(content, file, protocol=4))
