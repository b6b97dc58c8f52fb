"""Progress of several devices in place, on a terminal."""

import io
import logging
import sys

from ppghost.cli.live import LiveLines, live_lines


class Terminal(io.StringIO):
    def isatty(self):
        return True


def screen(text):
    """The lines that a terminal shows after a text with LiveLines' two sequences."""
    lines = [""]
    for part in text.split("\x1b[")[0:1] + ["\x1b[" + x for x in text.split("\x1b[")[1:]]:
        if part.startswith("\x1b["):
            code, kind = (part[2:].partition("F")[0], "F") if "F" in part[:6] else ("", "J")
            if kind == "F":
                del lines[len(lines) - 1 - int(code) :]
                lines.append("")
            part = part[2:].partition(kind)[2]
        for index, piece in enumerate(part.split("\n")):
            lines = [*lines[:-1], lines[-1] + piece] if index == 0 else [*lines, piece]
    return lines[:-1]


def test_each_device_has_a_line_that_is_replaced_and_the_log_is_above(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: (40, 10))
    stream = Terminal()
    handler = LiveLines(stream)
    for device, text in [("a", "a: round 1"), ("b", "b: round 1"), (None, "a warning"),
                         ("a", "a: round 2"), ("b", "b: " + "long " * 20)]:  # fmt: skip
        record = logging.LogRecord("ppghost", logging.INFO, "", 0, text, (), None)
        if device:
            record.device = device
        handler.handle(record)
    cut = ("b: " + "long " * 20)[:36] + "..."
    assert screen(stream.getvalue()) == ["a warning", "a: round 2", cut]


def test_what_became_of_a_device_stands_in_its_line_and_a_warning_in_the_log_as_well():
    stream = Terminal()
    handler = LiveLines(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    for level, text, line in [
        (logging.INFO, "a: loading 2 models", {}),
        (logging.INFO, "a: round 1/10, a long text", {"line": "a: 1/10"}),
        (logging.INFO, "b: loading 2 models", {}),
        (logging.WARNING, "a: went away", {}),
    ]:
        record = logging.LogRecord("ppghost", level, "", 0, text, (), None)
        record.__dict__.update({"device": text[0], **line})
        handler.handle(record)
        if line:
            assert screen(stream.getvalue()) == ["a: 1/10"]
    assert screen(stream.getvalue()) == [
        "WARNING: a: went away",
        "a: went away",
        "b: loading 2 models",
    ]


def test_more_devices_than_lines_never_scroll(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: (40, 5))
    stream = Terminal()
    handler = LiveLines(stream)
    for _ in range(2):
        handler.show([f"phone {number}" for number in range(8)])
    assert screen(stream.getvalue()) == ["phone 0", "phone 1", "phone 2"]


def test_only_a_terminal_gets_them_and_only_for_a_while(monkeypatch):
    logger = logging.getLogger("ppghost")
    before = [logging.StreamHandler(sys.stderr)]
    monkeypatch.setattr(logger, "handlers", before)
    with live_lines():
        assert logger.handlers == before
    monkeypatch.setattr(sys, "stderr", Terminal())
    with live_lines():
        assert isinstance(logger.handlers[0], LiveLines)
    assert logger.handlers == before
