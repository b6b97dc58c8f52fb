"""Stages of a demo: each leaves its result in a folder, and is not run again when it is done."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import ppghost
from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.files import output_errors, read_json, sha256, write_json

logger = logging.getLogger(__name__)


class Stages:
    """Runs stages in order, remembers the results of finished ones in a directory."""

    def __init__(self, directory: Path, total: int):
        self.directory, self.total, self.number = directory, total, 0
        self.results: dict = {}

    def run(self, name: str, title: str, function: Callable[[], object], made: list[Path]) -> None:
        """Run one stage, unless it was finished before and all that it `made` is still there."""
        self.number += 1
        record = self.directory / f"{name}.json"
        head = tr("[{number}/{total}] {title}").format(
            number=self.number, total=self.total, title=title
        )
        if all(path.exists() for path in made) and (known := self._known(record)):
            logger.info("%s: done before", head)
            self.results[name] = known["result"]
            return
        logger.info("%s", head)
        started = time.monotonic()
        self.results[name] = function()
        seconds = round(time.monotonic() - started, 1)
        write_json(record, {"seconds": seconds, "result": self.results[name]})
        logger.info("%s: %.0f s", head, seconds)

    def _known(self, record: Path) -> dict | None:
        try:
            return read_json(record)
        except InputError:
            return None


def forget_other_code(output: Path, made: Sequence[str]) -> None:
    """Delete what other code than this left in a demo's folder: all of it is made anew.

    Args:
        output: the folder.
        made: what stages leave in it and later runs go on from.
    """
    code, fingerprint = output / "code.json", _fingerprint()
    try:
        known = read_json(code)
    except InputError:
        known = None
    if known == fingerprint:
        return
    if known is not None:
        logger.info("the code has changed since the last run: every stage is run again")
    for name in made:
        with output_errors(output / name):
            if (output / name).is_dir():
                shutil.rmtree(output / name)
            (output / name).unlink(missing_ok=True)
    write_json(code, fingerprint)


def _fingerprint() -> str:
    """SHA-256 over everything that this package is made of: code, tables, templates, configs."""
    package = Path(ppghost.__file__).parent
    files = (
        Path(folder, name)
        for folder, _, names in os.walk(package, followlinks=True)
        for name in names
        if Path(name).suffix not in (".pyc", ".so")
    )
    return sha256(*sorted(files))
