"""The sections of a report: each is one entry, shown by the page and by Markdown alike."""

import re
from pathlib import Path
from typing import get_args

import pytest
from support.latency_results import result, write

from ppghost import i18n
from ppghost.deploy.reporting import write as writing
from ppghost.deploy.reporting.pages import blocks
from ppghost.deploy.reporting.sections import SECTIONS
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr


def fastest(data, t):
    """A section as somebody would add it, with a block of each kind."""
    row = min(data.rows, key=lambda row: row.stats.median)
    yield blocks.Paragraph(t["fastest_is"].format(model=row.model), link=("a page", "http://x"))
    yield blocks.Subheading(row.device["model"])
    yield blocks.Bullets([t["a_bullet"]], warn=True)
    yield blocks.Table([t["model"], t["precision"]], [[row.model, row.precision]])
    yield blocks.Facts([blocks.Fact("n_a", row.model, before="<", after=">")])
    yield blocks.Figures(
        [blocks.Figure("<svg>drawn</svg>", "bars", title="a_title", caption="<caption>")],
        [blocks.Image("bars.svg", "bars")],
        above=("above all",),
        below=("below all",),
        files={"bars.svg": "<svg>drawn</svg>"},
    )


FASTEST = Section(
    tr("The fastest"),
    fastest,
    {
        "fastest_is": tr("The fastest is {model}."),
        "a_bullet": tr("so much for that"),
    },
)


#: what `make messages` would make of them
CHINESE = {
    "The fastest": "最快的模型",
    "The fastest is {model}.": "最快的模型是 {model}。",
    "so much for that": "仅此而已",
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A function that reports with one more section, and returns a file's text."""
    monkeypatch.setattr(writing, "SECTIONS", (*SECTIONS, FASTEST))
    catalogue = i18n._catalogue("zh")
    for english, chinese in CHINESE.items():
        monkeypatch.setitem(catalogue._catalog, english, chinese)
    source = write(tmp_path / "r.json", [result("Slow_x1", 9.0), result("Fast_x1", 2.0)])

    def read(name, lang="en"):
        summary = writing.report([source], tmp_path / lang, lang=lang)
        assert str(tmp_path / lang / name) in summary.files
        return (tmp_path / lang / name).read_text()

    return read


def test_a_section_is_one_entry_that_both_pages_show(written):
    page, markdown = written("index.html"), written("report.md")
    _, _, page = page.partition("<h2>The fastest</h2>")
    assert '<p class="soft">The fastest is Fast_x1. <a href="http://x">a page</a></p>' in page
    assert "<h3>Some CPU</h3>" in page
    assert '<ul class="warn">\n<li>so much for that</li>' in page
    assert "<td>Fast_<wbr>x1</td><td>fp32</td>" in page
    assert "<dt>n_a</dt><dd>&lt;<code>Fast_x1</code>&gt;</dd>" in page
    assert page.index("above all") < page.index("<svg>drawn</svg>") < page.index("below all")
    assert '<figcaption class="soft">&lt;caption&gt;</figcaption>' in page
    _, _, markdown = markdown.partition("\n## The fastest\n")
    assert (
        markdown
        == """
The fastest is Fast\\_x1. [a page](http://x)

### Some CPU

- so much for that

| Model | Precision |\x20
|:--|--:|
| Fast\\_x1 | fp32 |\x20

- n_a: \\<Fast\\_x1\\>

![bars](bars.svg)

above all

below all

- a\\_title: \\<caption\\>

"""
    )
    assert written("bars.svg") == "<svg>drawn</svg>"


def test_a_section_stands_with_its_words_in_both_languages(written):
    page, markdown = written("index.html", "zh"), written("report.md", "zh")
    assert "<h2>最快的模型</h2>" in page
    assert "## 最快的模型" in markdown
    assert "最快的模型是 Fast\\_x1。" in markdown
    # the common words too
    assert "模型 | 数值精度" in markdown


def test_a_section_that_is_taken_out_leaves_the_others(tmp_path, monkeypatch):
    first, second, *_ = SECTIONS
    monkeypatch.setattr(writing, "SECTIONS", (second,))
    source = write(tmp_path / "r.json", [result("GhostNet_x0_5", 9.0)])
    summary = writing.report([source], tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("<h2>") == 1
    assert f"<h2>{second.heading}</h2>" in page
    assert first.heading not in page
    assert [path.rpartition("/")[2] for path in summary.files] == [
        "latency.csv", "report.md", "index.html",
    ]  # fmt: skip


@pytest.mark.parametrize("template", ["report.html", "report.md"])
def test_every_kind_of_block_is_shown_by_both_pages(template):
    text = (Path(blocks.__file__).parent / template).read_text()
    kinds = {block.kind for block in get_args(blocks.Block)}
    assert set(re.findall(r"{% macro (\w+)\(block\) %}", text)) == kinds
    assert set(re.findall(r'"(\w+)": \1', text)) == kinds
