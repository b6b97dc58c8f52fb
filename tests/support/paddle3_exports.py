"""Small exports of Paddle 3, which `tests/formats/pir/make_exports.py` made."""

import tarfile
from pathlib import Path

from support import ROOT

ARCHIVE = ROOT / "tests/formats/pir/exports.tar.xz"


def groups():
    """All of them: "3.3.1/activations"."""
    with tarfile.open(ARCHIVE) as archive:
        names = [Path(name) for name in archive.getnames() if name.endswith("inference.json")]
    return sorted(str(name.parent) for name in names)


def extract(folder, wanted=""):
    """Write the exports whose names begin so to a folder, which is returned."""
    with tarfile.open(ARCHIVE) as archive:
        members = [member for member in archive if member.name.startswith(wanted)]
        archive.extractall(folder, members, filter="data")
    return folder


def network(folder):
    """An image classifier alone: the program, its parameters, and nothing beside them.

    Images are [3, 16, 16], and there are 5 classes.
    """
    name = "3.3.1/network"
    made = extract(folder, name) / name
    (made / "reference.npz").unlink()
    return made
