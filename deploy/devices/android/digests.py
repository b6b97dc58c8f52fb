"""What tells whether a file arrived whole on a phone: the digest that it computes itself."""

import hashlib
from collections.abc import Collection
from pathlib import Path

#: best first, and the Python name of what each computes: Android has sha256sum from 8 on, sha1sum
#: and md5sum from 6 on, before that toolbox's md5
TOOLS = {"sha256sum": "sha256", "sha1sum": "sha1", "md5sum": "md5", "md5": "md5"}


def choose_tool(programs: Collection[str]) -> str | None:
    """The best of a phone's tools; None if it has none.

    Args:
        programs: that the phone has.
    """
    return next((name for name in TOOLS if name in programs), None)


def local_digest(path: Path, tool: str) -> str:
    """What a tool must say of a file, in hexadecimal.

    Args:
        path: of the file here.
        tool: a key of `TOOLS`.
    """
    digest = hashlib.new(TOOLS[tool], usedforsecurity=False)
    digest.update(path.read_bytes())
    return digest.hexdigest()
