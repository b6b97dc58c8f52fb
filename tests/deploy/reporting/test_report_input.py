"""What a report is made of, and what it refuses."""

import json
from pathlib import Path

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


def test_accuracy_that_was_measured_here_has_its_own_name_and_place(tmp_path):
    rows = [result("Slow", 40.0), result("Fast", 2.0)]
    ratio = {"median": 0.05, "ci95": [0.04, 0.0625], "reference": "Slow", "rounds": 9}
    rows[1] |= {"ratio": ratio, "image": "cards.jpg"}
    source = write(tmp_path / "r.json", rows)
    for name, content in (
        ("eval", {"AP": 0.5, "VOC_AP_area": 0.61, "loss": 1.5, "samples": 67}),
        ("int8", {"cosine": 1.0, "fp32": {"AP": 0.4}, "int8": {"AP": 0.375, "AP50": 0.7}}),
        ("none", {"loss": 1.0, "AP": -1}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    files = {"Slow": tmp_path / "eval.json", "Fast": tmp_path / "int8.json"}
    summary = report([source], tmp_path / "out", accuracies=files)
    page = (tmp_path / "out" / "report.md").read_text()
    assert "| COCO AP | COCO AP50 | VOC AP, area |" in page
    assert (
        "| Fast | 1 | fp32 | 0.375 | 0.700 | - | 2.00 | 500.0 | 20.000 (16.000 to 25.000) |" in page
    )
    assert "Timed on cards.jpg." in page
    assert summary.not_on_curve == []
    # nothing published is of these models
    assert "Snapdragon" not in page
    assert {Path(name).name for name in summary.files} >= {"measured_accuracy.svg"}
    svg = (tmp_path / "out" / "measured_accuracy.svg").read_text()
    assert "COCO AP (%), measured here" in svg
    with pytest.raises(InputError, match=r"no result of a model 'Faster'; there is: Fast, Slow"):
        report([source], tmp_path / "x", accuracies={"Faster": tmp_path / "eval.json"})
    with pytest.raises(InputError, match=r"none\.json: holds none of AP, AP50"):
        report([source], tmp_path / "x", accuracies={"Fast": tmp_path / "none.json"})
