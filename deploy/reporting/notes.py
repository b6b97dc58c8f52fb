"""What is to be known about figures: the notes of each result, like ones in one sentence."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ppghost.deploy.devices.notes import Note, NoteOrText, format_note
from ppghost.deploy.latency.results import Result
from ppghost.deploy.reporting.groups import Group
from ppghost.deploy.reporting.messages import Messages
from ppghost.i18n import tr, translate

#: of so many models or fewer all are named in a sentence
_MAX_NAMES = 12
#: a number in a note's words
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


def gather_warnings(groups: Sequence[Group], t: Messages) -> list[str]:
    """Gather what is to be known.

    Returns:
        A sentence for each thing, with the models and the thread count that it is about.
    """
    alike: dict[tuple, list[tuple[str, NoteOrText]]] = defaultdict(list)
    for index, group in enumerate(groups):
        for row in group.rows:
            for note in row.notes:
                alike[index, row.threads, _kind(note)].append((row.model, note))
            for text in _texts(row, t):
                alike[index, row.threads, text].append((row.model, text))
    return [
        t["warning_of"].format(
            models=_models([model for model, _ in notes], t),
            where=_where(groups, index, threads, t),
            text=_merge([note for _, note in notes], t),
        )
        for (index, threads, _), notes in alike.items()
    ]


def _models(names: Sequence[str], t: Messages) -> str:
    different = list(dict.fromkeys(names))
    if len(different) > _MAX_NAMES:
        return t["models_and_more"].format(model=different[0], more=len(different) - 1)
    return t["list_comma"].join(different)


def _texts(row: Result, t: Messages) -> list[str]:
    """Errors, and the one text of older results; they may begin with the model's name."""
    error = translate(tr(row.error or ""), t.lang)
    texts = [error, None if row.notes else row.warning]
    return [re.sub(f"^({re.escape(row.model)}: )+", "", text) for text in texts if text]


def _kind(note: NoteOrText) -> Any:
    """What must be equal for two notes to be said in one sentence: all but the numbers."""
    if isinstance(note, str):
        return _NUMBER.sub("#", note)
    return note.code, tuple(
        (name, _kind(value) if isinstance(value, Note) else str(value))
        for name, value in _plain(note).items()
        if not isinstance(value, int | float)
    )


def _plain(note: Note) -> dict[str, Any]:
    """The values of a note; notes among them that came out of a file as such."""
    return {
        name: Note(value["code"], value.get("values", {})) if isinstance(value, dict) else value
        for name, value in note.values.items()
    }


def _merge(notes: Sequence[NoteOrText], t: Messages) -> str:
    """One sentence for several that differ in numbers only: from the lowest to the highest."""
    texts = list(dict.fromkeys(translate(format_note(note), t.lang) for note in notes))
    # what is between numbers stands at even places
    parts = [_NUMBER.split(text) for text in texts]
    if len({tuple(part[::2]) for part in parts}) > 1:
        return t["semicolon"].join(texts)
    return "".join(
        words[0] if len(set(words)) == 1 else _span(words, t) for words in zip(*parts, strict=True)
    )


def _span(numbers: Sequence[str], t: Messages) -> str:
    return t["interval"].format(low=min(numbers, key=float), high=max(numbers, key=float))


def _where(groups: Sequence[Group], index: int, threads: int, t: Messages) -> str:
    device = [groups[index].device["serial"]] if len(groups) > 1 else []
    return t["comma"].join([*device, t.format_threads(threads)])
