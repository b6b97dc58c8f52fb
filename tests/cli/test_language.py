"""Commands in Chinese, by `--lang zh` or by the locale; JSON is the same in every language."""

import io
import logging
import pickle

import pytest
from support.latency_results import result, write

from ppghost.data.workers import _Collected
from ppghost.deploy.devices.android.device import Phone
from ppghost.errors import DeviceError
from ppghost.i18n import filled, translate

MISSING = "ppghost: 错误：none.yaml: 无法读取配置文件：没有该文件或文件夹\n"


@pytest.fixture
def locale(monkeypatch):
    """A function that sets the locale, as a shell does."""

    def set_locale(name):
        monkeypatch.delenv("LANGUAGE")
        monkeypatch.setenv("LC_ALL", name)

    return set_locale


@pytest.mark.parametrize(
    "arguments",
    [
        ("--lang", "zh", "train", "-c", "none.yaml"),
        ("train", "--lang", "zh", "-c", "none.yaml"),
        ("train", "-c", "none.yaml", "--lang=zh"),
        ("train", "-c", "none.yaml", "--lan", "zh"),
        ("--lang", "en", "train", "-c", "none.yaml", "--lang", "zh"),
    ],
)
def test_an_error_is_said_in_the_language_asked_for(run, arguments):
    assert run(*arguments) == (2, "", MISSING)


def test_an_error_is_said_in_the_locales_language(run, locale):
    locale("zh_CN.UTF-8")
    assert run("train", "-c", "none.yaml") == (2, "", MISSING)


def test_lang_wins_over_the_locale(run, locale):
    locale("zh_CN.UTF-8")
    _, _, err = run("--lang", "en", "train", "-c", "none.yaml")
    assert err.startswith("ppghost: error: none.yaml: cannot read the configuration: No such file")


def test_another_language_is_english(run, locale):
    locale("fr_FR.UTF-8")
    _, _, err = run("train", "-c", "none.yaml")
    assert err.startswith("ppghost: error: none.yaml: cannot read")


def test_what_a_key_must_be_is_said_in_chinese(run, config_file):
    code, _, err = run("train", "-c", config_file, "-o", "Global.epocs=3", "--lang", "zh")
    assert code == 2
    assert err.endswith(": Global.epocs: 未知的键，是否应为 epochs？\n")


def test_a_file_that_is_none_is_said_in_chinese(run, tmp_path):
    code, _, err = run("compare", tmp_path / "a.json", tmp_path / "b.json", "--lang", "zh")
    assert (code, err) == (2, f"ppghost: 错误：{tmp_path}/a.json: 无法读取（没有该文件或文件夹）\n")


def test_what_is_wrong_with_a_device_is_said_in_chinese():
    with pytest.raises(DeviceError, match="x: offline; replug it or") as raised:
        Phone("x", "offline").target  # noqa: B018
    expected = "x: offline；请重新插拔，或运行 `adb reconnect offline`"
    assert translate(raised.value, "zh") == expected


def test_help_is_chinese_whole(run, capsys):
    with pytest.raises(SystemExit):
        run("bench", "--help", "--lang", "zh")
    text = capsys.readouterr().out
    assert text.startswith("用法：ppghost bench [-h] [--lang {en,zh}]")
    assert "\n选项:\n" in text
    assert "显示本帮助信息并退出" in text
    assert "每次连续推理的次数（2，手机 5）" in text
    # no line is wider than the terminal
    assert max(len(line.encode("gbk")) for line in text.splitlines()) <= 80


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["bench", "--rounds", "x"], "参数 --rounds：'x' 不是大于 0 的整数"),
        (["train"], "缺少必需的参数：-c/--config"),
        (["train", "-c", "x", "--nothing"], "无法识别的参数：--nothing"),
    ],
)
def test_wrong_usage_is_said_in_chinese(run, capsys, arguments, problem):
    with pytest.raises(SystemExit) as ended:
        run(*arguments, "--lang", "zh")
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err


def test_the_table_of_doctor_is_chinese_and_its_json_is_not(run, config_file):
    broken = ("doctor", "-c", config_file, "-o", "Infer.PostProcess.class_id_map_file=/none.txt")
    code, out, err = run(*broken, "--lang", "zh")
    assert code == 1
    assert "正常 训练列表    12 张图像，送入网络的尺寸为 3x32x32\n" in out
    assert "有误 导出        /none.txt: 无法读取类别名：没有该文件或文件夹\n" in out
    assert "警告：Infer.transforms " in err
    assert err.endswith("ppghost: 错误：13 项检查中有 3 项未通过\n")
    _, chinese, _ = run(*broken, "--lang", "zh", "--json", "-")
    _, english, _ = run(*broken, "--json", "-")
    # what is measured is never the same twice
    assert _without_digits(chinese) == _without_digits(english)


def _without_digits(text):
    return "".join(sign for sign in text if not sign.isdigit())


@pytest.mark.parametrize(
    "arguments",
    [
        ("convert", "--list-repairs"),
        ("analyze", "TinyGhostNet", "--class-num", "3"),
    ],
)
def test_json_is_the_same_in_every_language(run, arguments):
    outcomes = [run(*arguments, "--json", "-", "--lang", lang) for lang in ("en", "zh")]
    assert outcomes[0][1] == outcomes[1][1]
    assert outcomes[0][1].isascii()


def test_json_of_a_command_that_fails_is_the_same_in_every_language(run, tmp_path):
    failed = result("A", 9.0, status="failed", error="the device went away", stats=None)
    old = write(tmp_path / "old.json", [result("A", 5.0)])
    new = write(tmp_path / "new.json", [failed])
    outcomes = [run("compare", old, new, "--json", "-", "--lang", lang) for lang in ("en", "zh")]
    assert outcomes[0][:2] == outcomes[1][:2]
    assert '"why": "fails now: the device went away"' in outcomes[0][1]
    assert "slower than" in outcomes[0][2]
    assert "慢 5% 以上" in outcomes[1][2]


def test_a_report_is_of_the_locales_language(run, locale, tmp_path):
    source = write(tmp_path / "r.json", [result("GhostNet_x0_5", 9.0)])
    locale("zh_CN.UTF-8")
    code, out, _ = run("report", source, "--output", tmp_path / "zh")
    assert (code, out) == (0, f"报告：{tmp_path}/zh/index.html\n")
    assert '<html lang="zh-CN">' in (tmp_path / "zh/index.html").read_text()


def test_the_log_of_another_process_can_be_said_in_chinese():
    records = []
    collected = _Collected(records)
    words = ("%s; the next good image takes its place", ("x.png",))
    collected.handle(logging.LogRecord("ppghost", logging.WARNING, "x.py", 1, *words, None))
    [record] = pickle.loads(pickle.dumps(records))
    assert record.getMessage() == "x.png; the next good image takes its place"
    assert translate(filled(record)) == record.getMessage()
    assert translate(filled(record), "zh") == "x.png；由下一张好图像代替"


def test_a_terminal_without_chinese_characters_is_spoken_to_in_english(run, monkeypatch):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    _, _, err = run("train", "-c", "none.yaml", "--lang", "zh")
    assert err.startswith("ppghost: error: ")
