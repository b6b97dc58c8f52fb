"""Small real models, exported once per session, and their conversions."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from phone import AdbServer, EmulatedPhone

from deploy.adb import find_adb
from deploy.convert import convert
from deploy.host import run_once
from deploy.host_worker import seeded_inputs
from deploy.sidecar import sidecar_path

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


@pytest.fixture(scope="session")
def adb_server():
    """An adb server of the tests' own, so that no developer's phone is ever touched."""
    server = AdbServer(find_adb())
    yield server
    server.close()


@pytest.fixture(scope="session")
def two_phones(adb_server):
    """Two emulated phones that the adb server is connected to."""
    phones = [EmulatedPhone(adb_server) for _ in range(2)]
    yield phones
    for phone in phones:
        phone.close()


@pytest.fixture
def phones(two_phones, adb_server, monkeypatch, tmp_path):
    """Both, healthy and empty; adb clients and the memory of benchmark_bin are the tests' own."""
    monkeypatch.delenv("ADB_SERVER_SOCKET", raising=False)
    for name, value in adb_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for phone in two_phones:
        phone.heal()
    return two_phones


@pytest.fixture
def phone(phones):
    """The first of them."""
    return phones[0]


@pytest.fixture(scope="session")
def checkable(converted, tmp_path_factory) -> Path:
    """The x86 models with reference outputs in their descriptions, whoever converted them."""
    folder = tmp_path_factory.mktemp("checkable")
    for nb in converted.glob("*.nb"):
        shutil.copy(nb, folder)
        described = json.loads(sidecar_path(nb).read_text())
        outputs = run_once(nb, seeded_inputs(described["inputs"], 3))
        described["reference"] = {
            "seed": 3,
            "outputs": [value.ravel().tolist() for value in outputs.values()],
        }
        sidecar_path(folder / nb.name).write_text(json.dumps(described))
    return folder
