"""What is to be known about a figure: a code with values, put into words where it is shown.

The words stand in notes.yaml, in English and Chinese. Results of older versions hold finished
English sentences instead, which are shown as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Note:
    """One thing to be known.

    Attributes:
        code: a key of notes.yaml.
        values: what its words are filled in with: numbers, names, or another note.
    """

    code: str
    values: dict[str, Any] = field(default_factory=dict)


#: a note, or what an older version wrote in its place
NoteOrText: TypeAlias = Note | str


def format_note(note: NoteOrText | Mapping[str, Any], lang: str = "en") -> str:
    """A note in words.

    Args:
        note: what to say, also as it stands in a file. A text stays as it is, and of a code that a
            newer version made the code is shown.
        lang: "en" or "zh".
    """
    if isinstance(note, str):
        return note
    if isinstance(note, Mapping):
        note = Note(note["code"], note.get("values", {}))
    words = _words().get(note.code, {}).get(lang)
    if words is None:
        return note.code
    values = {
        name: format_note(value, lang) if isinstance(value, Note | Mapping) else value
        for name, value in note.values.items()
    }
    return words.format(**values)


@cache
def _words() -> dict[str, dict[str, str]]:
    import yaml

    return yaml.safe_load(Path(__file__).with_name("notes.yaml").read_text(encoding="utf-8"))
