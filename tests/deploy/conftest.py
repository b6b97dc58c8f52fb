"""Small real models, exported once per session, and their conversions."""

import shutil
from pathlib import Path

import pytest
from support.phone import BENCHMARK_BIN, AdbServer, EmulatedPhone
from support.phone_runs import ROUNDS
from support.shared import shared_folder

from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.devices.android.adb_client import find_adb
from ppghost.deploy.devices.discovery import find_devices
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.runner import run_campaign


@pytest.fixture(scope="session")
def converted(models, tmp_path_factory) -> Path:
    """Folder with both.nb and flatten.nb for x86, and arm/both.nb; never written to by tests."""

    def fill(folder: Path) -> None:
        convert(models / "Both", "x86", folder / "both.nb")
        convert(models / "Flatten", "x86", folder / "flatten.nb")
        convert(models / "Both", "arm", folder / "arm" / "both.nb")

    return shared_folder(tmp_path_factory, "converted", fill)


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


@pytest.fixture
def measure(converted, tmp_path):
    """A function that runs a short campaign of one model on phones; the file is `measure.file`."""

    def run(*phones, resume=False, read_image=None, **settings):
        settings = {
            "models": converted / "both.nb", "benchmark_bin": BENCHMARK_BIN, "rounds": ROUNDS,
            "repeats": 2, "warmup": 0, "max_wait": 5.0,
            "devices": [phone.serial for phone in phones], **settings,
        }  # fmt: skip
        campaign = Campaign(**settings)
        devices = find_devices(campaign.devices, campaign.device_options())
        measured = run_campaign(
            campaign, devices, output=run.file, resume=resume, read_image=read_image
        )
        return measured.to_json()

    run.file = tmp_path / "latency.json"
    return run
