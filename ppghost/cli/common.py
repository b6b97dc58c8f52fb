"""What commands share: their arguments' types, loading of the config, and how they are declared."""

import argparse
import json
import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ppghost.errors import InputError
from ppghost.i18n import LANGUAGES, say
from ppghost.utils.files import finite
from ppghost.utils.text import wrap

#: what a command gives back: its result, for `--json`, and a text for people
Output = tuple[Any, str | None]
Run = Callable[[argparse.Namespace], Output]


class Commands:
    """The sub-parsers that command modules add their commands to."""

    def __init__(self, parser: argparse.ArgumentParser):
        self._subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        self._common, self._configured = _common_arguments(), _config_arguments()

    def add(
        self, name: str, run: Run, help: str, *, group: Any = None, config: bool = False
    ) -> argparse.ArgumentParser:
        """A command and its common arguments.

        Args:
            group: what `group` returned, for the second word of a command of two.
            config: whether it takes `-c CONFIG` and `-o KEY.SUB=VALUE`.
        """
        parents = [self._common, self._configured] if config else [self._common]
        parser = (group or self._subparsers).add_parser(
            name, help=help, description=help, parents=parents
        )
        parser.set_defaults(run=run)
        return parser

    def group(self, name: str, help: str, metavar: str) -> Any:
        """The first word of commands of two words."""
        parser = self._subparsers.add_parser(name, help=help, parents=[language_argument()])
        return parser.add_subparsers(required=True, metavar=metavar)


_OF_ARGUMENT = re.compile("argument (.*?): (.*)", re.DOTALL)


class HelpFormatter(argparse.HelpFormatter):
    """Help in the reader's language."""

    def add_text(self, text: str | None) -> None:
        """Add a description."""
        super().add_text(say(text) if text else text)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return say(action.help) if action.help else action.help

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in wrap(text, width - len(indent)))


class Parser(argparse.ArgumentParser):
    """A parser whose help and errors are in the reader's language; its sub-parsers are too."""

    def __init__(self, **options: Any) -> None:
        """Take the options of any parser."""
        super().__init__(**options, formatter_class=HelpFormatter)

    def error(self, message: str) -> NoReturn:
        """End with what is wrong; "argument X: " before it is all that argparse leaves as it is."""
        if found := _OF_ARGUMENT.fullmatch(message):
            message = say("argument {name}: {problem}", name=found[1], problem=found[2])
        super().error(message)


class BadArgument(argparse.ArgumentTypeError):
    """A value of the command line that cannot be used."""

    def __init__(self, text: str, /, **values: object) -> None:
        """Say why, in the reader's language.

        Args:
            text: in English.
            values: what {names} in it are filled in with.
        """
        super().__init__(say(text, **values))


def language_argument() -> argparse.ArgumentParser:
    """`--lang`, which stands before the command or after it."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--lang",
        choices=LANGUAGES,
        default=argparse.SUPPRESS,
        help="English or Chinese, for messages and pages (default: the locale's language)",
    )
    return parser


def _common_arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, parents=[language_argument()])
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for stdout)")
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument(
        "-v", "--verbose", action="store_true", help="say more, and what an error was caused by"
    )
    loudness.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    return parser


def _config_arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    add_config_arguments(parser, required=True)
    return parser


def add_config_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """`-c CONFIG` and `-o KEY.SUB=VALUE`."""
    parser.add_argument("-c", "--config", type=Path, required=required, help="PaddleClas YAML")
    parser.add_argument(
        "-o",
        "--override",
        action="append",
        default=[],
        metavar="KEY.SUB=VALUE",
        help="override one key of the config (repeatable; list items by index)",
    )


def load_config(args: argparse.Namespace) -> dict:
    """The config that `-c` names, with every `-o`. Raises InputError."""
    from ppghost.config import loading

    return loading.load_config(args.config, args.override)


def command_line(args: argparse.Namespace) -> str:
    """The whole command, as it can be given to a shell again."""
    return shlex.join(["ppghost", *args.argv])


def to_json(result: Any) -> str:
    """`result` as it is printed for `--json -`; null for what is no number."""
    return json.dumps(finite(result), indent=2, ensure_ascii=False) + "\n"


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise BadArgument("{text!r} is not a whole number above 0", text=text)
    return int(text)


def score(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadArgument("{text!r} is not a number from 0 to 1", text=text)
    return value


def above_zero(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < math.inf:
        raise BadArgument("{text!r} is not a number above 0", text=text)
    return value


def numbers(text: str) -> list[float]:
    """Numbers above 0 with commas between them: "0.75,1,1.25"."""
    return [above_zero(part) for part in text.split(",")]


def positives(text: str) -> list[int]:
    """Whole numbers above 0 with commas between them: "1,3,224,224"."""
    return [positive(part) for part in text.split(",")]


def named_shape(text: str) -> tuple[str | None, list[int]]:
    """The name of an input, if one is said, and its shape: "image=1,3,224,224"."""
    name, equals, shape = text.rpartition("=")
    return (name if equals else None), positives(shape)


def input_shapes(
    given: list[tuple[str | None, list[int]]] | None,
) -> dict[str, list[int]] | list[int] | None:
    """All that was said of shapes: of inputs by name, or one for all. Raises InputError."""
    if not given:
        return None
    unnamed = [shape for name, shape in given if name is None]
    if unnamed and len(given) > 1:
        raise InputError(
            "--input-shape: give it once, or with a name each time, as in "
            "--input-shape image=1,3,320,320 --input-shape scale_factor=1,2"
        )
    return unnamed[0] if unnamed else {name: shape for name, shape in given if name}


def percent(text: str) -> float:
    """A number of percent, 0 or more: "5" or "5%"."""
    try:
        value = float(text.rstrip("%"))
    except ValueError:
        value = -1.0
    if value < 0:
        raise BadArgument("{text!r} is not a number of percent, 0 or more", text=text)
    return value
