"""Pickles that someone hands us, read without running what they may hold."""

import collections
import pickle
from typing import Any, BinaryIO

#: all that real files need; everything else that a pickle can name stays out
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
}


class _Unpickler(pickle.Unpickler):
    """Builds plain containers and numpy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no such file needs")
        module = module.replace("numpy._core", "numpy.core")  # as numpy 2 calls it
        return (
            collections.OrderedDict if name == "OrderedDict" else super().find_class(module, name)
        )


def load(file: BinaryIO, encoding: str = "ASCII") -> Any:
    """Read containers, numbers, strings and numpy arrays.

    Args:
        encoding: of Python 2's strings; "bytes" leaves them as bytes.

    Raises:
        ValueError: damaged, or it names anything else; nothing in it has been run then.
    """
    try:
        return _Unpickler(file, encoding=encoding).load()
    except (pickle.UnpicklingError, EOFError, TypeError, AttributeError, IndexError, KeyError,
            ImportError, MemoryError, OverflowError) as error:  # fmt: skip
        # a damaged pickle can raise any of these
        raise ValueError(str(error)) from None
