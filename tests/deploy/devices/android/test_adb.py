"""The thin wrapper of the real adb client, against an emulated phone and its faults.

What any phone must answer is asked in test_adb_daemons.py.
"""

import threading
import time
from pathlib import Path

import pytest
from support.phone import BENCHMARK_BIN

from ppghost.deploy.devices.android.adb import Adb
from ppghost.deploy.devices.android.adb_client import ADVICE, find_adb, list_serials
from ppghost.deploy.devices.android.folder import FOLDER
from ppghost.errors import DeviceError, DeviceLost


@pytest.fixture
def adb(phone):
    return Adb(phone.serial)


def within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_device_that_dies_in_the_middle_is_never_success(adb, phone):
    phone.faults(drop_in_run=True)
    with pytest.raises(DeviceLost, match=f"{phone.serial}: the device went away"):
        adb.shell("sleep 0.3 # --repeats")


def test_an_unauthorized_phone_says_what_to_do(adb, phone):
    phone.authorize(False)
    phone.reconnect()
    try:
        assert list_serials()[phone.serial] == "unauthorized"
        with pytest.raises(DeviceError, match="unauthorized; unlock it and allow USB debugging"):
            adb.shell("true")
    finally:
        phone.authorize(True)
        phone.reconnect()
    assert list_serials()[phone.serial] == "device"
    assert set(ADVICE) > {"offline", "unauthorized"}


def test_an_unknown_serial_is_lost(phone):
    with pytest.raises(DeviceLost, match="R58M: the device went away"):
        Adb("R58M").shell("true")


def test_a_full_phone_is_named_and_nothing_half_is_left(adb, phone):
    phone.faults(no_space=True)
    with pytest.raises(DeviceError, match=f"{phone.serial}: no space left for benchmark_bin"):
        adb.push(BENCHMARK_BIN, "benchmark_bin")
    assert phone.files() == ["ppghost"]


def test_a_link_lost_in_a_push_is_no_push(adb, phone):
    phone.faults(drop_in_push=True)
    with pytest.raises(DeviceLost, match=r"device went away|adb failed"):
        adb.push(BENCHMARK_BIN, "benchmark_bin")
    phone.faults()
    assert adb.reconnect() == "device"
    assert adb.push(BENCHMARK_BIN, "benchmark_bin") is True


def test_a_program_that_hangs_is_ended_on_the_device(adb, phone):
    phone.faults(hang=True)
    adb.push(BENCHMARK_BIN, "benchmark_bin", executable=True)
    with pytest.raises(DeviceError, match="did not end in 1 s and was stopped on the device"):
        adb.run_program(["./benchmark_bin", "--repeats=1"], 1)
    within(2, lambda: not phone.programs())


def test_what_outlived_its_link_is_ended_later(adb, phone):
    phone.faults(hang=True, drop_in_run=True)
    adb.push(BENCHMARK_BIN, "benchmark_bin", executable=True)
    with pytest.raises(DeviceLost):
        adb.run_program(["./benchmark_bin", "--repeats=1"], 20)
    assert phone.programs()
    assert adb.reconnect() == "device"
    adb.kill_program()
    within(2, lambda: not phone.programs())


def test_a_process_id_that_went_to_another_program_is_left_alone(adb, phone):
    started = f"mkdir -p {FOLDER}; cd /sys; sleep 5 >/dev/null 2>&1 & echo $!"
    process = adb.shell(f"{started} > {FOLDER}/pid; cat {FOLDER}/pid").stdout.strip()
    adb.kill_program()
    assert adb.shell(f"cat {FOLDER}/pid").returncode == 1
    assert b"sleep" in Path(f"/proc/{process}/cmdline").read_bytes()


def test_cancel_ends_the_call_that_another_thread_waits_for(adb):
    errors = []

    def wait():
        try:
            adb.shell("sleep 5")
        except DeviceLost as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    started = time.monotonic()
    adb.cancel()
    thread.join(2)
    assert errors
    assert time.monotonic() - started < 1
    with pytest.raises(DeviceLost):
        adb.shell("true")


def test_clean_up_leaves_nothing(adb, phone):
    adb.push(BENCHMARK_BIN, "benchmark_bin")
    adb.clean_up()
    assert phone.files() == []


def test_adb_is_the_one_on_path_else_the_bundled_one(monkeypatch, tmp_path):
    own = tmp_path / "adb"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_adb() == str(own)
    own.unlink()
    assert "adbutils" in find_adb()
