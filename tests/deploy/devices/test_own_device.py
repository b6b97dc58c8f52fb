"""Another kind of device is one class and its name in KINDS."""

import json

import pytest

from ppghost.deploy import bench, compare, report
from ppghost.deploy.devices import discovery
from ppghost.deploy.devices.base import Burst, timestamp
from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.devices.notes import Note

SENSORS = {"temp_c": 40.0, "freq_khz": None, "freq_cap_khz": None}


class BoardSession:
    def close(self):
        pass


class Board:
    """A board without an operating system, on a serial line."""

    serial, kind, state = "board-1", "board", "device"
    sample_kind = "invocation mean"
    repeats = 3
    runs_here = False
    power_mode = affinity = None

    @classmethod
    def discover(cls, options):
        return [cls()]

    @classmethod
    def find(cls, name, options):
        return cls() if name == cls.serial else None

    def describe(self):
        return {
            "serial": self.serial, "kind": self.kind, "state": self.state, "model": "A board",
            "soc": "A chip", "abi": "riscv64", "android": None, "lite_version": None,
        }  # fmt: skip

    def limitation(self, threads):
        return Note("benchmark_bin_cannot_check")

    def incompatibility(self, info):
        return None if info.target == "arm" else f"made for {info.target}, not for a board"

    def translator(self):
        return None

    def check(self):
        pass

    def prepare(self):
        pass

    def open(self, model, threads):
        return BoardSession()

    def check_output(self, session):
        return {"max_abs_diff": 0.0, "ok": True, "where": "device"}

    def measure(self, session, repeats, warmup):
        return Burst([5.0 + repeats], [], dict(SENSORS), dict(SENSORS), {})

    def conditions(self):
        return {"t": timestamp(), **SENSORS, "battery": None}

    def recover(self, seconds):
        return False

    def cancel(self):
        pass

    def close(self):
        pass


@pytest.fixture(autouse=True)
def board_is_a_kind(monkeypatch):
    monkeypatch.setattr(discovery, "KINDS", (HostDevice, Board))


def test_it_is_listed(run):
    code, out, _ = run("devices")
    assert code == 0
    assert "board-1  board  device  A board, A chip, riscv64" in out
    assert "board-1" in [
        device["serial"] for device in json.loads(run("devices", "--json", "-")[1])
    ]


def test_it_is_measured_compared_and_reported(converted, tmp_path):
    files = [tmp_path / "old.json", tmp_path / "new.json"]
    for file in files:
        measured = bench(converted / "arm", "board-1", output=file, rounds=10)
        (result,) = measured.results
        assert result.status == "ok"
        assert (result.stats.median, result.stats.p90) == (8.0, None)
        assert "cannot check outputs" in result.warning
    (row,) = compare(*files).rows
    assert (row.device, row.ratio) == ("board-1", 1.0)
    report(files[:1], tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "A board" in page
