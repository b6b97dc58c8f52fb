"""Folders of a data set that we write: whole or not at all, and never over something else."""

import os
from collections.abc import Callable
from pathlib import Path

from ppghost.errors import InputError
from ppghost.utils.files import output_errors, staging_directory


def write_once(
    directory: Path,
    fill: Callable[[Path], None],
    is_complete: Callable[[], bool],
    *,
    entries: set[str],
    what: str,
    force: bool,
) -> bool:
    """Let `fill` write into a new folder beside `directory`, which then takes its place.

    Args:
        directory: where to; may exist if it is empty or holds these data already.
        fill: writes everything into the folder that it is given.
        is_complete: says whether a `directory` that is there holds all of it.
        entries: what a `directory` that may be written over holds, at most.
        what: the data's name, for messages.
        force: write again over an earlier copy, also over a damaged one.

    Returns:
        False where the complete data were there already.

    Raises:
        InputError: the folder holds something else, or it cannot be written.
    """
    with output_errors(directory):
        found = {path.name for path in directory.iterdir()} if directory.exists() else set()
        complete = bool(found) and is_complete()
        if found and not complete and not (force and found <= entries):
            raise InputError(
                "{directory} holds something else or an incomplete copy of {what}: give an "
                "empty or a new folder (--force renews a damaged copy)",
                directory=directory,
                what=what,
            )
        if complete and not force:
            return False
        _replace(directory, fill)
    return True


def _replace(directory: Path, fill: Callable[[Path], None]) -> None:
    with staging_directory(directory) as aside:
        new = aside / "new"
        new.mkdir()
        fill(new)
        flush(new)
        if directory.exists():
            directory.rename(aside / "old")  # goes with the temporary folder
        new.rename(directory)


def flush(directory: Path) -> None:
    """Bring every file and folder below onto the disk, so that the rename cannot precede them."""
    for path in [directory, *directory.rglob("*")]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def content(path: Path) -> bytes | None:
    """The bytes of a file; None if there is none."""
    return path.read_bytes() if path.is_file() else None
