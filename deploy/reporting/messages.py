"""What a report says, in English or Chinese.

The words of one section stand in its module, those that several use in messages.yaml, and those of
notes beside the notes (`ppghost.deploy.devices.notes`).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ppghost.errors import InputError


class Words(NamedTuple):
    """A text in every language; {name} in it is filled in."""

    en: str
    zh: str


LANGUAGES = Words._fields


class Messages(dict[str, str]):
    """Texts by key, in one language."""

    def __init__(self, lang: str, words: Mapping[str, Words] | None = None) -> None:
        """Take the common words and others.

        Args:
            lang: "en" or "zh".
            words: further ones by key.

        Raises:
            InputError: there is no such language.
        """
        if lang not in LANGUAGES:
            raise InputError(
                "lang: no language {lang!r}; choose one of: {languages}",
                lang=lang,
                languages=", ".join(LANGUAGES),
            )
        words = common_words() | dict(words or {})
        super().__init__({key: getattr(text, lang) for key, text in words.items()})
        self.lang = lang

    def with_words(self, words: Mapping[str, Words]) -> "Messages":
        """The common words and `words`, in the same language."""
        return Messages(self.lang, words)

    def format_threads(self, threads: int) -> str:
        """'1 thread', '2 threads'."""
        return self["one_thread"] if threads == 1 else self["threads_of"].format(n=threads)


@cache
def common_words() -> dict[str, Words]:
    """Those of messages.yaml."""
    import yaml

    table = yaml.safe_load(Path(__file__).with_name("messages.yaml").read_text(encoding="utf-8"))
    return {key: Words(**text) for key, text in table.items()}
