"""Words and numbers that people write: the nearest known word, a number in PaddleClas's forms."""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from ppghost.i18n import tr

#: a number as PaddleClas's files write it
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def parse_number(value: object) -> float:
    """A number, or a string that holds one or a quotient of two: "1.0/255.0", "1e-3".

    Raises:
        ValueError: anything else; nothing is ever evaluated.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    parts = [part.strip() for part in value.split("/")] if isinstance(value, str) else []
    if not 1 <= len(parts) <= 2 or not all(NUMBER.fullmatch(part) for part in parts):
        raise ValueError(tr("{value!r} is not a number").format(value=value))
    numbers = [float(part) for part in parts]
    if len(numbers) == 2 and numbers[1] == 0:
        raise ValueError(tr("{value!r} divides by zero").format(value=value))
    return numbers[0] / numbers[1] if len(numbers) == 2 else numbers[0]


def nearest(word: str, candidates: Iterable[str]) -> str:
    """', did you mean X?' for the candidate most like `word`, '' if none is near."""
    folded = {str(c).lower(): str(c) for c in candidates}
    match = difflib.get_close_matches(str(word).lower(), folded, n=1, cutoff=0.5)
    return tr(", did you mean {folded}?").format(folded=folded[match[0]]) if match else ""


def whole_number(value: Any, minimum: int = 0) -> int:
    """A whole number, also written as 2.0; never True, which to Python is one.

    Raises:
        ValueError: anything else, or a number below `minimum`.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value % 1 or value < minimum:  # inf % 1 is NaN, which is true
        raise ValueError(
            tr("is {value!r} ({type}): give a whole number of at least {minimum}").format(
                value=value, type=type(value).__name__, minimum=minimum
            )
        )
    return int(value)


def format_bytes(count: float) -> str:
    """Bytes for people: "1.50 MiB"."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(count) >= scale:
            return f"{count / scale:.2f} {unit}"
    return f"{count:.0f} B"


def format_count(count: float) -> str:
    """A count for people: "141.15 M"."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(count) >= scale:
            return f"{count / scale:.2f} {unit}"
    return f"{count:.0f}"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """A cell of a table on a terminal, where a Chinese character is as wide as two others.

    Args:
        text: what stands in it.
        width: in columns; a longer text stays as it is.
        right: whether the text stands at its right end.
    """
    blank = " " * (width - columns(text))
    return blank + text if right else text + blank


def columns(text: str) -> int:
    """How wide a text is on a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


#: characters of Chinese and its punctuation
_WIDE = "\u2e80-\u9fff\uff00-\uff60"
#: what a line may be broken behind: a word, one such character, spaces
_PIECES = re.compile(rf"[^\s{_WIDE}]+|[{_WIDE}]|\s+")
#: commas, stops and closing brackets: no line begins with one
_CLOSING = "\uff0c\u3002\u3001\uff1b\uff1a\uff1f\uff01\uff09\u300b\u201d"


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most so many columns; words longer than a line have one of their own."""
    lines = [""]
    for piece in _PIECES.findall(" ".join(text.split())):
        if columns(lines[-1] + piece.rstrip()) > width and lines[-1] and piece not in _CLOSING:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += piece if lines[-1] or piece.strip() else ""
    return [line.rstrip() for line in lines]
