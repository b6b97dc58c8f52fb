"""Stages of a demo that are remembered."""

import pytest

from ppghost.cli import stages

MADE = ("stages", "train", "latency.json")


def test_a_finished_stage_is_not_run_again(tmp_path):
    made, calls = tmp_path / "made", []

    def work():
        calls.append(1)
        made.write_text("x")
        return {"n": len(calls)}

    for _ in range(2):
        run = stages.Stages(tmp_path / "stages", total=1)
        run.run("work", "work", work, [made])
    assert (calls, run.results) == ([1], {"work": {"n": 1}})
    made.unlink()
    stages.Stages(tmp_path / "stages", total=1).run("work", "work", work, [made])
    assert len(calls) == 2


def test_an_interrupted_stage_is_run_again(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    run = stages.Stages(tmp_path / "stages", total=1)
    with pytest.raises(KeyboardInterrupt):
        run.run("work", "work", interrupted, [])
    assert not (tmp_path / "stages").exists()
    run = stages.Stages(tmp_path / "stages", total=1)
    run.run("work", "work", lambda: 5, [])
    assert run.results == {"work": 5}


def test_what_other_code_left_is_made_anew(tmp_path, monkeypatch, caplog):
    stages.forget_other_code(tmp_path, MADE)
    for name in MADE:
        (tmp_path / name).mkdir()
    stages.forget_other_code(tmp_path, MADE)
    assert all((tmp_path / name).exists() for name in MADE)
    monkeypatch.setattr(stages, "_fingerprint", lambda: "other code")
    stages.forget_other_code(tmp_path, MADE)
    assert [path.name for path in tmp_path.iterdir()] == ["code.json"]


def test_the_fingerprint_covers_code_templates_and_configs(tmp_path, monkeypatch):
    package = tmp_path / "ppghost"
    (package / "cli").mkdir(parents=True)
    (tmp_path / "deploy").mkdir()
    (package / "deploy").symlink_to("../deploy")
    (package / "__init__.py").touch()
    monkeypatch.setattr(stages.ppghost, "__file__", str(package / "__init__.py"))
    seen = {stages._fingerprint()}
    for name in ("cli/main.py", "deploy/report.html", "deploy/bench.yaml"):
        (package / name).write_text(name)
        seen.add(stages._fingerprint())
    assert len(seen) == 4
