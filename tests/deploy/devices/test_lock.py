"""One campaign at a time on a device, whoever else wants it, and nobody for ever."""

import os
import re
import subprocess
import sys
import time

import pytest
from support.phone import BENCHMARK_BIN

from ppghost.deploy.devices.android import lock
from ppghost.deploy.devices.android.adb import Adb
from ppghost.deploy.devices.android.folder import FOLDER
from ppghost.deploy.devices.android.lock import LEASE_S
from ppghost.deploy.devices.host.lock import HostLock
from ppghost.errors import DeviceError, DeviceLost

LOCK = f"{FOLDER}/lock"


@pytest.fixture
def adb(phone):
    return Adb(phone.serial)


def lock_file(phone):
    return phone.root / LOCK.lstrip("/")


def rewrite(phone, **changes):
    """Change fields of the lock on the phone."""
    fields = ("token", "pid", "host", "origin", "since", "until")
    words = dict(zip(fields, lock_file(phone).read_text().split(), strict=True))
    words |= {name: str(value) for name, value in changes.items()}
    lock_file(phone).write_text(" ".join(words.values()) + "\n")


def gone_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_phone_in_use_names_who_uses_it(adb, phone):
    adb.lock()
    adb.lock()
    with pytest.raises(DeviceError, match=f"{phone.serial}: process {os.getpid()} on .* is measur"):
        Adb(phone.serial).lock()
    adb.clean_up()
    other = Adb(phone.serial)
    other.lock()
    other.clean_up()
    assert phone.files() == []


def test_a_phone_in_use_from_another_computer_is_free_when_that_is_silent(adb, phone):
    adb.lock()
    rewrite(phone, host="rack7", pid=gone_process(), origin="another-boot")
    with pytest.raises(DeviceError, match=r"process .* on rack7 is measuring on it") as caught:
        Adb(phone.serial).lock()
    seconds = int(re.search(r"free in (\d+) s", str(caught.value))[1])
    assert LEASE_S - 10 < seconds <= LEASE_S
    now = int(time.time())
    rewrite(phone, since=now - 700, until=now - 100)
    Adb(phone.serial).lock()


@pytest.mark.parametrize(
    "void",
    [
        {"pid": "PID"},
        # the phone was off and its clock began anew
        {"origin": "another-boot", "since": 4102444800, "until": 4102445400},
        {"since": "", "until": ""},
    ],
)
def test_a_lock_that_nobody_can_still_hold_is_taken_at_once(adb, phone, void):
    adb.lock()
    rewrite(phone, **{key: gone_process() if x == "PID" else x for key, x in void.items()})
    other = Adb(phone.serial)
    other.lock()
    assert other.shell("echo ours").stdout == "ours\n"
    with pytest.raises(DeviceLost, match=f"{phone.serial}: another campaign took the phone over"):
        adb.shell("echo ours")


def test_calls_renew_the_lock_where_it_was_not_renewed_for_a_minute(adb, phone, monkeypatch):
    def left():
        return int(lock_file(phone).read_text().split()[-1]) - time.time()

    adb.lock()
    rewrite(phone, until=1)
    adb.shell("true", timeout=30)
    assert left() < 0
    adb.shell("true", timeout=90)
    assert abs(left() - LEASE_S - 90) < 5
    rewrite(phone, until=1)
    adb.shell("true", timeout=90)
    assert left() < 0
    monkeypatch.setattr(lock, "RENEW_AFTER_S", 0)
    adb.shell("true", timeout=95)
    assert abs(left() - LEASE_S - 95) < 5


def test_who_lost_a_phone_leaves_it_alone(adb, phone):
    adb.lock()
    adb.push(BENCHMARK_BIN, "benchmark_bin", executable=True)
    rewrite(phone, pid=gone_process())
    other = Adb(phone.serial)
    other.lock()
    other.shell(f"echo 1 > {FOLDER}/pid")
    before = phone.files()
    with pytest.raises(DeviceLost, match="took the phone over"):
        adb.run_program(["./benchmark_bin", "--version"], 5)
    adb.kill_program()
    adb.clean_up()
    assert phone.files() == before
    assert "ppghost/pid" in before


def test_this_host_is_one_campaigns_at_a_time_until_its_process_ends():
    keep = "lock = HostLock(); lock.take(); print(flush=True); time.sleep(60)"
    script = f"import time; from ppghost.deploy.devices.host.lock import HostLock; {keep}"
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    holder.stdout.readline()
    lock = HostLock()
    with pytest.raises(DeviceError, match=f"host: process {holder.pid} is measuring on it"):
        lock.take()
    holder.kill()
    holder.wait()
    lock.take()
    lock.take()
    with pytest.raises(DeviceError, match=f"process {os.getpid()} is"):
        HostLock().take()
    lock.release()
    other = HostLock()
    other.take()
    other.release()
