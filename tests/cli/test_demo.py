"""The demo: stages that are remembered, and the whole chain at its smallest."""

import json

import pytest

from ppghost.cli import demo
from ppghost.errors import CheckFailed


def test_a_finished_stage_is_not_run_again(tmp_path):
    made, calls = tmp_path / "made", []

    def work():
        calls.append(1)
        made.write_text("x")
        return {"n": len(calls)}

    for _ in range(2):
        stages = demo.Stages(tmp_path / "stages", total=1)
        stages.run("work", "work", work, [made])
    assert (calls, stages.results) == ([1], {"work": {"n": 1}})
    made.unlink()
    demo.Stages(tmp_path / "stages", total=1).run("work", "work", work, [made])
    assert len(calls) == 2


def test_an_interrupted_stage_is_run_again(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    stages = demo.Stages(tmp_path / "stages", total=1)
    with pytest.raises(KeyboardInterrupt):
        stages.run("work", "work", interrupted, [])
    assert not (tmp_path / "stages").exists()
    stages = demo.Stages(tmp_path / "stages", total=1)
    stages.run("work", "work", lambda: 5, [])
    assert stages.results == {"work": 5}


def test_a_record_of_another_version_is_not_trusted(tmp_path):
    stages = demo.Stages(tmp_path, total=1)
    stages.run("work", "work", lambda: 1, [])
    record = tmp_path / "work.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "version": "0.0.0"}))
    stages = demo.Stages(tmp_path, total=1)
    stages.run("work", "work", lambda: 2, [])
    assert stages.results == {"work": 2}


@pytest.fixture
def small(monkeypatch):
    """One epoch, one network to time, and no demand on accuracy."""
    settings = demo._digits_config
    monkeypatch.setattr(
        demo, "_digits_config", lambda *a: [*settings(*a), "Global.epochs=1", "Global.seed=3"]
    )
    monkeypatch.setattr(demo, "NETWORKS", ("MobileNetV3_small_x1_0",))
    monkeypatch.setattr(demo, "EXPECTED_TOP1", 0.0)


def test_the_chain_from_digits_to_the_report(small, tmp_path, run, caplog):
    output = tmp_path / "demo"
    code, out, err = run("demo", "--output", output)
    assert code == 0, err
    page = output / "report" / "index.html"
    assert f"report: {page.resolve().as_uri()}" in out
    assert "MobileNetV3_small_x1_0" in page.read_text()
    arm, x86 = json.loads((output / "stages" / "convert.json").read_text())["result"]
    assert (arm["target"], x86["target"]) == ("arm", "x86")
    assert x86["output_check"]["ok"]
    [timed] = json.loads((output / "latency.json").read_text())["results"]
    assert timed["status"] == "ok"
    assert len(timed["samples_ms"]) == timed["stats"]["n"] > 50
    assert not list(output.rglob(".*"))  # no temporary file is left

    code, _, err = run("demo", "--output", output)
    assert code == 0
    assert err.count("done before") == 9
    assert "Train" not in err


def test_a_network_that_learnt_nothing_fails_the_demo():
    with pytest.raises(CheckFailed, match=r"top-1 0\.5000"):
        demo._check_accuracy({"top1": 0.5})
