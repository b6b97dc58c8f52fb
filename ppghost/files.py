"""Writing files so that a reader, or a crash, never meets half of one."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ppghost.errors import InputError


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn a full, read-only or missing disk into one line that names `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot write: {reason}; choose another output") from None


def write_atomically(path: Path, write: Callable) -> None:
    """Call `write` with a binary file object; `path` then holds the whole of it, or is untouched.

    Missing directories are made.

    Raises:
        InputError: the place cannot be written to.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def write_text(path: Path, text: str) -> None:
    """`write_atomically` for text in UTF-8."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))


@contextlib.contextmanager
def staging_directory(target: Path) -> Iterator[Path]:
    """A temporary directory beside `target`, on the same disk; gone when the block ends."""
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
