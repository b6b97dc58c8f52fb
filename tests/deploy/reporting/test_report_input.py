"""What a report is made of, and what it refuses."""

import pytest
from support.latency_results import result, write

from ppghost.deploy.reporting.write import report
from ppghost.errors import InputError


def test_a_file_with_nothing_but_the_schema_is_reported(tmp_path):
    bare = result("GhostNet_x0_5", 6.25)
    for key in ("nb", "nb_bytes", "inputs", "warning"):
        del bare[key]
    path = write(tmp_path / "bare.json", [bare], plan={}, host={})
    report([path], tmp_path / "out")
    assert "6.25" in (tmp_path / "out" / "report.md").read_text()


def test_results_that_are_none_are_refused(tmp_path):
    good = write(tmp_path / "good.json", [result("GhostNet_x0_5", 6.25)])
    other = write(tmp_path / "other.json", [], schema="ppghost.latency/2")
    damaged = write(tmp_path / "damaged.json", [{"model": "x"}])
    empty = write(tmp_path / "empty.json", [])
    (tmp_path / "broken.json").write_text("{")
    for files, message in (
        ([], "no result to report"),
        ([good, other], r"other\.json: not a latency result of schema"),
        ([good, tmp_path / "broken.json"], "not a JSON file"),
        ([good, tmp_path / "none.json"], "cannot be read"),
        ([damaged], "damaged latency result"),
        ([empty], "holds no result"),
    ):
        with pytest.raises(InputError, match=message):
            report(files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"conditions": ["hot"]},
        {"notes": [1]},
        {"ratio": {"reference": "x", "median": 1.0}},
        {"ratio": {"reference": "x", "median": "fast", "ci95": None}},
        {"ratio": {"reference": "x", "median": 1.0, "ci95": [1.0]}},
    ],
)
def test_results_with_other_kinds_of_values_are_damaged(tmp_path, changes):
    file = write(tmp_path / "r.json", [result("A", 5.0, **changes)])
    with pytest.raises(InputError, match=r"r\.json: damaged latency result"):
        report([file], tmp_path / "out")


def test_output_folder_that_cannot_be_written(tmp_path):
    good = write(tmp_path / "good.json", [result("GhostNet_x0_5", 6.25)])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        report([good], tmp_path / "file")
