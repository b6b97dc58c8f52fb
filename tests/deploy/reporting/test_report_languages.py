"""A report in two languages: both whole, neither with words of the other."""

import inspect
import re
import string
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from support.latency_results import PHONE, result, rounds, write

from ppghost.deploy.devices.android import device as phone
from ppghost.deploy.devices.android.output_check import unchecked
from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.latency import record
from ppghost.deploy.latency.throttling import Burst, throttled
from ppghost.deploy.reporting import write as report
from ppghost.deploy.reporting.messages import LANGUAGES, Messages
from ppghost.errors import InputError
from ppghost.inference.export import RANDOM_WEIGHTS

HERE = Path(report.__file__).parent
TABLE = yaml.safe_load((HERE / "messages.yaml").read_text())
#: names, units and terms that stay as they are in Chinese
TERMS = {
    "ppghost", "batch", "size", "ms", "MAD", "p90", "ImageNet", "Top-1", "Top-5", "Paddle",
    "Paddle-Lite", "PaddleClas", "Android", "GHz", "C", "CPU", "benchmark_bin", "nb", "MB", "M",
    "MACs", "FLOPs", "Program", "export", "convert", "inference.yml", "GhostNet",
    "Hodges-Lehmann", "SHA-256", "paddle_lite_opt", "zh-CN", "--rounds", "--resume", "x86",
}  # fmt: skip


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def english_words(text):
    """Latin words that are no terms; filled-in values aside."""
    words = re.findall(r"[A-Za-z-][\w.-]*\w|[A-Za-z]", re.sub(r"\{\w+\}|\\\d", " ", text), re.ASCII)
    return {word.strip(".") for word in words} - TERMS


def is_chinese(text):
    return re.search("[\u4e00-\u9fff]", text) is not None


def test_every_message_is_in_both_languages_with_the_same_fields():
    for key, texts in TABLE["messages"].items():
        assert set(texts) == set(LANGUAGES), key
        assert fields(texts["en"]) == fields(texts["zh"]), key


def test_neither_language_has_words_of_the_other():
    for key, texts in TABLE["messages"].items():
        assert not is_chinese(texts["en"]), key
        assert not english_words(texts["zh"]), key
    for said, chinese in TABLE["recorded"]:
        assert not is_chinese(said)
        assert not english_words(chinese), chinese


def test_every_message_is_used_and_every_used_one_is_there():
    used = set()
    for file in HERE.iterdir():
        if file.suffix in (".html", ".md"):
            used |= set(re.findall(r"\bt\.(\w+)", file.read_text()))
        elif file.suffix == ".py":
            text = file.read_text()
            used |= set(re.findall(r'\b(?:t|self)\[\s*"(\w+)"', text))
            # chosen by a condition or a loop over keys
            used |= {key for key in TABLE["messages"] if f'"{key}"' in text}
    used |= {f"status_{status}" for status in ("ok", "failed", "skipped")}
    assert used == set(TABLE["messages"])


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
    capped = "core 7 capped at 1.50 of 2.84 GHz"
    phone = result(
        "GhostNet_x0_5", 5.0, device=PHONE, power_mode="big", samples_are="invocation mean",
        **rounds([5.0] * 7, temp_c=[30.0] * 7, freq_khz=[[2000000]] * 7,
                 throttled=[capped] + [None] * 6),
        weights=RANDOM_WEIGHTS, ratio={"reference": "GhostNet_x0_5", "median": 1, "ci95": None},
        output_check=unchecked("a benchmark_bin before 2.10 does not show its outputs"),
        notes=["this old benchmark_bin cannot check outputs"],
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


def test_what_bench_records_is_said_in_chinese():
    """Each sentence comes from the code that records it, so that none can change unseen."""
    chinese = Messages("zh")
    narrow, wide = ({"median": 10.0, "ci95": [low, 10.0]} for low in (9.9, 9.0))
    plain = {"stats": narrow, "samples_ms": [10.0], "conditions": [], "output_check": None}
    hot = [{"throttled": _reason(temp_c=45.0, max_temp=40.0)}] + [{"throttled": None}] * 6
    source = inspect.getsource(phone)
    said_by_phone = [
        "the file's description holds no reference; convert it again",
        "a benchmark_bin before 2.10 does not show its outputs",
        "this old benchmark_bin cannot check outputs",
    ]
    assert all(f'"{sentence}"' in source for sentence in said_by_phone)
    sentences = [
        *record._notes({**plain, "stats": wide}),
        *record._notes({**plain, "stats": {"median": 1.0, "ci95": None}}),
        *record._notes({**plain, "conditions": hot, "throttled": {"in_stats": False}}),
        *record._notes({**plain, "conditions": hot, "throttled": {"in_stats": True}}),
        *record._notes({**plain, "conditions": [{"waited_ms": [10.0]}]}),
        *record._notes({**plain, "output_check": unchecked(said_by_phone[0])}),
        _reason(thermal_status=2),
        _reason(cap=1500000),
        hot[0]["throttled"],
        *said_by_phone,
        HostDevice().limitation(2),
        record.UNFINISHED,
        RANDOM_WEIGHTS,
    ]
    for sentence in sentences:
        said = chinese.recorded(sentence)
        assert is_chinese(said), sentence
        assert english_words(said) <= {"moderate"}, said
        assert Messages("en").recorded(sentence) == sentence
    assert chinese.recorded(sentences[2]) == (
        "7 轮中有 1 轮发生降频（45.0 °C，超过 40 °C）；样本保留，但不计入统计"
    )
    for said, _ in TABLE["recorded"]:
        assert any(re.fullmatch(said, sentence) for sentence in sentences), said


def _reason(thermal_status=0, temp_c=30.0, cap=2841600, max_temp=None):
    sensors = {"temp_c": temp_c, "freq_khz": None, "freq_cap_khz": [cap]}
    burst = Burst([1.0], [], sensors, sensors, {})
    return throttled({"thermal_status": thermal_status}, burst, [2841600], max_temp)


def test_another_text_is_shown_as_it_was_recorded():
    assert Messages("zh").recorded("the device went away") == "the device went away"


def test_a_language_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(InputError, match="lang: no language 'fr'; choose one of: en, zh"):
        report.report([everything(tmp_path)], tmp_path / "out", lang="fr")
    assert not (tmp_path / "out").exists()
