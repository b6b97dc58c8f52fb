"""Rounds: what is run in which order and how often, and what the figures of them are."""

import itertools
import json
import time

import numpy as np
import pytest
from support.fake_device import FakeDevice, by_name, run

from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.devices.host.session import Times
from ppghost.deploy.latency import progress
from ppghost.errors import DeviceError, DeviceLost, InputError


def test_every_round_runs_every_model_in_the_recorded_order(converted, tmp_path):
    device = FakeDevice()
    document = run([converted], device, rounds=8, seed=3, warmup=0, output=tmp_path / "r.json")
    names = [model["model"] for model in document["plan"]["models"]]
    order = document["plan"]["order"]
    assert device.calls == [names[index] for indices in order for index in indices]
    assert all(sorted(indices) == [0, 1] for indices in order)
    assert len({tuple(indices) for indices in order}) == 2
    assert all(session.closed for session in device.sessions)


def test_seed_decides_the_order(converted, tmp_path):
    def order(seed):
        plan = run([converted], FakeDevice(), rounds=20, seed=seed, dry_run=True,
                     output=tmp_path / "r.json")["plan"]  # fmt: skip
        return plan["order"]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_wide_spread_is_warned_of_with_what_to_do(converted, tmp_path, caplog):
    document = run([converted], FakeDevice(), rounds=3, output=tmp_path / "r.json")
    both = by_name(document)["Both"]
    assert both["notes"] == [{"code": "too_few_rounds", "values": {}}]
    assert both["warning"].startswith("Both, threads 1: too few rounds for an interval")
    assert "more --rounds" in caplog.text
    steady = run([converted], FakeDevice(), rounds=6, output=tmp_path / "r.json")
    assert (by_name(steady)["Both"]["warning"], by_name(steady)["Both"]["notes"]) == (None, [])


def test_waiting_for_a_core_is_kept_beside_the_samples_and_said(converted, tmp_path):
    device = FakeDevice(waited=0.5)
    document = run([converted], device, rounds=6, output=tmp_path / "r.json")
    for result in document["results"]:
        latency = device.latency[result["model"]]
        assert result["stats"]["ci95"] == [latency, latency]
        assert [condition["waited_ms"] for condition in result["conditions"]] == [
            [latency / 2] * 2
        ] * 6
        assert "other processes had the core for 33% of the time" in result["warning"]
    little = run([converted], FakeDevice(waited=0.05), rounds=6, output=tmp_path / "r.json")
    assert little["results"][0]["warning"] is None


def test_wanted_precision_ends_it_early_and_resume_agrees(converted, tmp_path):
    output = tmp_path / "r.json"
    document = run([converted], FakeDevice(), precision="2%", output=output)
    assert len(document["plan"]["order"]) == 200
    assert [len(result["conditions"]) for result in document["results"]] == [10, 10]
    again = FakeDevice()
    run([converted], again, precision="2%", output=output, resume=True)
    assert again.calls == []


def test_a_model_that_spreads_keeps_all_of_them_going(converted, tmp_path):
    class Unsteady(FakeDevice):
        def open(self, model, threads):
            session = super().open(model, threads)
            measure = session.measure
            if model.name == "Both":
                session.measure = lambda n: Times(
                    [x * (1 + len(self.calls) % 3) for x in measure(n).samples_ms], [0] * n
                )
            return session

    document = run([converted], Unsteady(), precision="2%", rounds=15, output=tmp_path / "r.json")
    assert [len(result["conditions"]) for result in document["results"]] == [15, 15]


def test_rounds_begin_no_sooner_than_asked(converted, tmp_path):
    device = FakeDevice()
    begun = []
    device.conditions = lambda: begun.append(time.monotonic()) or HostDevice.conditions(device)
    run([converted], device, rounds=4, round_every=0.2, output=tmp_path / "r.json")
    pauses = [after - before for before, after in itertools.pairwise(begun[1:])]  # one before all
    assert len(pauses) == 3
    assert all(0.19 < pause < 0.5 for pause in pauses)


def test_time_limit_begins_no_further_round(converted, tmp_path):
    class Slow(FakeDevice):
        def conditions(self):
            time.sleep(0.05)
            return super().conditions()

    document = run([converted], Slow(), rounds=100, time_limit=0.2, output=tmp_path / "r.json")
    rounds = {len(result["conditions"]) for result in document["results"]}
    assert len(rounds) == 1
    assert 1 <= rounds.pop() <= 6
    assert {result["status"] for result in document["results"]} == {"ok"}


def test_ratio_to_the_reference_stands_beside_each_figure(converted, tmp_path):
    document = run([converted], FakeDevice(), rounds=6, reference="Flatten", output=tmp_path / "r")
    both, flatten = (by_name(document)[name]["ratio"] for name in ("Both", "Flatten"))
    assert both == {"reference": "Flatten", "rounds": 6, "median": pytest.approx(2 / 3),
                    "ci95": pytest.approx([2 / 3, 2 / 3])}  # fmt: skip
    assert flatten["median"] == 1


def test_only_models_of_one_round_are_compared(converted, tmp_path):
    output = tmp_path / "r.json"
    with pytest.raises(DeviceError, match="1 of 2 models failed"):
        run([converted], FakeDevice(lambda name, calls: name == "Flatten" and len(calls) > 12),
            rounds=8, output=output)  # fmt: skip
    document = json.loads(output.read_text())
    # as if the failed one were measured again on another day
    document["created"] = "2020-01-01T00:00:00+00:00"
    for result in document["results"]:
        for condition in result["conditions"]:
            condition["run"] = document["created"]
    output.write_text(json.dumps(document))
    both, flatten = run([converted], FakeDevice(), rounds=8, output=output, resume=True)["results"]
    # the reference is measured beside it once more
    assert [len(result["conditions"]) for result in (both, flatten)] == [16, 8]
    assert both["ratio"]["rounds"] == 16
    assert (flatten["ratio"]["median"], flatten["ratio"]["rounds"]) == (1.5, 8)


def test_a_reference_that_is_measured_later_leaves_no_ratio_of_left_over_rounds(
    converted, tmp_path
):
    output = tmp_path / "r.json"
    with pytest.raises(DeviceError, match="1 of 2 models failed"):
        run([converted], FakeDevice(lambda name, calls: name == "Both" and len(calls) > 9),
            rounds=8, output=output)  # fmt: skip
    flatten = json.loads(output.read_text())["results"][1]
    assert (flatten["ratio"]["reference"], flatten["ratio"]["rounds"]) == ("Flatten", 8)
    assert "the ratio is to Flatten, as Both has no figures beside it" in flatten["warning"]
    again = run([converted], FakeDevice(), rounds=8, output=output, resume=True)
    both, flatten = (by_name(again)[name] for name in ("Both", "Flatten"))
    assert (both["ratio"]["reference"], both["ratio"]["rounds"]) == ("Both", 8)
    assert (flatten["ratio"]["reference"], flatten["ratio"]["rounds"]) == ("Flatten", 8)


class LostDevice(FakeDevice):
    """Away for good from a call on, in whatever it is asked."""

    def __init__(self, lost_in, after):
        super().__init__(self.measures)
        self.lost_in, self.left = lost_in, after

    def _count(self, what):
        if what == self.lost_in:
            self.left -= 1
            if self.left < 0:
                raise DeviceLost("host: the device went away")

    def open(self, model, threads):
        self._count("open")
        return super().open(model, threads)

    def check_output(self, session):
        self._count("check_output")

    def measures(self, name, calls):
        self._count("measure")

    def recover(self, seconds):
        return False


@pytest.mark.parametrize(
    ("lost_in", "after"),
    [("open", 1), ("check_output", 0), ("check_output", 1), ("measure", 0), ("measure", 1),
     ("measure", 5)],
)  # fmt: skip
def test_a_device_that_is_lost_leaves_no_session_open(converted, tmp_path, lost_in, after):
    device = LostDevice(lost_in, after)
    with pytest.raises(DeviceError, match=r"host: the device went away \(.*--resume goes on\)"):
        run([converted], device, rounds=6, output=tmp_path / "r.json")
    assert device.sessions
    assert all(session.closed for session in device.sessions)


@pytest.mark.parametrize("bursts", [0, 1, 4])
def test_a_campaign_that_is_stopped_leaves_no_session_open(converted, tmp_path, bursts):
    def interrupt(name, calls):
        if len(calls) > bursts:
            raise KeyboardInterrupt

    device = FakeDevice(interrupt)
    with pytest.raises(KeyboardInterrupt):
        run([converted], device, rounds=6, output=tmp_path / "r.json")
    assert device.sessions
    assert all(session.closed for session in device.sessions)


def test_of_very_many_warnings_the_first_are_logged(monkeypatch, converted, tmp_path, caplog):
    """All stand in the result."""
    monkeypatch.setattr(progress, "MAX_WARNINGS", 1)
    document = run([converted], FakeDevice(), rounds=2, output=tmp_path / "r.json")
    assert caplog.text.count("too few rounds for an interval") == 1
    assert "1 warnings more, as `notes` in the result" in caplog.text
    assert [bool(each["notes"]) for each in document["results"]] == [True, True]


def test_of_very_many_models_progress_names_the_first(monkeypatch, converted, tmp_path, caplog):
    monkeypatch.setattr(progress, "MAX_NAMED", 1)
    caplog.set_level("INFO")
    run([converted], FakeDevice(), rounds=2, output=tmp_path / "r.json")
    assert "ms: Both 2.00" in caplog.text
    assert "Flatten 3.00" not in caplog.text


class NoisyDevice(FakeDevice):
    """Its latencies spread by a share, the same in each test."""

    def __init__(self, spread):
        super().__init__()
        self.spread, self.rng, self.true = spread, np.random.default_rng(1), self.latency

    def measure(self, session, repeats, warmup):
        factor = self.rng.lognormal(0, self.spread)
        self.latency = {name: ms * factor for name, ms in self.true.items()}
        return super().measure(session, repeats, warmup)


def test_rounds_are_as_many_as_a_slowdown_needs_to_be_found(converted, tmp_path):
    def rounds(spread, detect, name):
        done = run([converted], NoisyDevice(spread), detect=detect, output=tmp_path / name)
        return [len(result["conditions"]) for result in done["results"]]

    few, more = rounds(0.01, "5%", "a.json"), rounds(0.01, "3%", "b.json")
    assert 10 <= few[0] < more[0] < 200
    assert rounds(0.04, "5%", "c.json")[0] > more[0]
    with pytest.raises(InputError, match=r"detect: 1\.0% is no more than .* 1\.5% in ratios"):
        rounds(0.01, "1%", "d.json")
    with pytest.raises(InputError, match=r"5\.0% in milliseconds; time a reference model beside"):
        run([converted / "both.nb"], FakeDevice(), detect="5%", output=tmp_path / "e.json")
