"""The report, read as its readers do."""

import csv
import html
import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from deploy.report import load_published, report
from ppghost.errors import InputError

HOST = {
    "serial": "host", "kind": "host", "state": "device", "model": "Some CPU", "soc": None,
    "abi": "x86_64", "android": None, "lite_version": "2.13rc0",
}  # fmt: skip


def result(name, median, **changes):
    return {
        "model": name,
        "nb": f"{name}.nb",
        "nb_sha256": "ab" * 32,
        "nb_bytes": 5_000_000,
        "inputs": [{"name": "x", "shape": [1, 3, 224, 224]}],
        "device": HOST,
        "threads": 1,
        "power_mode": None,
        "precision": "fp32",
        "status": "ok",
        "error": None,
        "samples_ms": [median] * 6,
        "warmup_ms": [],
        "stats": {"n": 6, "median": median, "mad": 0.1, "p90": median + 1, "p99": median + 2,
                  "min": median - 1, "ci95": [median - 0.5, median + 0.5]},
        "warning": None,
        "conditions": [],
        "output_check": {"max_abs_diff": 1e-6, "ok": True},
    } | changes  # fmt: skip


def write(path, results, **changes):
    document = {
        "schema": "ppghost.latency/1",
        "created": "2026-01-01T00:00:00+00:00",
        "host": {"system": "Linux", "kernel": "6", "machine": "x86_64", "cores": 2,
                 "python": "3.10"},
        "plan": {"command": "ppghost bench x.nb", "rounds": 6, "repeats": 1, "warmup": 0,
                 "burst_warmup": 1, "seed": 0, "threads": [1], "device": "host"},
        "results": results,
    } | changes  # fmt: skip
    path.write_text(json.dumps(document))
    return path


class Tables(HTMLParser):
    """Header rows, links and tags of a page."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.tags, self._cell = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag in ("th", "td"):
            self.tables[-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self._cell = False

    def handle_data(self, data):
        if self._cell:
            self.tables[-1][-1] += data


@pytest.fixture
def page(tmp_path):
    """A function that reports results and returns (summary, index.html, output folder)."""

    def make(*results):
        source = write(tmp_path / "r.json", list(results))
        summary = report([source], tmp_path / "out")
        return summary, (tmp_path / "out" / "index.html").read_text(), tmp_path / "out"

    return make


def test_four_files_that_name_every_model(page):
    summary, content, out = page(result("GhostNet_x0_5", 6.25), result("MobileNetV2", 24.5))
    assert sorted(path.name for path in out.iterdir()) == [
        "curve.svg", "index.html", "latency.csv", "report.md",
    ]  # fmt: skip
    assert summary["models"] == 2
    assert summary["not_on_curve"] == summary["warnings"] == []
    for name in ("index.html", "report.md", "curve.svg", "latency.csv"):
        text = (out / name).read_text().replace("\\_", "_")
        assert "GhostNet_x0_5" in text
        assert "MobileNetV2" in text
    assert "6.25" in content


def test_page_is_self_contained_and_follows_the_reader(page):
    _, content, _ = page(result("GhostNet_x0_5", 6.25))
    tags = Tables(content).tags
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object"}
    assert not [attrs for tag, attrs in tags if tag != "a" and {"src", "href"} & set(attrs)]
    assert not re.search(r"@import|url\((?!#)", content)
    assert "prefers-color-scheme: dark" in content
    assert "width=device-width" in content
    assert "@media print" in content


def test_measured_and_published_figures_never_share_a_table(page):
    _, content, _ = page(result("GhostNet_x0_5", 6.25))
    measured, published, files = Tables(content).tables
    assert "6.25" in measured
    assert "66.88" not in measured
    assert "5.28" not in measured
    assert {"66.88", "86.95", "5.28", "3.95", "3.29"} <= set(published)
    assert "6.25" not in published
    assert "ab" * 32 in files
    assert "Published by the PaddleClas model zoo" in content
    assert "Host computer, not a phone" in content
    assert "published ImageNet top-1 (%), PaddleClas model zoo" in content


def test_names_are_text_and_never_markup(page):
    name = '<script>alert(1)</script> $x^2$ | & "'
    _, content, out = page(result(name, 6.0), result("GhostNet_x0_5", 7.0, warning=f"{name}: wide"))
    assert "<script" not in content
    assert "&lt;script&gt;alert(1)" in content
    assert "<script" not in (out / "report.md").read_text().replace("\\<", "")
    rows = list(csv.DictReader((out / "latency.csv").open()))
    assert name in [row["model"] for row in rows]


def test_hostile_name_on_the_curve_is_escaped():
    from deploy.curve import Panel, Point, draw_curve

    name = "<script>alert(1)</script> $x^2$"
    svg = draw_curve([Panel(name, [Point(name, name, 5.0, (4.0, 6.0), 0.7)])], "accuracy")
    assert "<script" not in svg
    # the title and the label
    assert svg.count(html.escape(name, quote=False)) >= 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model": "MyNet"}, "MyNet: no published accuracy"),
        (
            {"inputs": [{"name": "x", "shape": [1, 3, 32, 32]}]},
            "GhostNet_x0_5: the published accuracy is for another input size",
        ),
        ({"inputs": []}, "GhostNet_x0_5: the result does not tell its input size"),
        ({"precision": "int8"}, "GhostNet_x0_5: the published accuracy is not that of int8"),
        ({"status": "failed", "error": "it died"}, "GhostNet_x0_5: not measured to the end"),
    ],
)
def test_model_without_a_place_on_the_curve_is_said_to_be_missing(page, changes, why):
    summary, content, out = page(result("GhostNet_x0_5", 6.25, **changes))
    assert summary["not_on_curve"] == [why]
    assert why in content
    model = changes.get("model", "GhostNet_x0_5")
    assert model in Tables(content).tables[0]
    assert model not in (out / "curve.svg").read_text()


def test_failures_and_warnings_are_told(page):
    summary, content, out = page(
        result("GhostNet_x0_5", 6.25, warning="GhostNet_x0_5: interval is wide"),
        result("MobileNetV2", 1.0, status="failed", error="MobileNetV2: it died", stats=None),
    )
    assert len(summary["warnings"]) == 2
    for text in (content, (out / "report.md").read_text().replace("\\_", "_")):
        assert "MobileNetV2: it died" in text
        assert "GhostNet_x0_5: interval is wide" in text


def test_report_says_how_to_repeat_it(page):
    _, content, _ = page(result("GhostNet_x0_5", 6.25))
    for fact in ("ppghost bench x.nb", "rounds 6", "seed 0", "system Linux", "cores 2"):
        assert fact in content


def test_the_same_results_give_the_same_bytes(page, tmp_path):
    _, _, out = page(result("GhostNet_x0_5", 6.25), result("GhostNet_x1_0", 15.0))
    shutil.copytree(out, tmp_path / "first")
    _, _, out = page(result("GhostNet_x0_5", 6.25), result("GhostNet_x1_0", 15.0))
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "first" / path.name).read_bytes()


def test_labels_of_close_points_do_not_overlap():
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from deploy.curve import Panel, Point, _draw_panel, _label_points, _overlap

    points = [
        Point(f"MobileNetV3_small_x{index}", "F", 5 + index / 5, (5.0, 6.0), 0.66 + index / 200)
        for index in range(4)
    ]
    figure = Figure((5.6, 4.2), 72)
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    with mpl.rc_context({"text.parse_math": False}):
        _draw_panel(axes, Panel("", points), {"F": ("#000000", "o")}, "accuracy")
        canvas.draw()
        _label_points(axes, Panel("", points))
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in axes.texts]
    assert len(boxes) == 4
    for index, box in enumerate(boxes):
        assert all(_overlap(box, other) == 0 for other in boxes[:index])


def test_two_machines_are_two_tables(tmp_path):
    first = write(tmp_path / "a.json", [result("GhostNet_x0_5", 6.25)])
    other = result("GhostNet_x0_5", 9.5, device=HOST | {"model": "Other CPU"})
    second = write(tmp_path / "b.json", [other])
    report([first, second], tmp_path / "out")
    content = (tmp_path / "out" / "index.html").read_text()
    tables = Tables(content).tables
    assert "6.25" in tables[0]
    assert "9.50" not in tables[0]
    assert "9.50" in tables[1]


def test_csv_keeps_figures_unrounded(page):
    _, _, out = page(result("GhostNet_x0_5", 6.123456789))
    (row,) = csv.DictReader((out / "latency.csv").open())
    assert row["median_ms"] == "6.123456789"
    assert (row["ci95_low_ms"], row["input"]) == ("5.623456789", "1x3x224x224")
    assert (row["device"], row["kind"], row["device_model"]) == ("host", "host", "Some CPU")


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


def test_output_folder_that_cannot_be_written(tmp_path):
    good = write(tmp_path / "good.json", [result("GhostNet_x0_5", 6.25)])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        report([good], tmp_path / "file")


def test_published_figures_are_those_of_the_source():
    published = load_published()
    assert len(published["models"]) == len(published["by_name"]) == 12
    assert published["by_name"]["GhostNet_x1_0"] == {
        "name": "GhostNet_x1_0", "family": "GhostNet", "top1": 0.7402, "top5": 0.9165,
        "sd855_ms": [12.89, 8.66, 6.72], "mflops": 148.78, "params_m": 5.21,
    }  # fmt: skip
    assert published["url"].endswith(published["path"])
