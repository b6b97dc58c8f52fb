"""The `ppghost` command. Nothing heavy is imported before the command is known."""

import argparse
import contextlib
import itertools
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from ppghost.cli.common import to_json
from ppghost.cli.parser import make_parser
from ppghost.errors import INTERRUPTED, PPGhostError
from ppghost.i18n import (
    LANGUAGES,
    Message,
    MessageFormatter,
    environment_language,
    say,
    tr,
    translate,
    use_language,
)
from ppghost.utils.files import finite, write_json

logger = logging.getLogger("ppghost")


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code (see `ppghost.errors`).

    For a process of its own: it takes the signals over, and from then on ignores them.
    """
    # Paddle's C++ side reports every executor it makes; only its errors are for our users
    os.environ.setdefault("GLOG_minloglevel", "2")
    signal.signal(signal.SIGTERM, _interrupt)
    argv = sys.argv[1:] if argv is None else argv
    # help and wrong usage are said in it too
    use_language(_language(argv))
    try:
        args = make_parser().parse_args(argv, argparse.Namespace(argv=argv))
        _set_up_logging(args)
        with _undisturbed_end():
            # standard output is for results alone; libraries print where they like
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    result, text = args.run(args)
            except PPGhostError as error:
                if error.result is not None:
                    _put_out(args, error.result, error.text)
                raise
            _put_out(args, result, text)
    except PPGhostError as error:
        print(say("ppghost: error: {error}", error=error), file=sys.stderr)
        for cause in _causes(error) if logger.isEnabledFor(logging.DEBUG) else ():
            print(say("  caused by {cause}", cause=cause), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(say("ppghost: interrupted"), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `ppghost list | head`, `ppghost --help | head`
        sys.stderr.close()
        return 0
    return 0


def _language(argv: Sequence[str]) -> str:
    """What `--lang` says, wherever it stands, or the environment; English where the terminal has
    no Chinese characters."""
    try:
        "中".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return "en"
    words = [word for each in argv for word in each.split("=", 1)]
    # argparse takes it shortened, too
    asked = [value for name, value in itertools.pairwise(words) if name in _LANG]
    return next((lang for lang in reversed(asked) if lang in LANGUAGES), environment_language())


_LANG = ("--la", "--lan", "--lang")


@contextlib.contextmanager
def _undisturbed_end() -> Iterator[None]:
    """After the block, signals are ignored: all is decided but Paddle's cleaning up, in which an
    interruption (by the launcher, whose other process failed) would show as a traceback."""
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def _put_out(args: argparse.Namespace, result: Any, text: str | None) -> None:
    """The result where `--json` wants it; `text`, if any, for people."""
    if args.json == "-":
        sys.stdout.write(to_json(result))
    else:
        if args.json and not getattr(args, "keeps_json", False):
            write_json(Path(args.json), finite(result))
        if text:
            print(translate(text))
    sys.stdout.flush()


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _causes(error: BaseException) -> Iterator[str]:
    """What an error was raised from, and that from; each with the place where it came up."""
    while cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        lines = translate(cause).strip().splitlines()
        place = traceback.extract_tb(cause.__traceback__)[-1:]
        where = "".join(f" ({frame.filename}:{frame.lineno}, {frame.name})" for frame in place)
        yield f"{type(cause).__name__}: {lines[-1] if lines else ''}{where}"
        error = cause


_LEVELS = {logging.WARNING: tr("warning: {text}"), logging.ERROR: tr("error: {text}")}


class _Formatter(MessageFormatter):
    """Information as it is, anything worse says what it is; in the reader's language."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        level = _LEVELS.get(record.levelno, Message("{text}"))
        return translate(level.format(text=text))


def _set_up_logging(args: argparse.Namespace) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(message)s"))
    level = logging.DEBUG if args.verbose else logging.WARNING if args.quiet else logging.INFO
    logger = logging.getLogger("ppghost")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)
