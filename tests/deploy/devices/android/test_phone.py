"""Campaigns on emulated phones: x86 files that really run on this host, timed over the real adb."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.phone import BENCHMARK_BIN
from support.phone_runs import ROUNDS, all_done, kept, program

from ppghost.deploy.devices.android import known_programs
from ppghost.deploy.devices.android.session import PhoneSession
from ppghost.deploy.latency.results import load_result
from ppghost.deploy.latency.tables import latency_table
from ppghost.errors import DeviceError, InputError, PPGhostError
from ppghost.utils.files import sha256


def test_a_campaign_on_a_phone(measure, phone, converted):
    document = measure(phone, models=converted, warmup=3)
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
        assert all(condition["min_ms"] <= condition["max_ms"] for condition in result["conditions"])
        assert result["conditions"][0]["after"]["temp_c"] == 30.5
        assert result["throttled"] == {"rounds": 0, "in_stats": False}
    assert both["ratio"]["median"] == 1
    assert (flatten["ratio"]["reference"], flatten["ratio"]["rounds"]) == ("Both", ROUNDS)
    assert phone.files() == []
    assert not phone.programs()
    # of the emulated phone, for all models that it ever runs
    assert len(phone.workers()) == 1


def test_an_image_is_what_a_phone_is_timed_on(measure, phone, tmp_path, monkeypatch):
    image = tmp_path / "cards.jpg"
    image.write_bytes(b"an image")
    pixels = np.random.default_rng(0).random((3, 32, 32), np.float32)
    runs, real = [], PhoneSession._run

    def remembered(self, asked):
        runs.append(asked)
        return real(self, asked)

    monkeypatch.setattr(PhoneSession, "_run", remembered)
    document = measure(phone, image=image, read_image=lambda ops, file: pixels)
    all_done(document)
    [result] = document["results"]
    assert (result["image"], result["image_sha256"]) == ("cards.jpg", sha256(image))
    timed = {asked.inputs[0] for asked in runs if not asked.outputs}
    checked = {asked.inputs[0] for asked in runs if asked.outputs}
    # of the checks of outputs other inputs are right
    assert len(timed) == 1
    assert not timed & checked
    assert phone.files() == []


def test_the_program_is_remembered_by_abi(measure, phone, converted):
    measure(phone, rounds=1)
    assert known_programs.choose({}, "x86_64") == BENCHMARK_BIN
    measure.file.unlink()
    all_done(measure(phone, benchmark_bin={}, threads=(1, 2)))
    phone.set_properties(**{"ro.product.cpu.abi": "arm64-v8a"})
    with pytest.raises(InputError, match="no benchmark_bin is known for arm64-v8a"):
        measure(phone, benchmark_bin={}, models=converted / "arm")


def test_each_abi_gets_its_files(measure, phone, converted):
    document = measure(phone, models=[converted / "both.nb", converted / "arm"], rounds=1)
    assert [Path(result["nb"]).parent for result in document["results"]] == [converted]
    with pytest.raises(InputError, match=r"both\.nb: made for arm, not for x86"):
        measure(phone, models=[converted / "arm"])
    with pytest.raises(InputError, match=r"both\.nb: made for arm, not for x86"):
        measure(phone, models=[converted / "arm"], devices=["all"])
    phone.set_properties(**{"ro.product.cpu.abi": "arm64-v8a"})
    with pytest.raises(InputError, match=r"\.nb: made for x86, not for arm64-v8a; convert"):
        measure(phone)


def test_the_table_names_each_phone_and_claims_no_percentile(measure, phones):
    measure(*phones, rounds=1)
    lines = latency_table(load_result(measure.file)).splitlines()
    assert [line for line in lines if line.endswith(":")] == sorted(f"{p.serial}:" for p in phones)
    (row,) = {tuple(line.split()[-2:]) for line in lines if line.startswith("Both")}
    assert row == ("-", "1.000")
    assert "(ratios are times Both)" in lines


def test_two_phones_take_the_time_of_one(measure, phones):
    document = measure(*phones, repeats=20)
    all_done(document)
    serials = [result["device"]["serial"] for result in document["results"]]
    assert sorted(set(serials)) == sorted(phone.serial for phone in phones)
    spans = {}
    for result in document["results"]:
        times = [condition["t"] for condition in result["conditions"]]
        first, last = spans.get(result["device"]["serial"], (times[0], times[-1]))
        spans[result["device"]["serial"]] = (min(first, times[0]), max(last, times[-1]))
    (one_begins, one_ends), (other_begins, other_ends) = spans.values()
    assert one_begins < other_ends
    assert other_begins < one_ends


def test_this_host_is_measured_after_the_phones_that_it_drives(measure, phone):
    document = measure(phone, devices=["host", phone.serial])
    assert [result["status"] for result in document["results"]] == ["ok"] * 2
    times = {"host": [], "adb": []}
    for result in document["results"]:
        times[result["device"]["kind"]] += [condition["t"] for condition in result["conditions"]]
    assert max(times["adb"]) < min(times["host"])


def test_affinity_reaches_taskset(measure, phone):
    document = measure(phone, rounds=1, affinity="F0", power_mode="none")
    assert {result["affinity"] for result in document["results"]} == {"f0"}
    assert set((phone.root / "affinity").read_text().split()) == {"f0"}


def test_what_has_no_figure_ends_with_an_error_and_the_rest_is_kept(measure, phone):
    with pytest.raises(DeviceError, match=r"1 of 2 models failed; the first: Both: .* 4 cores"):
        measure(phone, threads=(1, 6), rounds=1)
    assert [result["status"] for result in kept(measure)] == ["ok", "failed"]


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
    with pytest.raises(PPGhostError, match="1 of 2 models failed; the first: Both: ") as caught:
        measure(phone, models=tmp_path / "models", rounds=1)
    # the file is at fault
    assert caught.value.exit_code == 4
    both, flatten = kept(measure)
    assert (both["status"], both["samples_ms"]) == ("failed", [])
    assert (
        "Both: the converted model computes something else than Paddle (largest difference 0.1"
        in both["error"]
    )
    assert flatten["status"] == "ok"
    # the first that works is what others are divided by, and that is said
    assert flatten["ratio"]["reference"] == "Flatten"
    assert "the ratio is to Flatten, as Both has no figures" in flatten["warning"]
    lines = latency_table(load_result(measure.file)).splitlines()
    assert any(line.split()[:4] == ["Both", "1", "failed:", "the"] for line in lines)


def test_a_description_without_reference_is_said_to_be_unchecked(
    measure, phone, converted, tmp_path
):
    (tmp_path / "models").mkdir()
    shutil.copy(converted / "both.nb", tmp_path / "models")
    described = json.loads((converted / "both.nb.json").read_text())
    del described["reference"]
    (tmp_path / "models" / "both.nb.json").write_text(json.dumps(described))
    document = measure(phone, models=tmp_path / "models")
    all_done(document)
    assert {result["output_check"]["ok"] for result in document["results"]} == {None}
    assert "outputs not checked on the device" in document["results"][0]["warning"]


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
