"""Small real models, exported once per session, and their conversions."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.convert import convert

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """Folder of exported models, those of build_models.py (all 32x32)."""
    folder = tmp_path_factory.mktemp("exported")
    done = subprocess.run(
        [sys.executable, HERE / "build_models.py", folder],
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def converted(models, tmp_path_factory) -> Path:
    """Folder with both.nb and flatten.nb for x86, and arm/both.nb; never written to by tests."""
    folder = tmp_path_factory.mktemp("converted")
    convert(models / "Both", "x86", folder / "both.nb")
    convert(models / "Flatten", "x86", folder / "flatten.nb")
    convert(models / "Both", "arm", folder / "arm" / "both.nb")
    return folder


@pytest.fixture
def nb_copy(converted, tmp_path):
    """A function that copies a converted x86 model, without its sidecar, and returns its path."""

    def copy(name: str = "both.nb") -> Path:
        return Path(shutil.copyfile(converted / name, tmp_path / "copy.nb"))

    return copy
