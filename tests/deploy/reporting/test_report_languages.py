"""A report in two languages: both whole, neither with words of the other."""

import inspect
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.latency_results import PHONE, result, rounds, write

from ppghost.deploy.devices.android.benchmark_bin import Program
from ppghost.deploy.devices.android.device import Phone
from ppghost.deploy.devices.android.output_check import unchecked
from ppghost.deploy.devices.android.system import Translation
from ppghost.deploy.devices.base import Burst
from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.devices.notes import WORDS as NOTES
from ppghost.deploy.devices.notes import Note, format_note
from ppghost.deploy.latency import record
from ppghost.deploy.latency.results import Result, Round
from ppghost.deploy.latency.schema import ThrottledRounds
from ppghost.deploy.latency.stats import Ratio, Stats
from ppghost.deploy.latency.throttling import throttled
from ppghost.deploy.reporting import write as report
from ppghost.deploy.reporting.messages import COMMON
from ppghost.deploy.reporting.sections import SECTIONS
from ppghost.errors import InputError
from ppghost.formats.exported import RANDOM_WEIGHTS
from ppghost.i18n import translate

HERE = Path(report.__file__).parent
#: every text of a report, by section ("" for those that several use) and key
WORDS = {("", key): words for key, words in COMMON.items()}
for section in SECTIONS:
    WORDS |= {(section.heading, key): words for key, words in section.words.items()}
    WORDS[section.heading, "heading"] = section.heading
PLAIN = {
    "model": "A", "nb_sha256": "x", "device": {}, "threads": 1, "precision": "fp32",
    "status": "ok", "error": None, "output_check": None,
}  # fmt: skip
#: names, units and terms that stay as they are in Chinese
TERMS = {
    "ppghost", "batch", "size", "ms", "MAD", "p90", "ImageNet", "Top-1", "Top-5", "Paddle",
    "Paddle-Lite", "PaddleClas", "Android", "GHz", "C", "CPU", "benchmark_bin", "nb", "MB", "M",
    "MACs", "FLOPs", "Program", "export", "convert", "inference.yml", "GhostNet",
    "Hodges-Lehmann", "SHA-256", "paddle_lite_opt", "zh-CN", "--rounds", "--resume", "x86",
    "G1", "G2", "G3", "G4", "ShuffleNetV2", "AP", "COCO", "VOC", "eval", "quantize", "int8",
    "--image", "NMS", "BN",
}  # fmt: skip


def english_words(text):
    """Latin words that are no terms; filled-in values aside."""
    bare = re.sub(r"\{\w+\}|\\\d", " ", text)
    words = re.findall(r"[A-Za-z-][\w.-]*\w|[A-Za-z]", bare, re.ASCII)
    return {word.strip(".") for word in words} - TERMS


def is_chinese(text):
    return re.search("[\u4e00-\u9fff]", text) is not None


def test_neither_language_has_words_of_the_other():
    for key, words in WORDS.items():
        assert not is_chinese(words), key
        assert not english_words(translate(words, "zh")), key


def used_keys(text, known):
    """Keys of messages in a module; those of `known` also where a condition or a call chooses."""
    found = set(re.findall(r'\bt\[\s*"(\w+)"', text)) | {key for key in known if f'"{key}"' in text}
    # several keys of one beginning
    beginnings = re.findall(r'\bt\[f"(\w+_)\{', text)
    return found | {key for key in known if key.startswith(tuple(beginnings))}


def test_every_message_is_used_and_every_used_one_is_there():
    common, used = set(COMMON) | {"space"}, {"sentences"}
    for section in SECTIONS:
        code, _, _ = inspect.getsource(inspect.getmodule(section.build)).partition("SECTION = ")
        own = set(section.words)
        keys = used_keys(code, own | common)
        assert not own & common, section.heading
        assert own <= keys <= own | common, section.heading
        used |= keys & common
    for file in {*HERE.rglob("*.py")} - {*HERE.glob("sections/*")} | {HERE / "sections/cells.py"}:
        keys = used_keys(file.read_text(), common)
        assert keys <= common, file
        used |= keys
    for file in HERE.glob("pages/report.*"):
        used |= set(re.findall(r"\bt\.(\w+)", file.read_text()))
    assert used == common


class Text(HTMLParser):
    """What a reader of a page sees outside of names, numbers and code."""

    def __init__(self, page):
        super().__init__()
        self.pieces, self._hidden = [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._hidden += tag in ("style", "code", "metadata")

    def handle_endtag(self, tag):
        self._hidden -= tag in ("style", "code", "metadata")

    def handle_data(self, data):
        if not self._hidden:
            self.pieces.append(data)


def everything(tmp_path):
    """A file that makes a report say nearly all that it can."""
    capped = {"code": "core_capped", "values": {"core": 7, "cap_ghz": 1.5, "start_ghz": 2.84}}
    phone = result(
        "GhostNet_x0_5", 5.0, device=PHONE, power_mode="big", samples_are="invocation mean",
        **rounds([5.0] * 7, temp_c=[30.0] * 7, freq_khz=[[2000000]] * 7,
                 throttled=[capped] + [None] * 6),
        weights=RANDOM_WEIGHTS, ratio={"reference": "GhostNet_x0_5", "median": 1, "ci95": None},
        output_check={"max_abs_diff": None, "ok": None, "where": "device",
                      "why": {"code": "benchmark_bin_hides_outputs"}},
        notes=[{"code": "benchmark_bin_cannot_check"}],
    )  # fmt: skip
    return write(
        tmp_path / "r.json",
        [
            phone,
            phone | {"threads": 2},
            result("MobileNetV2", 24.5),
            result("GhostNet_x1_0", 1.0, status="skipped", error=record.UNFINISHED, stats=None),
            result("GhostNet_x1_3", 9.0, inputs=[]),
            result("GhostNet_x1_3", 9.0, precision="int8"),
        ],
    )


@pytest.mark.parametrize("file", ["index.html", "report.md", "curve.svg", "traces.svg"])
def test_a_chinese_report_is_chinese_but_for_names(tmp_path, file):
    report.report([everything(tmp_path)], tmp_path / "zh", lang="zh")
    content = (tmp_path / "zh" / file).read_text().replace("<wbr>", "").replace("\\", "")
    # commands, plans and hashes are as they were given
    content, _, _ = content.partition("复现方法")
    if file == "report.md":
        content = re.sub(r"\]\([^)]*\)", "]", content)
    text = " ".join(Text(content).pieces)
    assert is_chinese(text)
    names = r"(?:GhostNet|MobileNet|ShuffleNet|PPLCNet|SqueezeNet)\w*|docs/\S+|https?://\S+"
    text = re.sub(
        rf"{names}|emulated[\w -]*(?:phone|SoC)?|arm64-v8a|x86_64|v?2\.13-?rc0?", " ", text
    )
    left = {word for word in english_words(text) if not re.fullmatch(r"[\dx.e-]+", word)}
    assert left <= {"fp32", "int8", "big", "host", "Some", "rc"}


def test_the_chinese_page_says_so_to_the_browser_and_names_chinese_fonts(tmp_path):
    report.report([everything(tmp_path)], tmp_path / "zh", lang="zh")
    page = (tmp_path / "zh" / "index.html").read_text()
    assert '<html lang="zh-CN">' in page
    for text in (page, (tmp_path / "zh" / "curve.svg").read_text()):
        for font in ("PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC"):
            assert font in text
    # text, not outlines: the reader's fonts draw it
    assert ">实测延迟（ms），中位数与 95% 置信区间</text>" in page


def test_what_bench_notes_is_said_in_chinese():
    """Each note comes from the code that makes it, so that none can be without words."""
    stats = Stats(n=1, median=10.0, mad=0.0, p90=None, p99=None, min=9.0, ci95=(9.9, 10.0))

    def notes(**changes):
        made = Result(**PLAIN | {"stats": stats} | changes)
        return [note for make in record._NOTES if (note := make(made))]

    def measured(throttled=None, **conditions):
        return Round([10.0], conditions, throttled)

    hot = [measured(_reason(temp_c=45.0, max_temp=40.0)), *[measured()] * 6]
    translator = Phone("x", translation=Translation("arm64-v8a", "libndk_translation.so"))
    old = Phone("x")
    old._program = Program("v2.8.0", frozenset())
    unchecked_outputs = [
        note
        for why in ("no_reference", "benchmark_bin_hides_outputs")
        for note in notes(rounds=[measured()], output_check=unchecked(Note(why)))
    ]
    found = [
        *notes(rounds=hot, throttled=ThrottledRounds(1, in_stats=False)),
        *notes(rounds=hot, throttled=ThrottledRounds(1, in_stats=True)),
        *notes(rounds=[measured()], stats=replace(stats, ci95=(9.0, 10.0))),
        *notes(rounds=[measured()], stats=replace(stats, ci95=None)),
        *notes(rounds=[measured(waited_ms=[10.0])]),
        *notes(rounds=[measured(screen="off")]),
        *notes(rounds=[measured(battery=4)]),
        *notes(rounds=[measured(boxes=0)]),
        *notes(rounds=[measured(boxes=0)], image="cards.jpg"),
        *notes(rounds=[measured()] * 12, stats=replace(stats, effective_rounds=5.0)),
        *notes(rounds=[measured()], stats=replace(stats, first_ratio=1.5)),
        record._other_reference(Result(**PLAIN | {"stats": stats}), "1"),
        record._other_reference(
            Result(**PLAIN | {"stats": stats, "ratio": Ratio(1.0, None, "2")}), "1"
        ),
        *unchecked_outputs,
        _reason(thermal_status=2),
        _reason(cap=1500000),
        hot[0].throttled,
        old.limitation(1),
        translator.limitation(1),
        HostDevice().limitation(2),
    ]
    for note in found:
        words = translate(format_note(note), "zh")
        assert is_chinese(words), note
        assert english_words(words) <= {"moderate", "arm64-v8a", "libndk_translation.so"}, words
        assert not is_chinese(format_note(note)), note
    assert translate(format_note(found[0]), "zh") == (
        "7 轮中有 1 轮发生降频（45.0 °C，超过 40 °C）；样本保留，但不计入统计"
    )
    codes = {note.code for note in found} | {
        note.values["reason"].code for note in unchecked_outputs
    }
    assert codes == set(NOTES)


def test_no_note_has_english_words_in_chinese():
    for code, words in NOTES.items():
        assert not english_words(re.sub(r"\{[^}]*\}", "", translate(words, "zh"))), code


def _reason(thermal_status=0, temp_c=30.0, cap=2841600, max_temp=None):
    sensors = {"temp_c": temp_c, "freq_khz": None, "freq_cap_khz": [cap]}
    burst = Burst([1.0], [], sensors, sensors, {})
    return throttled({"thermal_status": thermal_status}, burst, [2841600], max_temp)


def test_another_text_is_shown_as_it_was_recorded():
    assert translate(format_note("the device went away"), "zh") == "the device went away"


@pytest.mark.parametrize("values", [{}, {"width": "wide", "trusted": 1}, {"width": None}])
def test_a_note_of_another_version_is_said_by_its_code(values):
    assert format_note(Note("wide_interval", values)) == "wide_interval"
    assert format_note({"code": "of_tomorrow", "values": values}) == "of_tomorrow"


def test_a_language_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(InputError, match="lang: no language 'fr'; choose one of: en, zh"):
        report.report([everything(tmp_path)], tmp_path / "out", lang="fr")
    assert not (tmp_path / "out").exists()
