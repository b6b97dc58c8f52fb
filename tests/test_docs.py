"""Examples that readers copy: the page on Python, and the scripts."""

import doctest
import os
import runpy
import subprocess
import sys

from support import ROOT

RUN_PAGE = """
import doctest, sys
import ppghost
failed, tried = doctest.testfile(sys.argv[1], module_relative=False)
print(tried)
sys.exit(failed)
"""


def test_the_page_on_python_is_true(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUN_PAGE, ROOT / "docs" / "api.md"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (ROOT / "docs" / "api.md").read_text()
    assert int(done.stdout.split()[-1]) == len(doctest.DocTestParser().get_examples(page)) > 25


def example(name, *arguments):
    return runpy.run_path(str(ROOT / "examples" / name))["main"](*arguments)


def test_a_network_of_ones_own_is_trained_exported_and_used(dygraph, tmp_path, capsys):
    accuracy = example("train_own_network.py", tmp_path, 2)
    assert accuracy["top1"] > 0.5
    assert "epoch 2:" in capsys.readouterr().out


def test_networks_are_timed_and_reported(tmp_path):
    made = example("latency_campaign.py", tmp_path, ("GhostNet_x0_5",), 6)
    page = (tmp_path / "report" / "index.html").read_text()
    assert made.models == 1
    assert "GhostNet_x0_5" in page
