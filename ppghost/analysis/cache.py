"""Analyses of files, kept: a file that was analysed before is not analysed again.

What is kept is known by the content of the file, by what was asked, and by the code that made it.
"""

import functools
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from ppghost.errors import InputError
from ppghost.utils.files import cache_directory, read_json, sha256, write_json

logger = logging.getLogger(__name__)


def key_of(content: bytes, **asked: Any) -> str:
    """What an analysis is known by.

    Args:
        content: of the file.
        asked: all else that the result depends on.
    """
    digest = hashlib.sha256(content)
    digest.update(json.dumps([asked, _code()], sort_keys=True).encode())
    return digest.hexdigest()


@functools.cache
def _code() -> str:
    """SHA-256 over the modules that make an analysis."""
    package = Path(__file__).resolve().parent
    return sha256(*sorted([*package.glob("*.py"), *(package.parent / "formats").glob("*.py")]))


def read(key: str) -> dict[str, Any] | None:
    """What is kept; None if there is nothing, or it is damaged."""
    path = _path(key)
    if not path.is_file():
        return None
    try:
        kept = read_json(path)
    except InputError as error:
        logger.debug("%s", error)
        return None
    # a file that was cut off or changed has another digest
    return kept["analysis"] if _is_whole(kept) else None


def write(key: str, analysis: dict[str, Any]) -> None:
    """Keep an analysis; where nothing can be written there, nothing is kept."""
    try:
        write_json(_path(key), {"sha256": _digest(analysis), "analysis": analysis})
    except InputError as error:
        logger.debug("%s", error)


def _is_whole(kept: Any) -> bool:
    return (
        isinstance(kept, dict)
        and isinstance(kept.get("analysis"), dict)
        and kept.get("sha256") == _digest(kept["analysis"])
    )


def _digest(analysis: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(analysis, sort_keys=True).encode()).hexdigest()


def _path(key: str) -> Path:
    return cache_directory() / "analysis" / f"{key}.json"
