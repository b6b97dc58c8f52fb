"""What is to be known about figures: the notes of each result, like ones in one sentence."""

import re
from collections.abc import Sequence
from typing import Any

from ppghost.deploy.reporting.groups import Group
from ppghost.deploy.reporting.messages import Messages

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


def warnings_of(groups: Sequence[Group], t: Messages) -> list[str]:
    """A sentence for each thing to be known, with the models and thread count that it is about."""
    said: dict[tuple, list[tuple[str, str]]] = {}
    for index, group in enumerate(groups):
        for row in group.rows:
            for note in row["notes"]:
                text = t.recorded(note)
                key = index, row["threads"], _NUMBER.sub("#", text)
                said.setdefault(key, []).append((row["model"], text))
            for text in _recorded_whole(row):
                key = index, row["threads"], text
                said.setdefault(key, []).append((row["model"], t.recorded(text)))
    return [
        t["warning_of"].format(
            models=t["list_comma"].join(dict.fromkeys(model for model, _ in notes)),
            where=_where(groups, index, threads, t),
            text=_merged([text for _, text in notes], t),
        )
        for (index, threads, _), notes in said.items()
    ]


def _recorded_whole(row: dict[str, Any]) -> list[str]:
    """Errors, and the one text of older results; they may begin with the model's name."""
    texts = [row["error"], None if row["notes"] else row["warning"]]
    return [re.sub(f"^({re.escape(row['model'])}: )+", "", text) for text in texts if text]


def _merged(texts: Sequence[str], t: Messages) -> str:
    """One sentence for several that differ in numbers only: from the lowest to the highest."""
    words = [
        parts[0] if len(set(parts)) == 1 else _span(parts, t)
        for parts in zip(*map(_NUMBER.split, texts), strict=True)
    ]
    return "".join(words)


def _span(numbers: Sequence[str], t: Messages) -> str:
    return t["interval"].format(low=min(numbers, key=float), high=max(numbers, key=float))


def _where(groups: Sequence[Group], index: int, threads: int, t: Messages) -> str:
    device = [groups[index].device["serial"]] if len(groups) > 1 else []
    return t["comma"].join([*device, t.in_threads(threads)])
