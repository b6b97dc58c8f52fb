"""Answers of a teacher, kept as they come, so that a second run goes on where the first ended."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from ppghost.errors import InputError
from ppghost.utils.files import output_errors

_FORM = "ppghost.label/1"


class Journal:
    """A file of JSON lines: first what makes the teacher the one that it is, then its answers.

    Answers are good for the files that they are of: those of the same name and size in bytes.

    Args:
        path: the file, which is made, or read and gone on with.
        identity: of the teacher, values that JSON holds.

    Raises:
        InputError: it is another teacher's, no such file, or cannot be written.
    """

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        self.path = path
        self._answers: dict[str, dict[str, Any]] = {}
        head = {"schema": _FORM, "teacher": json.loads(json.dumps(identity))}
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("a+", encoding="utf-8")
            content = path.read_bytes()
        if not content:
            self._append(head)
            return
        whole = content[: content.rfind(b"\n") + 1]
        self._read(whole, head)
        with output_errors(path):  # half a line is computed again
            os.truncate(path, len(whole))

    def _read(self, content: bytes, head: dict[str, Any]) -> None:
        try:
            first, *answers = map(json.loads, content.splitlines())
            self._answers = {answer["image"]: answer for answer in answers}
            form, teacher = first["schema"], first["teacher"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                "{path}: no journal of `ppghost label`: move it away, or choose another --output",
                path=self.path,
            ) from error
        keys = [key for key in head["teacher"] if head["teacher"][key] != teacher.get(key)]
        if keys or form != _FORM:
            raise InputError(
                "{path} holds the answers of another teacher ({keys} differ): remove it, "
                "or choose another --output",
                path=self.path,
                keys=", ".join(keys) or form,
            )

    def answer(self, name: str, image: Path) -> Mapping[str, Any] | None:
        """What was said of an image; None if nothing yet, or of a file of another size."""
        found = self._answers.get(name)
        return found if found and found.get("bytes") == _bytes(image) else None

    def add(self, name: str, image: Path, answer: Mapping[str, Any]) -> None:
        """Keep an answer. Raises InputError: the disk is full."""
        entry = {"image": name, "bytes": _bytes(image), **answer}
        self._append(entry)
        self._answers[name] = entry

    def _append(self, entry: dict[str, Any]) -> None:
        with output_errors(self.path):
            self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Nothing more will be added."""
        self._file.close()


def _bytes(image: Path) -> int | None:
    try:
        return image.stat().st_size
    except OSError:
        return None
