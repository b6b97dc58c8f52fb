"""Images as files: which are there, and what happens at one that cannot be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError, TrainingError
from ppghost.i18n import tr

logger = logging.getLogger(__name__)
T = TypeVar("T")

# So many unusable images on end mean wrong operations or a lost disk, not a few broken files.
MAX_BAD_IN_A_ROW = 100


class BadImages:
    """What happens at images that cannot be used: the config's `Global.bad_images`.

    Args:
        policy: "stop" ends the run at a missing or broken image, "skip" goes on without.
    """

    def __init__(self, policy: str) -> None:
        if policy not in ("stop", "skip"):
            raise ValueError(
                tr("on_bad_image is {policy!r}, neither stop nor skip").format(policy=policy)
            )
        self.skips = policy == "skip"
        self._warned: set[int] = set()

    def leave_out(self, problems: Sequence[str], of: int, *, missing: bool = False) -> None:
        """Say what cannot be used before any of it is loaded: the first problem and their number.

        Args:
            problems: a sentence each.
            of: how many images there are.
            missing: the problem is that files are missing.

        Raises:
            InputError: there is a problem, and they are not to be skipped.
        """
        if not problems:
            return
        count = (
            tr("({count} of {of} are missing)")
            if missing
            else tr("({count} of {of} cannot be used)")
        ).format(count=len(problems), of=of)
        if not self.skips:
            remedy = tr("add it") if missing else tr("mend it")
            raise InputError(
                "{first} {count}; {remedy}, or set Global.bad_images: skip",
                first=problems[0],
                count=count,
                remedy=remedy,
            )
        logger.warning("%s %s; going on without", problems[0], count)

    def first_good(
        self, index: int, count: int, read: Callable[[int], T], where: Callable[[int], str]
    ) -> T:
        """Return `read(index)`, or that of the next good one of `count` images.

        A broken image ends the run or, if it is to be skipped, gives its place (with one warning)
        to the next good one. PaddleClas takes a random other image there; the next one keeps a run
        reproducible, also when it is resumed.

        Raises:
            TrainingError: the image cannot be used and is not to be skipped, or too many in a row
                cannot be used.
        """
        for step in range(min(count, MAX_BAD_IN_A_ROW)):
            place = (index + step) % count
            try:
                return read(place)
            except BadImage as error:
                problem = f"{where(place)} {error}"
                if not self.skips:
                    raise TrainingError(
                        "{problem}; mend it, or set Global.bad_images: skip", problem=problem
                    ) from error
                if place not in self._warned:
                    self._warned.add(place)
                    logger.warning("%s; the next good image takes its place", problem)
        raise TrainingError(
            "{step} images in a row cannot be used, the last: {problem}",
            step=step + 1,
            problem=problem,
        )


def read_file(path: Path) -> bytes:
    """The bytes of an image file; BadImage if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadImage("cannot be read ({strerror})", strerror=error.strerror) from error


def are_files(root: Path, paths: Sequence[str]) -> list[bool]:
    """Say of each path, relative to `root`, whether it is a file.

    Each folder is listed once: a fourth of the time that a look at every file takes on a local
    disk, and far less on a network's.
    """
    listed: dict[str, set[str]] = {}
    exists = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in listed:
            try:
                with os.scandir(os.path.join(root, folder)) as entries:
                    listed[folder] = {entry.name for entry in entries if entry.is_file()}
            except (OSError, ValueError):  # ValueError: a name with a NUL
                listed[folder] = set()
        exists.append(name in listed[folder])
    return exists
