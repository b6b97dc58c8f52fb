"""The report, read as its readers do."""

import csv
import html
import re
import shutil
import xml.etree.ElementTree
from html.parser import HTMLParser

import pytest
from support.latency_results import HOST, PHONE, result, rounds, write

from ppghost.deploy.reporting.published import PublishedModel, load_published
from ppghost.deploy.reporting.write import report


class Tables(HTMLParser):
    """Cells of each table, and all tags of a page."""

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


def test_files_that_name_every_model(page):
    summary, content, out = page(result("GhostNet_x0_5", 6.25), result("MobileNetV2", 24.5))
    assert sorted(path.name for path in out.iterdir()) == [
        "curve.svg", "index.html", "latency.csv", "published.svg", "report.md",
    ]  # fmt: skip
    assert summary.models == 2
    assert summary.not_on_curve == summary.warnings == []
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


def test_measured_and_published_figures_never_share_a_table_or_axes(page):
    _, content, out = page(result("GhostNet_x0_5", 6.25), result("MobileNetV2", 24.5))
    measured, published, *_ = Tables(content).tables
    assert "6.25" in measured
    assert "66.88" not in measured
    assert "5.28" not in measured
    assert {"66.88", "86.95", "5.28", "3.95", "3.29"} <= set(published)
    assert "6.25" not in published
    assert "Host computer, not a phone" in content
    curve, drawn = ((out / name).read_text() for name in ("curve.svg", "published.svg"))
    assert "published ImageNet top-1 (%), PaddleClas model zoo" in curve
    assert "Snapdragon" not in curve
    assert "measured latency" not in drawn
    # a model that was published and not measured stands in the published drawing only
    assert ("ShuffleNetV2_x1_0" in curve, "ShuffleNetV2_x1_0" in drawn) == (False, True)


def test_the_published_picture_says_what_it_is_and_stands_beside_the_measured_one(page):
    _, content, out = page(result("MyNet", 6.25))
    published = load_published()
    for text in ("Published, not measured here", "Snapdragon 855", published.path):
        assert text in (out / "published.svg").read_text()
        assert text in content
    assert published.url in content
    section = content[content.index("<h2>Published: Snapdragon 855") :]
    section = section[: section.index("</div>")]
    assert section.count("<svg") == 2
    assert section.index("<b>published</b>") < section.index("<b>measured here</b>")
    assert published.url in (out / "report.md").read_text()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_names_are_text_and_never_markup(tmp_path, lang):
    name = "<script>alert(1)</script> $x^2$ | & \"' [a](http://b) `c` **d** {e} %s"
    hostile = result(
        name, 6.0, **rounds([6.0] * 6, throttled=[name] * 6), error=name, status="failed",
        notes=[name], weights=name, precision=name, convert_command=name, device=PHONE,
        output_check={"max_abs_diff": None, "ok": None, "why": name},
    )  # fmt: skip
    known = result("GhostNet_x0_5", 7.0, warning=f"{name}: wide", device=PHONE | {"model": name})
    out = tmp_path / "out"
    report([write(tmp_path / "r.json", [hostile, known])], out, lang=lang, command=name)
    content = (out / "index.html").read_text()
    assert "<script" not in content
    text = html.unescape(content.replace("<wbr>", ""))
    assert text.count(name) > 8
    markdown = (out / "report.md").read_text()
    bare = re.sub(r"\\.|&amp;", "", markdown)
    assert "scriptalert(1)/script" in bare
    assert not re.search(r"[<$`]|\[a|\*\*|&", bare)
    for table in re.findall(r"(?:^\|.*\n)+", bare, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1
    for drawing in ("curve.svg", "traces.svg"):
        assert "<script" not in (out / drawing).read_text()
    assert html.escape(name, quote=False) in (out / "traces.svg").read_text()
    rows = list(csv.DictReader((out / "latency.csv").open()))
    assert {row["model"] for row in rows} == {name, "GhostNet_x0_5"}


def test_letters_that_cannot_be_shown_are_replaced(page):
    # control characters are no XML, a lone surrogate is no UTF-8, an override turns text around
    name = "a\x00\x1b[31m\ud800\u202eb"
    _, _, out = page(result(name, 6.0, **rounds([6.0] * 6)), result("GhostNet_x0_5", 7.0))
    for file in ("index.html", "report.md", "traces.svg", "latency.csv"):
        text = (out / file).read_text().replace("\\", "")
        assert "a\ufffd\ufffd[31m\ufffd\ufffdb" in text
    xml.etree.ElementTree.parse(out / "traces.svg")  # noqa: S314 - we wrote it


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
    assert summary.not_on_curve == [why]
    assert why in content
    model = changes.get("model", "GhostNet_x0_5")
    assert model in Tables(content).tables[0]
    assert model not in (out / "curve.svg").read_text()


def test_failures_and_warnings_are_told(page):
    summary, content, out = page(
        result("GhostNet_x0_5", 6.25, warning="GhostNet_x0_5: interval is wide"),
        result("MobileNetV2", 1.0, status="failed", error="MobileNetV2: it died", stats=None),
    )
    assert len(summary.warnings) == 2
    for text in (content, (out / "report.md").read_text().replace("\\_", "_")):
        assert "MobileNetV2 (1 thread): it died" in text
        assert "GhostNet_x0_5 (1 thread): interval is wide" in text


def test_report_says_how_to_repeat_it(tmp_path):
    made = result(
        "GhostNet_x0_5", 6.25, opt_version="v2.13-rc", source_sha256="cd" * 32,
        convert_command="ppghost convert m --target x86 --output x.nb",
    )  # fmt: skip
    source = write(tmp_path / "r.json", [made])
    report([source], tmp_path / "out", command="ppghost report r.json --output out")
    for name in ("index.html", "report.md"):
        text = (tmp_path / "out" / name).read_text().replace("\\", "")
        for fact in (
            "ppghost bench x.nb", "rounds 6", "seed 0", "system Linux", "cores 2",
            "ppghost convert m --target x86", "ppghost report r.json", "v2.13-rc",
            made["nb_sha256"], "cd" * 32, "2.13rc0",
        ):  # fmt: skip
            assert fact in text


def test_of_a_plan_what_is_known_is_told_and_no_more(tmp_path):
    measured = [result("GhostNet_x0_5", 6.25)]
    for plan, text in (
        ({"threads": [1, 2], "rounds": 6, "seed": 0}, "threads 1 2, rounds 6, seed 0"),
        ({"models": [{"model": "x"}], "repeats": None, "max_wait": 300.0}, "max_wait 300.0"),
        ({}, ""),
    ):
        report([write(tmp_path / "r.json", measured, plan=plan)], tmp_path / "out")
        page = (tmp_path / "out" / "index.html").read_text()
        assert f"(seeded); <code>{text}</code>" in page


def test_a_kind_of_device_that_nobody_knows_is_told_by_what_its_description_holds(page):
    board = HOST | {"serial": "board-1", "kind": "serial line", "model": "Some board"}
    device = page(result("GhostNet_x0_5", 6.25, device=board))[1]
    assert "<h3>board-1, not a phone: Some board x86_64, Paddle-Lite 2.13rc0</h3>" in device
    assert "Measured on board-1; a phone gives other figures" in device
    assert ">board-1, not a phone, 1 thread, batch 1</" in device
    del board["android"]
    device = page(result("GhostNet_x0_5", 6.25, device=board))[1]
    assert "<h3>board-1: Some board x86_64, Paddle-Lite 2.13rc0</h3>" in device
    assert "phone gives other" not in device
    phone = page(result("GhostNet_x0_5", 6.25, device=board | {"android": "14"}))[1]
    assert "<h3>board-1: Some board x86_64" in phone
    assert "phone gives other" not in phone


@pytest.mark.draws_anew
def test_the_same_results_give_the_same_bytes(page, tmp_path):
    _, _, out = page(result("GhostNet_x0_5", 6.25), result("GhostNet_x1_0", 15.0))
    shutil.copytree(out, tmp_path / "first")
    _, _, out = page(result("GhostNet_x0_5", 6.25), result("GhostNet_x1_0", 15.0))
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "first" / path.name).read_bytes()


def test_counts_and_sizes_of_each_file(page):
    counted = result("GhostNet_x0_5", 6.25, params=2588232, macs=42327816)
    _, content, out = page(counted, result("MobileNetV2", 24.5, nb_bytes=None))
    (sizes,) = [table for table in Tables(content).tables if "MACs M" in table]
    assert sizes[sizes.index("GhostNet_x0_5") :][:6] == [
        "GhostNet_x0_5", "fp32", "1x3x224x224", "5.00", "2.59", "42.33",
    ]  # fmt: skip
    assert sizes[sizes.index("MobileNetV2") :][3:6] == ["-", "-", "-"]
    assert "models of others, and results of before, hold none" in content
    (row, _) = csv.DictReader((out / "latency.csv").open())
    assert (row["params"], row["macs"]) == ("2588232", "42327816")


def test_outputs_that_were_not_checked_say_why(page):
    why = "a benchmark_bin before 2.10 does not show its outputs"
    unchecked = {"max_abs_diff": None, "ok": None, "why": why, "where": "device"}
    checked = {"max_abs_diff": 2.5e-7, "ok": True, "where": "device"}
    figures = {"relative": 3e-6, "correlation": 0.99999876}
    _, content, _ = page(
        result("GhostNet_x0_5", 6.25, output_check=unchecked, device=PHONE),
        result(
            "MobileNetV2", 24.5, output_check=checked | figures, device=PHONE, check="weights only"
        ),
        result("MyNet", 1.0, output_check=None),
        result("Converted", 1.0, check="x86"),
    )
    (checks,) = [table for table in Tables(content).tables if "Compared" in table]
    lines = [tuple(checks[start : start + 8]) for start in range(8, len(checks), 8)]
    assert lines == [
        ("GhostNet_x0_5", "emulated-1", "-", "not compared", "-", "-", "-", why),
        (
            "MobileNetV2",
            "emulated-1",
            "weights only",
            "on the device",
            "2.5e-07",
            "3e-06",
            "0.999999",
            "agrees",
        ),
        ("MyNet", "host", "-", "not compared", "-", "-", "-", "-"),
        ("Converted", "host", "x86", "on a host, when converted", "1e-06", "-", "-", "agrees"),
    ]


def test_ratios_stand_in_the_table_with_their_intervals(page):
    ratio = {"reference": "GhostNet_x0_5", "median": 2.5, "ci95": [2.4, 2.6], "rounds": 20}
    _, content, out = page(result("MobileNetV2", 24.5, ratio=ratio), result("Alone", 30.0))
    measured = Tables(content).tables[0]
    assert "Ratio to GhostNet_x0_5" in measured
    assert "2.500 (2.400 to 2.600)" in measured
    (row, _) = csv.DictReader((out / "latency.csv").open())
    assert [row[key] for key in ("reference", "ratio", "ratio_low", "ratio_high")] == [
        "GhostNet_x0_5", "2.5", "2.4", "2.6",
    ]  # fmt: skip


def test_power_modes_are_told_apart(page):
    _, content, _ = page(
        result("GhostNet_x0_5", 6.25, device=PHONE, power_mode="big"),
        result("GhostNet_x0_5", 16.25, device=PHONE, power_mode="little"),
    )
    big, little = Tables(content).tables[:2]
    assert ("6.25" in big, "16.25" in big) == (True, False)
    assert "16.25" in little
    assert "Android 14, cores 1 x 1.79 + 1 x 2.84 GHz, power mode big" in content


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


def test_published_figures_are_those_of_the_source():
    published = load_published()
    assert len(published.models) == len(published.by_name) == 12
    assert published.by_name["GhostNet_x1_0"] == PublishedModel(
        name="GhostNet_x1_0", family="GhostNet", top1=0.7402, top5=0.9165,
        sd855_ms=[12.89, 8.66, 6.72], mflops=148.78, params_m=5.21,
    )  # fmt: skip
    assert published.url.endswith(published.path)
