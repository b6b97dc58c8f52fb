"""Campaigns on emulated phones: x86 files that really run on this host, timed over the real adb.

Every fault leaves what was measured in the file, and --resume does the rest.
"""

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from phone import BENCHMARK_BIN

from deploy import benchmark_bin
from deploy import phone as phone_module
from deploy.adb import Adb
from deploy.bench import bench
from deploy.campaign import Campaign
from deploy.devices import find_devices
from deploy.report import report
from deploy.tables import latency_table
from ppghost.errors import DeviceError, InputError

#: of every model, unless a test says otherwise
ROUNDS = 4
ROOT = Path(__file__).resolve().parents[2]
ZONE = "sys/class/thermal/thermal_zone1/temp"
CAP = "sys/devices/system/cpu/cpu7/cpufreq/scaling_max_freq"


@pytest.fixture
def measure(converted, tmp_path):
    """A function that runs a short campaign on phones; the file is `measure.file`."""

    def run(*phones, resume=False, **settings):
        settings = {
            "models": converted, "benchmark_bin": BENCHMARK_BIN, "rounds": ROUNDS, "repeats": 2,
            "warmup": 0, "max_wait": 5.0, "devices": [phone.serial for phone in phones], **settings,
        }  # fmt: skip
        campaign = Campaign(**settings)
        devices = find_devices(campaign.devices, campaign)
        return bench(campaign, devices, output=run.file, resume=resume)

    run.file = tmp_path / "latency.json"
    return run


def program(tmp_path, version):
    """The emulated benchmark_bin, as if of another version."""
    file = tmp_path / f"benchmark_bin-{version}"
    file.write_text(BENCHMARK_BIN.read_text().replace("v2.13-rc", version))
    file.chmod(0o755)
    return file


def kept(measure):
    return json.loads(measure.file.read_text())["results"]


def counts(results):
    return [len(one["samples_ms"]) for one in results]


def all_done(document):
    assert [one["status"] for one in document["results"]] == ["ok"] * len(document["results"])
    assert counts(document["results"]) == [ROUNDS] * len(document["results"])


def test_a_campaign_on_a_phone(measure, phone):
    document = measure(phone, warmup=3)
    assert document == json.loads(measure.file.read_text())
    all_done(document)
    both, flatten = document["results"]
    for result in (both, flatten):
        assert result["device"]["model"] == "emulated emulated phone"
        assert result["device"]["lite_version"] == "v2.13-rc"
        assert (result["power_mode"], result["affinity"]) == ("big", None)
        # an invocation gives one mean, which says nothing of single slow inferences
        assert result["samples_are"] == "invocation mean"
        assert (result["stats"]["p90"], result["stats"]["p99"]) == (None, None)
        assert len(result["warmup_ms"]) == 1 + ROUNDS
        assert result["output_check"]["where"] == "device"
        assert 0 <= result["output_check"]["max_abs_diff"] < 1e-5
        assert all(one["min_ms"] <= one["max_ms"] for one in result["conditions"])
        assert result["conditions"][0]["after"]["temp_c"] == 30.5
        assert result["throttled"] == {"rounds": 0, "in_stats": False}
    assert both["ratio"]["median"] == 1
    assert (flatten["ratio"]["reference"], flatten["ratio"]["rounds"]) == ("Both", ROUNDS)
    assert phone.files() == []
    assert not phone.programs()


def test_the_program_is_remembered_by_abi(measure, phone, converted):
    measure(phone)
    assert benchmark_bin.choose({}, "x86_64") == BENCHMARK_BIN
    measure.file.unlink()
    all_done(measure(phone, benchmark_bin={}, threads=(1, 2)))
    phone.set_properties(**{"ro.product.cpu.abi": "arm64-v8a"})
    with pytest.raises(InputError, match="no benchmark_bin is known for arm64-v8a"):
        measure(phone, benchmark_bin={}, models=converted / "arm")


def test_each_abi_gets_its_files(measure, phone, converted):
    document = measure(phone, models=[converted, converted / "arm"])
    assert [Path(one["nb"]).parent for one in document["results"]] == [converted, converted]
    with pytest.raises(InputError, match=r"both\.nb: made for arm, not for x86"):
        measure(phone, models=[converted / "arm"])
    with pytest.raises(InputError, match=r"both\.nb: made for arm, not for x86"):
        measure(phone, models=[converted / "arm"], devices=["all"])
    phone.set_properties(**{"ro.product.cpu.abi": "arm64-v8a"})
    with pytest.raises(InputError, match=r"\.nb: made for x86, not for arm64-v8a; convert"):
        measure(phone)


def test_the_table_names_each_phone_and_claims_no_percentile(measure, phones):
    lines = latency_table(measure(*phones)).splitlines()
    assert [line for line in lines if line.endswith(":")] == sorted(f"{p.serial}:" for p in phones)
    (row,) = {tuple(line.split()[-4:]) for line in lines if line.startswith("Both")}
    assert row == ("-", "1.000", "x", "Both")


def test_two_phones_take_the_time_of_one(measure, phones):
    document = measure(*phones, repeats=20)
    all_done(document)
    serials = [one["device"]["serial"] for one in document["results"]]
    assert sorted(set(serials)) == sorted(phone.serial for phone in phones)
    spans = {}
    for result in document["results"]:
        times = [one["t"] for one in result["conditions"]]
        first, last = spans.get(result["device"]["serial"], (times[0], times[-1]))
        spans[result["device"]["serial"]] = (min(first, times[0]), max(last, times[-1]))
    (one_begins, one_ends), (other_begins, other_ends) = spans.values()
    assert one_begins < other_ends
    assert other_begins < one_ends


def test_this_host_is_measured_after_the_phones_that_it_drives(measure, phone):
    document = measure(phone, devices=["host", phone.serial])
    assert [one["status"] for one in document["results"]] == ["ok"] * 4
    times = {"host": [], "adb": []}
    for result in document["results"]:
        times[result["device"]["kind"]] += [one["t"] for one in result["conditions"]]
    assert max(times["adb"]) < min(times["host"])


def test_affinity_reaches_taskset(measure, phone):
    document = measure(phone, affinity="F0", power_mode="none")
    assert {one["affinity"] for one in document["results"]} == {"f0"}
    assert set((phone.root / "affinity").read_text().split()) == {"f0"}


def test_more_threads_than_big_cores_are_refused_and_not_cut(measure, phone):
    with pytest.raises(DeviceError, match="power mode big has 4 cores here, and 6 threads would"):
        measure(phone, threads=(6,))
    document = measure(phone, threads=(1, 6))
    assert [one["status"] for one in document["results"]] == ["ok", "ok", "failed", "failed"]
    all_done(measure(phone, threads=(6,), power_mode="none"))


def test_threads_that_the_runtime_cuts_are_noticed(measure, phone):
    phone.faults(big_cores=2)
    with pytest.raises(DeviceError, match="3 threads were cut to 2 by power mode big"):
        measure(phone, threads=(3,))


@pytest.mark.parametrize("version", ["v2.10", "v2.9", "v2.8"])
def test_older_programs_are_spoken_to_in_their_own_way(measure, phone, tmp_path, version):
    document = measure(phone, benchmark_bin=program(tmp_path, version))
    all_done(document)
    for result in document["results"]:
        if version == "v2.10":
            assert result["output_check"]["ok"] is True
            assert result["device"]["lite_version"] == "v2.10"
        else:
            assert result["output_check"]["ok"] is None
            assert "before 2.10 does not show its outputs" in result["warning"]


def test_another_output_than_paddles_is_never_timed(measure, phone, converted, tmp_path):
    shutil.copytree(converted, tmp_path / "models")
    sidecar = tmp_path / "models" / "both.nb.json"
    described = json.loads(sidecar.read_text())
    described["reference"]["outputs"][0][4] += 0.1
    sidecar.write_text(json.dumps(described))
    document = measure(phone, models=tmp_path / "models")
    both, flatten = document["results"]
    assert (both["status"], both["samples_ms"]) == ("failed", [])
    assert (
        "Both: the converted model computes something else than Paddle (largest difference 0.1"
        in both["error"]
    )
    assert flatten["status"] == "ok"


def test_a_description_without_reference_is_said_to_be_unchecked(
    measure, phone, converted, tmp_path
):
    shutil.copytree(converted, tmp_path / "models")
    for sidecar in (tmp_path / "models").glob("*.json"):
        described = json.loads(sidecar.read_text())
        del described["reference"]
        sidecar.write_text(json.dumps(described))
    document = measure(phone, models=tmp_path / "models")
    all_done(document)
    assert {one["output_check"]["ok"] for one in document["results"]} == {None}
    assert "outputs not checked on the device" in document["results"][0]["warning"]
    report([measure.file], tmp_path / "report")
    assert "emulated phone" in (tmp_path / "report" / "index.html").read_text()


def test_names_of_models_are_never_commands(measure, phone, converted, tmp_path):
    name = "a b'c\"; touch pwned; $(touch pwned2) `touch pwned3` &.nb"
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(converted / "both.nb", folder / name)
    described = json.loads((converted / "both.nb.json").read_text())
    described["model"] = name
    (folder / f"{name}.json").write_text(json.dumps(described))
    document = measure(phone, models=folder)
    all_done(document)
    assert document["results"][0]["model"] == name
    assert not list(phone.root.rglob("pwned*"))
    assert not list(tmp_path.rglob("pwned*"))


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
def test_a_program_that_fails_once_costs_its_model_only(measure, phone, fault, message):
    # two checks of outputs and two whole rounds, then the third round's first
    phone.faults(**{fault: {"after": 2 + 4, "times": 1}})
    document = measure(phone, threads=(2,))
    failed = [one for one in document["results"] if one["status"] == "failed"]
    (good,) = [one for one in document["results"] if one["status"] == "ok"]
    assert len(failed) == 1
    assert re.search(message, failed[0]["error"])
    assert counts([failed[0], good]) == [2, ROUNDS]
    phone.faults()
    all_done(measure(phone, threads=(2,), resume=True))
    assert phone.files() == []


def test_a_program_that_hangs_is_ended(measure, phone, monkeypatch):
    monkeypatch.setattr(phone_module, "START_TIMEOUT_S", 3.0)
    monkeypatch.setattr(phone_module, "INFERENCE_TIMEOUT_S", 0.0)
    phone.faults(hang={"after": 4, "times": 1})
    document = measure(phone)
    errors = [one["error"] for one in document["results"]]
    assert sorted(errors, key=str)[1] is None
    assert "benchmark_bin did not end in 3 s and was stopped on the device" in str(errors)
    assert not phone.programs()
    phone.faults()
    all_done(measure(phone, resume=True))


def test_a_program_for_another_abi_is_named(measure, phone, tmp_path):
    foreign = tmp_path / "benchmark_bin"
    # the head of an ELF file for a processor that this host is not
    foreign.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(500))
    with pytest.raises(DeviceError, match="built for this device's ABI"):
        measure(phone, benchmark_bin=foreign)
    assert not benchmark_bin.memory_file().exists()


def test_no_space_is_one_line(measure, phone):
    phone.faults(no_space={"after": 1})
    with pytest.raises(DeviceError, match=f"{phone.serial}: no space left for both.nb"):
        measure(phone)
    assert phone.files() == []


def test_a_link_lost_in_a_push_is_made_up_for(measure, phone):
    phone.faults(drop_in_push={"after": 1, "times": 1}, down_s=0.3)
    all_done(measure(phone))


def test_a_link_lost_in_a_run_costs_no_sample(measure, phone):
    phone.faults(drop_in_run={"after": 5, "times": 1}, down_s=0.5)
    all_done(measure(phone))
    assert not phone.programs()


def test_a_phone_that_stays_away_keeps_its_samples_and_resume_goes_on(measure, phone):
    phone.faults(drop_in_run={"after": 2 + 5}, down_s=60)
    with pytest.raises(DeviceError, match=r"the device went away .*--resume goes on"):
        measure(phone, max_wait=0.3)
    assert {one["status"] for one in kept(measure)} == {"skipped"}
    assert "went away" in kept(measure)[0]["error"]
    before = counts(kept(measure))
    assert min(before) >= 2
    phone.restart()
    document = measure(phone, resume=True)
    all_done(document)


def test_of_two_phones_one_dies_and_the_other_goes_on(measure, phones):
    phones[0].faults(drop_in_run={"after": 2 + 5}, down_s=60)
    with pytest.raises(DeviceError, match=f"{phones[0].serial}: the device went away"):
        measure(*phones, max_wait=0.3)
    status = {}
    for one in kept(measure):
        status.setdefault(one["device"]["serial"], set()).add(one["status"])
    assert status == {phones[0].serial: {"skipped"}, phones[1].serial: {"ok"}}
    phones[0].restart()
    all_done(measure(*phones, resume=True))


def test_a_phone_in_use_is_left_to_its_user_and_the_other_goes_on(measure, phones):
    user = Adb(phones[0].serial)
    user.lock()
    with pytest.raises(DeviceError, match=rf"{phones[0].serial}: process {os.getpid()} on .* is"):
        measure(*phones)
    assert {one["device"]["serial"] for one in kept(measure)} == {phones[1].serial}
    assert phones[0].files() == ["ppghost", "ppghost/lock"]
    user.clean_up()
    all_done(measure(*phones, resume=True))


def test_a_phone_too_hot_is_waited_for(measure, phone, monkeypatch, caplog):
    monkeypatch.setattr("deploy.patience.COOL_EVERY_S", 0.05)
    phone.set_temperature(45)

    class Cooler(logging.Handler):
        """Cools the phone as soon as it is said to be too hot."""

        def emit(self, record):
            phone.set_temperature(31)

    cooler = Cooler()
    logger = logging.getLogger("deploy.patience")
    logger.addHandler(cooler)
    with caplog.at_level("INFO"):
        all_done(measure(phone, max_temp=40))
    logger.removeHandler(cooler)
    assert f"{phone.serial}: 45.0 °C, cooling to 40" in caplog.text


def test_a_phone_that_stays_hot_keeps_its_samples_and_resume_goes_on(measure, phone):
    # two checks of outputs, two rounds of two models, and it gets hot in the third
    phone.faults(changes=[[2 + 4 + 2, ZONE, 55000]])
    with pytest.raises(DeviceError, match=r"still 55\.0 °C after 0\.3 s, above the 40"):
        measure(phone, max_temp=40, max_wait=0.3)
    assert {one["status"] for one in kept(measure)} == {"skipped"}
    assert counts(kept(measure)) == [3, 3]
    hot = [one["throttled"] for result in kept(measure) for one in result["conditions"]]
    assert sorted(hot, key=str) == ["55.0 °C, above 40", None, None, None, None, None]
    phone.set_temperature(30)
    all_done(measure(phone, max_temp=40, resume=True))


def test_throttled_rounds_are_kept_but_not_counted(measure, phone):
    # it throttles from the third round to the middle of the fifth
    phone.faults(changes=[[2 + 5, CAP, 1_500_000], [2 + 9, CAP, 2_841_600]])
    document = measure(phone, rounds=12)
    result = document["results"][0]
    reasons = {one["throttled"] for one in result["conditions"]}
    assert reasons == {None, "core 7 capped at 1.50 of 2.84 GHz"}
    assert len(result["samples_ms"]) == 12
    assert result["throttled"]["rounds"] in (2, 3)
    assert result["stats"]["n"] == 12 - result["throttled"]["rounds"]
    assert "of 12 rounds were throttled (core 7 capped at 1.50 of 2.84" in result["warning"]
    assert "kept, but not in the figures" in result["warning"]


def test_a_phone_throttled_all_along_is_counted_and_said_to_be(measure, phone):
    phone.set_temperature(35, status=1)
    result = measure(phone)["results"][0]
    assert result["throttled"] == {"rounds": ROUNDS, "in_stats": True}
    assert "(thermal status light); counted, as too few others are left" in result["warning"]
    assert result["stats"]["n"] == ROUNDS


def test_ctrl_c_ends_what_runs_on_the_phone(phone, converted, tmp_path):
    output = tmp_path / "latency.json"
    phone.faults(hang={"after": 2 + 4})
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
    assert {one["status"] for one in json.loads(output.read_text())["results"]} == {"skipped"}
