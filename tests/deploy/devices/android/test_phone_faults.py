"""Faults of emulated phones: each leaves what was measured in the file, --resume does the rest."""

import json
import logging
import os
import signal
import subprocess
import sys
import time

import pytest
from support import ROOT
from support.phone import BENCHMARK_BIN
from support.phone_runs import ROUNDS, all_done, counts, kept

from ppghost.deploy.devices.android import known_programs
from ppghost.deploy.devices.android import session as phone_session
from ppghost.deploy.devices.android.adb import Adb
from ppghost.errors import DeviceError

ZONE = "sys/class/thermal/thermal_zone1/temp"
#: runs of the program before anything is timed: the outputs for two inputs
CHECKS = 2
CAP = "sys/devices/system/cpu/cpu7/cpufreq/scaling_max_freq"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("crash", r"ended with signal 6 \(exit code 134: .*std::exception"),
        ("silent", r"gave no result \(exit code 0: it printed nothing\)"),
        ("mismatch", r"gave no result \(exit code 0: .*optimized by another version of opt"),
        ("nan", "gave no usable time"),
        ("echo", "ran with threads 1, not 2 as asked"),
    ],
)
def test_a_program_that_fails_is_named(measure, phone, fault, message):
    phone.faults(**{fault: {"after": CHECKS + 1}})
    with pytest.raises(DeviceError, match=f"every model failed; the first: Both: .*{message}"):
        measure(phone, threads=(2,))
    assert counts(kept(measure)) == [1]
    assert phone.files() == []


def test_a_program_that_fails_once_costs_its_model_only(measure, phone, converted):
    # the checks of outputs and two whole rounds, then the third round's first
    phone.faults(crash={"after": 2 * CHECKS + 4, "times": 1})
    with pytest.raises(DeviceError, match="1 of 2 models failed"):
        measure(phone, models=converted)
    [failed] = [result for result in kept(measure) if result["status"] == "failed"]
    [good] = [result for result in kept(measure) if result["status"] == "ok"]
    assert counts([failed, good]) == [2, ROUNDS]
    phone.faults()
    results = measure(phone, models=converted, resume=True)["results"]
    assert {result["status"] for result in results} == {"ok"}
    # what is measured later is divided by what was measured beside it
    if failed["model"] == "Both":
        again = next(result for result in results if result["model"] == "Flatten")
        assert again["ratio"]["reference"] == "Flatten"
    else:
        again = next(result for result in results if result["model"] == "Flatten")
        assert (again["ratio"]["reference"], again["ratio"]["rounds"]) == ("Both", ROUNDS)


def test_a_program_that_hangs_is_ended(measure, phone, monkeypatch):
    monkeypatch.setattr(phone_session, "START_TIMEOUT_S", 2.0)
    monkeypatch.setattr(phone_session, "INFERENCE_TIMEOUT_S", 0.0)
    phone.faults(hang={"after": CHECKS, "times": 1})
    with pytest.raises(DeviceError, match="did not end in 2 s and was stopped on the device"):
        measure(phone)
    assert not phone.programs()
    phone.faults()
    all_done(measure(phone, resume=True))


def test_a_program_for_another_abi_is_named(measure, phone, tmp_path):
    foreign = tmp_path / "benchmark_bin"
    # the head of an ELF file for a processor that this host is not
    foreign.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(500))
    with pytest.raises(DeviceError, match="built for this device's ABI"):
        measure(phone, benchmark_bin=foreign)
    assert not known_programs.memory_file().exists()


def test_no_space_is_one_line(measure, phone):
    phone.faults(no_space={"after": 1})
    with pytest.raises(DeviceError, match=f"{phone.serial}: no space left for both.nb"):
        measure(phone)
    assert phone.files() == []


def test_a_link_lost_in_a_push_is_made_up_for(measure, phone):
    phone.faults(drop_in_push={"after": 1, "times": 1}, down_s=0.3)
    all_done(measure(phone))


def test_a_link_lost_in_a_run_costs_no_sample(measure, phone):
    phone.faults(drop_in_run={"after": CHECKS + 1, "times": 1}, down_s=0.5)
    all_done(measure(phone))
    assert not phone.programs()


def test_a_phone_that_stays_away_keeps_its_samples_and_resume_goes_on(measure, phone):
    phone.faults(drop_in_run={"after": CHECKS + 2}, down_s=60)
    with pytest.raises(DeviceError, match=r"the device went away .*--resume goes on"):
        measure(phone, max_wait=0.3)
    assert {result["status"] for result in kept(measure)} == {"skipped"}
    assert "went away" in kept(measure)[0]["error"]
    before = counts(kept(measure))
    assert min(before) >= 2
    phone.restart()
    document = measure(phone, resume=True)
    all_done(document)


def test_of_two_phones_one_dies_and_the_other_goes_on(measure, phones):
    phones[0].faults(drop_in_run={"after": CHECKS + 2}, down_s=60)
    with pytest.raises(DeviceError, match=f"{phones[0].serial}: the device went away"):
        measure(*phones, max_wait=0.3)
    status = {}
    for result in kept(measure):
        status.setdefault(result["device"]["serial"], set()).add(result["status"])
    assert status == {phones[0].serial: {"skipped"}, phones[1].serial: {"ok"}}
    phones[0].restart()
    all_done(measure(*phones, resume=True))


def test_a_phone_in_use_is_left_to_its_user_and_the_other_goes_on(measure, phones):
    user = Adb(phones[0].serial)
    user.lock()
    with pytest.raises(DeviceError, match=rf"{phones[0].serial}: process {os.getpid()} on .* is"):
        measure(*phones)
    assert {result["device"]["serial"] for result in kept(measure)} == {phones[1].serial}
    assert phones[0].files() == ["ppghost", "ppghost/lock"]
    user.clean_up()
    all_done(measure(*phones, resume=True))


def test_a_phone_too_hot_is_waited_for(measure, phone, monkeypatch, caplog):
    monkeypatch.setattr("ppghost.deploy.latency.waiting.COOL_EVERY_S", 0.05)
    phone.set_temperature(45)

    class Cooler(logging.Handler):
        """Cools the phone as soon as it is said to be too hot."""

        def emit(self, record):
            phone.set_temperature(31)

    cooler = Cooler()
    logger = logging.getLogger("ppghost.deploy.latency.waiting")
    logger.addHandler(cooler)
    with caplog.at_level("INFO"):
        all_done(measure(phone, max_temp=40))
    logger.removeHandler(cooler)
    assert f"{phone.serial}: 45.0 °C, cooling to 40" in caplog.text


def test_a_phone_that_stays_hot_keeps_its_samples_and_resume_goes_on(measure, phone):
    # the checks of outputs, one round, and it gets hot in the second
    phone.faults(changes=[[CHECKS + 2, ZONE, 55000]])
    with pytest.raises(DeviceError, match=r"still 55\.0 °C after 0\.3 s, above the 40"):
        measure(phone, max_temp=40, max_wait=0.3)
    assert {result["status"] for result in kept(measure)} == {"skipped"}
    assert counts(kept(measure)) == [2]
    reasons = [
        condition["throttled"] for result in kept(measure) for condition in result["conditions"]
    ]
    assert reasons.count(None) == 1
    [hot] = filter(None, reasons)
    assert hot == {"code": "too_hot", "values": {"temp_c": 55.0, "max_temp": 40.0}}
    phone.set_temperature(30)
    all_done(measure(phone, max_temp=40, resume=True))


def test_throttled_rounds_are_kept_but_not_counted(measure, phone):
    # it throttles from the second round to the fourth
    phone.faults(changes=[[CHECKS + 2, CAP, 1_500_000], [CHECKS + 4, CAP, 2_841_600]])
    document = measure(phone, rounds=9)
    result = document["results"][0]
    reasons = {
        condition["throttled"] and condition["throttled"]["code"]
        for condition in result["conditions"]
    }
    assert reasons == {None, "core_capped"}
    assert len(result["samples_ms"]) == 9
    assert result["throttled"]["rounds"] == 3
    assert result["stats"]["n"] == 6
    assert "of 9 rounds were throttled (core 7 capped at 1.50 of 2.84" in result["warning"]
    assert "kept, but not in the figures" in result["warning"]


def test_a_phone_throttled_all_along_is_counted_and_said_to_be(measure, phone):
    phone.set_temperature(35, status=1)
    result = measure(phone)["results"][0]
    assert result["throttled"] == {"rounds": ROUNDS, "in_stats": True}
    assert "(thermal status light); counted, as too few others are left" in result["warning"]
    assert result["stats"]["n"] == ROUNDS


def test_ctrl_c_ends_what_runs_on_the_phone(phone, converted, tmp_path):
    output = tmp_path / "latency.json"
    phone.faults(hang={"after": 2 * CHECKS + 4})
    process = subprocess.Popen(
        [sys.executable, "-m", "ppghost", "bench", converted, "--device", phone.serial,
         "--benchmark-bin", BENCHMARK_BIN, "--json", output],
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not (output.exists() and sum(counts(json.loads(output.read_text())["results"])) == 2):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while len(phone.programs()) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr.decode().endswith("ppghost: interrupted\n")
    assert time.monotonic() - started < 3
    assert phone.files() == []
    deadline = time.monotonic() + 2
    while phone.programs():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    results = json.loads(output.read_text())["results"]
    assert {result["status"] for result in results} == {"skipped"}
