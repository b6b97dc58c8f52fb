"""Campaigns: on a device of our own making for the plan, on this host for the whole way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT
from support.fake_device import FakeDevice, by_name, run
from support.processes import children

from ppghost import __version__
from ppghost.deploy.devices.discovery import find_devices
from ppghost.deploy.devices.host.lock import HostLock
from ppghost.deploy.latency import runner
from ppghost.errors import DeviceError, DeviceLost, InputError


def test_host_campaign_keeps_every_sample(converted, tmp_path):
    output = tmp_path / "new" / "latency.json"
    document = run(
        [converted],
        find_devices(["host"])[0],
        rounds=6,
        repeats=3,
        output=output,
        command="ppghost x",
    )
    assert json.loads(output.read_text()) == document
    assert document["schema"] == "ppghost.latency/1"
    assert document["plan"]["command"] == "ppghost x"
    assert document["host"]["ppghost"] == __version__
    assert set(by_name(document)) == {"Both", "Flatten"}
    for result in document["results"]:
        assert (result["status"], result["error"]) == ("ok", None)
        assert len(result["samples_ms"]) == result["stats"]["n"] == 18
        assert len(result["warmup_ms"]) == 5 + 6
        assert len(result["conditions"]) == 6
        assert result["stats"]["min"] > 0
        assert result["device"]["kind"] == "host"
        assert (result["precision"], result["power_mode"]) == ("fp32", None)
        assert result["output_check"]["ok"]


def test_dry_run_touches_nothing(converted, tmp_path):
    device = FakeDevice()
    document = run([converted], device, dry_run=True, output=tmp_path / "r.json")
    assert document["results"] == []
    assert device.sessions == []
    assert not list(tmp_path.iterdir())


def test_failed_model_is_recorded_and_the_others_go_on(converted, tmp_path):
    device = FakeDevice(fails=lambda name, calls: name == "Both" and calls.count("Both") > 3)
    with pytest.raises(DeviceError, match="1 of 2 models failed; the first: Both: the") as caught:
        run([converted], device, rounds=6, output=tmp_path / "r.json")
    document = json.loads((tmp_path / "r.json").read_text())
    assert caught.value.result.to_json() == document
    failed, ok = by_name(document)["Both"], by_name(document)["Flatten"]
    assert (failed["status"], failed["error"]) == ("failed", "Both: the runtime died")
    # what was measured before stays
    assert failed["stats"]["n"] == 4
    assert (ok["status"], ok["stats"]["n"]) == ("ok", 12)


def test_all_models_failed_is_a_device_error(converted, tmp_path):
    device = FakeDevice(fails=lambda name, calls: True)
    with pytest.raises(DeviceError, match="every model failed; the first: Both"):
        run([converted], device, output=tmp_path / "r.json")
    results = json.loads((tmp_path / "r.json").read_text())["results"]
    assert [result["status"] for result in results] == ["failed", "failed"]


def bench_on(device, monkeypatch, *models, **settings):
    monkeypatch.setattr(runner, "find_devices", lambda names, options: [device])
    return runner.bench(*models, **settings)


def test_bench_from_python_needs_no_file(converted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    measured = bench_on(FakeDevice(), monkeypatch, str(converted), rounds=6, threads=1)
    assert [(result.model, result.stats.median) for result in measured.results] == [
        ("Both", 2.0),
        ("Flatten", 3.0),
    ]
    assert not list(tmp_path.iterdir())
    kept = bench_on(FakeDevice(), monkeypatch, [converted], output="r.json", rounds=7)
    assert json.loads(Path("r.json").read_text()) == kept.to_json()
    again = bench_on(FakeDevice(), monkeypatch, converted, output="r.json", rounds=8, resume=True)
    assert [len(result.rounds) for result in again.results] == [8, 8]


def test_bench_from_python_loses_nothing_without_a_file(converted, monkeypatch):
    def lose(name, calls):
        if len(calls) > 2 + 4:
            raise DeviceLost("host: the device went away")

    with pytest.raises(DeviceError, match=r"went away$") as caught:
        bench_on(FakeDevice(lose), monkeypatch, converted, rounds=6)
    assert [len(result.samples_ms) for result in caught.value.result.results] == [4, 4]


def test_bench_from_python_names_a_wrong_setting(converted, monkeypatch):
    for settings, message in (
        ({"round": 5}, "round: no such setting of a campaign"),
        ({"rounds": 0}, "rounds: 0 is not a whole number above 0"),
        ({"resume": True}, "resume needs the output"),
    ):
        with pytest.raises(InputError, match=message):
            bench_on(FakeDevice(), monkeypatch, converted, **settings)


def interrupt_after(bursts):
    def fails(name, calls):
        if len(calls) > bursts:
            raise KeyboardInterrupt
        return False

    return fails


def test_interrupted_run_keeps_whole_rounds_and_resume_does_the_rest(converted, tmp_path):
    output = tmp_path / "r.json"
    device = FakeDevice(interrupt_after(2 + 7))
    with pytest.raises(KeyboardInterrupt):
        run([converted], device, rounds=6, output=output)
    assert all(session.closed for session in device.sessions)
    partial = json.loads(output.read_text())
    assert [result["status"] for result in partial["results"]] == ["skipped", "skipped"]
    assert [result["stats"]["n"] for result in partial["results"]] == [6, 6]

    again = FakeDevice()
    document = run([converted], again, rounds=6, output=output, resume=True)
    assert [result["status"] for result in document["results"]] == ["ok", "ok"]
    assert [result["stats"]["n"] for result in document["results"]] == [12, 12]
    assert len(again.calls) == 2 + 2 * 3

    nothing_left = FakeDevice()
    run([converted], nothing_left, rounds=6, output=output, resume=True)
    assert nothing_left.sessions == []


def test_resume_tries_failed_models_again(converted, tmp_path):
    output = tmp_path / "r.json"
    with pytest.raises(DeviceError, match="1 of 2 models failed"):
        run([converted], FakeDevice(lambda name, calls: name == "Both"), rounds=6, output=output)
    device = FakeDevice()
    document = run([converted], device, rounds=6, output=output, resume=True)
    assert {result["status"] for result in document["results"]} == {"ok"}
    assert set(device.calls) == {"Both"}


def test_resume_adds_threads_and_refuses_another_plan(converted, tmp_path):
    output = tmp_path / "r.json"
    run([converted], FakeDevice(), rounds=6, repeats=5, output=output)
    document = run([converted], FakeDevice(), threads=(1, 2), rounds=6, repeats=5, output=output,
                     resume=True)  # fmt: skip
    assert [result["threads"] for result in document["results"]] == [1, 1, 2, 2]
    assert "one core" in document["results"][2]["warning"]
    with pytest.raises(InputError, match="was measured with repeats 5, not 9"):
        run([converted], FakeDevice(), rounds=6, repeats=9, output=output, resume=True)


def test_a_host_in_use_is_left_to_its_user(converted, tmp_path):
    device, user = FakeDevice(), HostLock()
    user.take()
    with pytest.raises(DeviceError, match=rf"host: process {os.getpid()} is measuring on it"):
        run([converted], device, output=tmp_path / "r.json")
    assert device.calls == []
    user.release()
    run([converted], device, rounds=1, output=tmp_path / "r.json")
    # while the first device is still there, its campaign has ended
    run([converted], FakeDevice(), rounds=1, output=tmp_path / "r.json")
    assert len(device.calls) == 4


def test_file_for_another_target_stops_before_anything_runs(converted, tmp_path):
    device = FakeDevice()
    with pytest.raises(InputError, match=r"both\.nb: made for arm, not for x86"):
        run([converted / "arm" / "both.nb"], device, output=tmp_path / "r.json")
    assert device.sessions == []
    assert not list(tmp_path.iterdir())


def test_a_device_takes_the_files_made_for_it(converted, tmp_path):
    document = run([converted, converted / "arm"], FakeDevice(), rounds=6, output=tmp_path / "r")
    assert [model["target"] for model in document["plan"]["models"]] == ["x86", "x86", "arm"]
    files = [Path(result["nb"]).name for result in document["results"]]
    assert files == ["both.nb", "flatten.nb"]


def test_bad_arguments_are_input_errors(converted, nb_copy, tmp_path):
    output = tmp_path / "r.json"
    orphan = nb_copy()
    strange = tmp_path / "strange" / "both.nb"
    strange.parent.mkdir()
    shutil.copyfile(converted / "flatten.nb", strange)
    shutil.copyfile(converted / "both.nb.json", strange.with_name("both.nb.json"))
    (tmp_path / "empty").mkdir()
    for models, options, message in (
        ([], {}, "no model to time"),
        ([tmp_path / "none.nb"], {}, "cannot be read"),
        ([tmp_path / "empty"], {}, r"no \.nb file in this folder"),
        ([orphan], {}, r"no copy\.nb\.json beside it"),
        ([strange], {}, "describes another file"),
        ([converted], {"threads": (0,)}, "threads: .* not a list of whole numbers above 0"),
        ([converted], {"rounds": 0}, "rounds: 0 is not a whole number above 0"),
        ([converted], {"reference": "Bath"}, "reference: no model 'Bath'; there is: Both, Flatten"),
        ([converted], {"affinity": "f0"}, "affinity needs power_mode none"),
    ):
        with pytest.raises(InputError, match=message):
            run(models, FakeDevice(), output=output, **options)
    output.write_text('{"precious": "notes"}')
    with pytest.raises(InputError, match="not a latency result"):
        run([converted], FakeDevice(), output=output)
    assert output.read_text() == '{"precious": "notes"}'


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["before.nb", "after.nb"], ["before", "after"]),
        (["a/x/net.nb", "b/x/net.nb"], ["a/x/net", "b/x/net"]),
    ],
)
def test_two_models_of_one_name_are_called_by_their_files(converted, tmp_path, files, names):
    """A result and a reference of that name would else be either of them."""
    for source, file in zip(("both", "flatten"), files, strict=True):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(converted / f"{source}.nb", tmp_path / file)
        sidecar = json.loads((converted / f"{source}.nb.json").read_text())
        (tmp_path / f"{file}.json").write_text(json.dumps(sidecar | {"model": "Both"}))
    device = FakeDevice()
    device.latency = dict(zip(names, (2.0, 3.0), strict=True))
    models = [tmp_path / file for file in files]
    document = run(models, device, rounds=6, reference=names[1], output=tmp_path / "r.json")
    assert [model["model"] for model in document["plan"]["models"]] == names
    assert by_name(document)[names[0]]["ratio"]["median"] == pytest.approx(2 / 3)


def test_ctrl_c_leaves_a_whole_file_and_no_worker(converted, tmp_path):
    output = tmp_path / "r.json"
    code = (
        "import pathlib\n"
        "from ppghost.deploy.latency.runner import run_campaign\n"
        "from ppghost.deploy.latency.campaign import Campaign\n"
        "from ppghost.deploy.devices.discovery import find_devices\n"
        f"campaign = Campaign(models={str(converted)!r}, rounds=100000)\n"
        "devices = find_devices(['host'])\n"
        f"run_campaign(campaign, devices, output=pathlib.Path({str(output)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not (output.exists() and json.loads(output.read_text())["results"][-1:]
               and json.loads(output.read_text())["results"][-1]["stats"]):  # fmt: skip
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers = children(process.pid)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in stderr
    assert len(workers) == 2
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    counts = [result["stats"]["n"] for result in json.loads(output.read_text())["results"]]
    assert counts[0] == counts[1] > 0
    assert not [path for path in tmp_path.iterdir() if path != output]


def test_a_file_that_others_made_is_timed_and_said_to_be_unchecked(nb_copy, tmp_path):
    nb = nb_copy()
    with pytest.raises(InputError, match=r"no copy\.nb\.json beside it; .*--input-shape"):
        runner.bench(nb, "host", rounds=8)
    measured = runner.bench(nb, "host", rounds=8, input_shapes=[1, 3, 32, 32])
    [result] = measured.results
    assert (result.model, result.status, len(result.samples_ms)) == ("copy", "ok", 16)
    assert result.output_check["ok"] is None
    assert "outputs not checked" in measured.to_json()["results"][0]["warning"]
    assert "input_shapes" not in measured.to_json()["plan"]
