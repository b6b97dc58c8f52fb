"""Our wrapper of the adb client against a device's side: the emulated one, and AOSP's own adbd.

The second is skipped where it is not installed; tests/aosp_adbd.py says how to get it.
"""

import threading
import time

import pytest
from support.aosp_adbd import AospPhone, find_adbd

from ppghost.deploy.devices.android.adb import Adb
from ppghost.deploy.devices.android.adb_client import find_adb, list_serials
from ppghost.deploy.devices.android.folder import FOLDER
from ppghost.deploy.devices.android.lock import LEASE_S
from ppghost.errors import DeviceError, DeviceLost


@pytest.fixture(scope="module")
def aosp_phone():
    adbd = find_adbd()
    if not adbd:
        pytest.skip("AOSP's adbd is not installed, or cannot be kept in namespaces of its own")
    phone = AospPhone(adbd, find_adb())
    yield phone
    phone.close()


@pytest.fixture(params=["emulated", "aosp"])
def daemon(request, monkeypatch):
    """A phone, healthy and empty, that adb clients are led to."""
    if request.param == "emulated":
        return request.getfixturevalue("phone")
    phone = request.getfixturevalue("aosp_phone")
    for name, value in phone.environment.items():
        monkeypatch.setenv(name, value)
    phone.heal()
    return phone


@pytest.fixture
def adb(daemon):
    return Adb(daemon.serial)


def files(daemon):
    folder = daemon.root / "data/local/tmp"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_listed(daemon):
    assert list_serials()[daemon.serial] == "device"


def test_shell_gives_code_output_and_errors_apart(adb):
    assert adb.shell("echo out; echo err >&2; exit 7") == (7, "out\n", "err\n")
    assert adb.shell("printf 'no end of line'") == (0, "no end of line", "")
    assert adb.shell("true") == (0, "", "")


def test_output_that_looks_like_an_end_is_no_end(adb):
    assert adb.shell("echo 0123456789abcdef 0; exit 3") == (3, "0123456789abcdef 0\n", "")


def test_long_output_comes_whole(adb):
    text = "0123456789abcde\n" * 40_000
    done = adb.shell("i=0; while [ $i -lt 40000 ]; do echo 0123456789abcde; i=$((i+1)); done")
    assert done == (0, text, "")


def test_a_call_that_takes_too_long_is_given_up(adb):
    started = time.monotonic()
    with pytest.raises(DeviceLost, match="no answer in 0 s"):
        adb.shell("sleep 5", timeout=0.3)
    assert time.monotonic() - started < 2


def test_a_device_that_dies_in_the_middle_is_never_success(adb, daemon):
    killer = threading.Timer(0.3, daemon.kill)
    killer.start()
    try:
        with pytest.raises(DeviceLost, match=f"{daemon.serial}: the device went away"):
            adb.shell("sleep 5")
    finally:
        killer.join()
        daemon.restart()
    assert adb.shell("echo back").stdout == "back\n"


def test_push_is_whole_and_skipped_when_there(adb, daemon, tmp_path):
    file = tmp_path / "a 'b' $(touch x); c.nb"
    file.write_bytes(bytes(range(256)) * 3000)
    there = daemon.root / "data/local/tmp/ppghost/content.nb"
    assert adb.push(file, "content.nb") is True
    assert there.read_bytes() == file.read_bytes()
    assert adb.push(file, "content.nb") is False
    there.write_bytes(file.read_bytes()[:-1] + b"x")
    assert adb.push(file, "content.nb") is True
    assert there.read_bytes() == file.read_bytes()
    assert files(daemon) == ["ppghost", "ppghost/content.nb"]


def test_a_program_that_hangs_is_ended_on_the_device(adb, tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho $$ > ran\nexec sleep 60\n")
    adb.push(program, "program", executable=True)
    with pytest.raises(DeviceError, match="did not end in 1 s and was stopped on the device"):
        adb.run_program(["./program"], 1)
    within(2, lambda: not lives(adb))


def test_what_outlived_its_link_is_ended_later(adb, daemon, tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho $$ > ran\nexec sleep 60\n")
    adb.push(program, "program", executable=True)
    with pytest.raises(DeviceLost, match="no answer"):
        adb.shell(f"cd {FOLDER}; ./program & echo $! > pid; wait", timeout=0.5)
    assert lives(adb)
    adb.kill_program()
    within(2, lambda: not lives(adb))


def lives(adb):
    # what is dead and not yet waited for has no folder
    return adb.shell(f"readlink /proc/$(cat {FOLDER}/ran)/cwd").stdout != ""


def test_a_lock_is_held_renewed_and_gone_with_the_rest(adb, daemon):
    adb.lock()
    lock = daemon.root / FOLDER.lstrip("/") / "lock"
    with pytest.raises(DeviceError, match="is measuring on it"):
        Adb(daemon.serial).lock()
    adb.shell("true", timeout=90)
    assert abs(int(lock.read_text().split()[-1]) - time.time() - LEASE_S - 90) < 5
    adb.clean_up()
    assert files(daemon) == []
