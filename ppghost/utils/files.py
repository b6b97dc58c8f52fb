"""Files written whole or not at all, read, and hashed; both halves of the product use it."""

import contextlib
import hashlib
import json
import math
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ppghost.errors import InputError


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn a full, read-only or missing place into one line that names `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            "{path}: cannot be written ({reason}); choose another output place",
            path=path,
            reason=reason,
        ) from error


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Call `write` with a binary file; `path` then holds the whole of it, or is untouched.

    Parents are created.

    Raises:
        InputError: the place cannot be written to.
    """
    # threads too may write one file at the same time: the last one's stays
    own = f"{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(f".{path.name[:100]}.{own}")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_directory(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def sync_directory(directory: Path) -> None:
    """Make the renames in `directory` last, also when the power fails."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """`write_atomically` for text in UTF-8."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))


def finite(value: Any) -> Any:
    """`value` with None for NaN and infinity, of which JSON has none, at any depth."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; ValueError for NaN, which JSON has none of."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises InputError if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "{path}: cannot be read ({strerror})", path=path, strerror=error.strerror or error
        ) from error
    except ValueError as error:
        raise InputError(
            "{path}: not a JSON file ({error})", path=path, error=str(error).splitlines()[0]
        ) from error


def cache_directory() -> Path:
    """`PPGHOST_CACHE`, else `ppghost` in `XDG_CACHE_HOME` or `~/.cache`."""
    if own := os.environ.get("PPGHOST_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ppghost"


def sha256(*paths: Path) -> str:
    """SHA-256 over the contents of `paths`, one after the other. Raises InputError."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
        except OSError as error:
            raise InputError(
                "{path}: cannot be read ({strerror})", path=path, strerror=error.strerror or error
            ) from error
    return digest.hexdigest()


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
