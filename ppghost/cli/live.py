"""What many devices do at once, on a terminal: a line each, in place, with the log above."""

import contextlib
import logging
import shutil
import sys
from collections.abc import Iterator
from typing import TextIO

from ppghost.i18n import filled, translate
from ppghost.utils.text import columns

#: the end of a line that goes on
_CUT = "..."


class LiveLines(logging.Handler):
    """A log with a line for each device, in place: what it does, or what became of it.

    A record about a device has its name as `device`, and may have a `line`, a shorter text for its
    place. Warnings stay in the log above as well.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: dict[str, str] = {}
        self._drawn = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record; it is called by one thread at a time."""
        device = getattr(record, "device", None)
        if device:
            self._lines[device] = translate(getattr(record, "line", None) or filled(record))
        stays = not device or record.levelno >= logging.WARNING
        self._draw(f"{self.format(record)}\n" if stays else "", list(self._lines.values()))

    def show(self, lines: list[str]) -> None:
        """Replace all lines.

        Args:
            lines: each is cut to the terminal's width.
        """
        self._draw("", lines)

    def _draw(self, above: str, lines: list[str]) -> None:
        width, height = shutil.get_terminal_size()
        shown = [_cut(line, width - 1) for line in lines[: height - 2]]
        # up to the first of our lines, and all below it away
        erase = f"\x1b[{self._drawn}F\x1b[J" if self._drawn else ""
        self._stream.write(erase + above + "".join(f"{line}\n" for line in shown))
        self._stream.flush()
        self._drawn = len(shown)


def _cut(line: str, width: int) -> str:
    if columns(line) <= width:
        return line
    while columns(line) > width - len(_CUT):
        line = line[:-1]
    return line + _CUT


@contextlib.contextmanager
def live_lines() -> Iterator[None]:
    """The progress of devices in place as long as the block lasts, where there is a terminal."""
    logger = logging.getLogger("ppghost")
    before = list(logger.handlers)
    if not (sys.stderr.isatty() and before):
        yield
        return
    handler = LiveLines(sys.stderr)
    handler.setFormatter(before[0].formatter)
    logger.handlers = [handler]
    try:
        yield
    finally:
        logger.handlers = before
