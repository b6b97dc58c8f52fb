"""`make benchmark`: the commands that it runs, and the table that it makes."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from support import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import short

PEERS = {"PaddleClas": Path("checkout"), "torch": Path("python")}
JOBS = short.jobs(Path("images"), [Path("a.nb"), Path("b.nb")], PEERS)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.script)
def test_each_script_has_the_options_that_it_is_given(job, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [job.script, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "benchmarks" / job.script), run_name="__main__")
    assert ended.value.code == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert {word for word in job.arguments if word.startswith("--")} <= known


def test_a_row_names_ours_the_peer_and_what_is_missing():
    figure = JOBS[0].figures[0]
    said = (
        "round 1, PaddleClas: step 1.500 s, first step after 3.7 s, 1500 MB, load 1.0\n"
        "round 1, ours: step 0.500 s, first step after 4.2 s, 1900 MB, load 1.0\n"
    )
    first, second = short.row(figure, said, {"PaddleClas": Path("checkout")}, 1.0)
    assert first.endswith("| 0.5 s | PaddleClas: 1.5 | 3.00 | 1.0 |")
    assert "torch: missing, TORCH_PYTHON=PYTHON" in second


def test_more_is_better_where_images_are_counted():
    [figure] = JOBS[1].figures
    said = "reduced, to 224: whole      800.0 images/s\none process: PaddleClas   400.0 images/s\n"
    [line] = short.row(figure, said, PEERS, 1.0)
    assert line.endswith("| 2.00 | 1.0 |")


def test_a_script_that_fails_makes_a_row_that_says_so():
    [figure] = JOBS[2].figures
    [line] = short.row(figure, "Traceback", {}, 1.0)
    assert "| failed |" in line
