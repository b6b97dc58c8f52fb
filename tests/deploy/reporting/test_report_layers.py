"""Layers and test nets in a report: sections of their own, and no models beside others."""

import csv
import json
import xml.etree.ElementTree as ET

import pytest
from support.latency_results import write
from support.layer_results import guidelines_file, layer, layers_file, timed

from ppghost.deploy.reporting.sections.layers import MAX_BARS
from ppghost.deploy.reporting.write import report


def written(tmp_path, *sources, lang="en"):
    summary = report(sources, tmp_path / "out", lang=lang)
    return summary, (tmp_path / "out" / "report.md").read_text()


def headings(page):
    return [line[3:] for line in page.splitlines() if line.startswith("## ")]


def section(page, heading):
    _, _, rest = page.partition(f"\n## {heading}\n")
    return " ".join(rest.partition("\n## ")[0].split())


@pytest.fixture(scope="module")
def layers_report(tmp_path_factory):
    """The report of both layers, its page as Markdown, its folder."""
    folder = tmp_path_factory.mktemp("layers")
    return *written(folder, layers_file(folder / "r.json")), folder / "out"


def test_layers_have_a_section_with_bars_and_how_well_they_add_up(layers_report):
    summary, page, folder = layers_report
    text = section(page, "Layer by layer")
    assert "3 layers, 2 of them different, take 8.00 (8.00 to 16.00) ms together (7 rounds)" in text
    assert "80.0 (80.0 to 80.0) % of what the whole network takes, 10.00" in text
    assert "exactly the kernels" in text
    assert "| conv | 2 | 3.00 | 2.00 to 6.00 | 75.00 (50.00 to 75.00) | 2.00 | 0.00 | - |" in text
    drawing = ET.parse(folder / "layers.svg")  # noqa: S314 - ours
    texts = [
        "".join(each.itertext()).strip() for each in drawing.iter() if each.tag.endswith("text")
    ]
    assert {"conv × 2", "pool", "% of time", "% of MACs", "% of memory access"} <= set(texts)
    assert "layers.svg" in {file.rpartition("/")[2] for file in summary.files}


def test_layers_are_no_models_beside_others(layers_report):
    summary, page, folder = layers_report
    assert summary.models == 1
    for heading in ("Latency", "Size and complexity", "Output checks"):
        assert "| Net |" in section(page, heading)
        assert "| conv |" not in section(page, heading)
    # the table for programs has all that was timed
    rows = csv.DictReader((folder / "latency.csv").open())
    assert [row["model"] for row in rows] == ["(no work)", "pool", "conv", "Net"]


def test_what_was_not_timed_and_what_is_computed_otherwise_is_said(tmp_path):
    untimed = [{"layer": "nms_0", "ops": ["multiclass_nms3"], "reason": "it is a loop"}]
    kernels = {"flatten": {"whole": 0, "layers": 1}}
    file = layers_file(tmp_path / "r.json", not_timed=untimed, other_kernels=kernels)
    text = section(written(tmp_path, file)[1], "Layer by layer")
    assert "Not timed: nms\\_0 (multiclass\\_nms3): it is a loop" in text
    assert "flatten is in the whole 0 times, in the layers 1 times" in text
    assert "exactly the kernels" not in text


def test_of_very_many_layers_those_that_take_most_are_drawn(tmp_path):
    count = MAX_BARS + 5
    layers = [layer(f"l{number}", macs=1000) for number in range(count)]
    plan = {"network": "Net", "target": "x86", "whole_sha256": None, "idle_sha256": "idle",
            "layers": layers}  # fmt: skip
    results = [timed("idle", [0.1] * 6)]
    results += [timed(f"l{number}", [1.1 + number] * 6) for number in range(count)]
    file = write(tmp_path / "r.json", results, plan={"layers": [plan]})
    text = section(written(tmp_path, file)[1], "Layer by layer")
    assert "Not drawn: 5 others" in text
    drawing = (tmp_path / "out" / "layers.svg").read_text()
    assert ">l5<" in drawing
    assert ">l4<" not in drawing
    assert f"| l{count - 1} | 1 |" in text


def test_test_nets_have_a_table_and_nothing_is_said_of_models(tmp_path):
    summary, page = written(tmp_path, guidelines_file(tmp_path / "r.json"))
    assert summary.models == 0
    assert headings(page) == ["Warnings", "Design guidelines on this device", "To repeat it"]
    text = section(page, "Design guidelines on this device")
    figures = "4.00 | 3.50 to 4.50 | 250 | 2.000 (2.000 to 2.200) | 1.00 | 0.00"
    assert f"| G1 channel ratio: 1:2 | {figures} |" in text


def test_all_kinds_of_results_fit_into_one_report(tmp_path):
    sources = layers_file(tmp_path / "a.json"), guidelines_file(tmp_path / "b.json")
    document = json.loads(sources[0].read_text())
    document["results"] = [each | {"threads": 2} for each in document["results"]]
    more = tmp_path / "c.json"
    more.write_text(json.dumps(document))
    summary, page = written(tmp_path, *sources, more, lang="zh")
    assert summary.models == 1
    files = {file.rpartition("/")[2] for file in summary.files}
    assert {"layers1.svg", "layers2.svg"} <= files
    assert page.count("G1") == 2
