"""`make benchmark`: the commands that it runs, and the table that it makes."""

import json
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import detectors
import distillation
import short

from ppghost.models.retinanet import read_arguments

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


def test_labels_are_judged_by_class_and_place_each_object_once(tmp_path):
    box = (
        "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>0</ymin>"
        "<xmax>{}</xmax><ymax>10</ymax></bndbox></object>"
    )
    objects = box.format("a", 0, 10) + box.format("b", 20, 30) + box.format("a", 40, 50)
    for name, content in (("one", objects), ("two", box.format("a", 0, 10))):
        (tmp_path / f"{name}.xml").write_text(f"<annotation>{content}</annotation>")
    labels = [
        (1, [0, 0, 10, 10]),  # right
        (1, [1, 0, 10, 10]),  # the same object again
        (1, [20, 0, 10, 10]),  # the other class
        (2, [20, 0, 10, 6]),  # overlaps by 0.6
        (1, [44, 0, 10, 10]),  # by 0.43
    ]
    content = {
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
        "images": [{"id": 5, "file_name": "one.jpg"}, {"id": 6, "file_name": "two.jpg"}],
        "annotations": [
            {"image_id": 5, "category_id": category, "bbox": bbox, "score": 1 - 0.1 * number}
            for number, (category, bbox) in enumerate(labels)
        ],
    }
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(content))
    data = SimpleNamespace(folder=tmp_path, rest=["one.jpg one.xml", "two.jpg two.xml"])
    judged = distillation.judge(data, file)
    assert judged == {"labels": 5, "true": 4, "precision": 2 / 5, "recall": 2 / 4}


def test_each_rule_of_the_slim_detector_is_undone_alone():
    slim = detectors.DETECTORS["slim"]
    for name, arch in detectors.DETECTORS.items():
        read_arguments(arch)
        if name.startswith("slim_"):
            differing = [key for key in {*slim, *arch} if slim.get(key) != arch.get(key)]
            assert len(differing) == 1, name
