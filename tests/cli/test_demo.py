"""The demo: stages that are remembered, and the whole chain at its smallest."""

import json

import pytest

from ppghost.cli import demo_stages as demo
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


def test_what_other_code_left_is_made_anew(tmp_path, monkeypatch, caplog):
    demo.forget_other_code(tmp_path)
    for name in demo.MADE:
        (tmp_path / name).mkdir()
    demo.forget_other_code(tmp_path)
    assert all((tmp_path / name).exists() for name in demo.MADE)
    monkeypatch.setattr(demo, "_fingerprint", lambda: "other code")
    demo.forget_other_code(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["code.json"]


def test_the_fingerprint_covers_code_templates_and_configs(tmp_path, monkeypatch):
    package = tmp_path / "ppghost"
    (package / "cli").mkdir(parents=True)
    (tmp_path / "deploy").mkdir()
    (package / "deploy").symlink_to("../deploy")
    (package / "__init__.py").touch()
    monkeypatch.setattr(demo.ppghost, "__file__", str(package / "__init__.py"))
    seen = {demo._fingerprint()}
    for name in ("cli/main.py", "deploy/report.html", "deploy/bench.yaml"):
        (package / name).write_text(name)
        seen.add(demo._fingerprint())
    assert len(seen) == 4


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
