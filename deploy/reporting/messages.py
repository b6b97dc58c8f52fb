"""What a report says, in English or Chinese; every sentence stands in messages.yaml."""

from functools import cache
from pathlib import Path
from typing import Any

from ppghost.errors import InputError

LANGUAGES = ("en", "zh")


class Messages(dict[str, str]):
    """Text by key in one language. `lang` is "en" or "zh"."""

    def __init__(self, lang: str) -> None:
        """Raises InputError for a language that there is not."""
        if lang not in LANGUAGES:
            raise InputError(f"lang: no language {lang!r}; choose one of: {', '.join(LANGUAGES)}")
        table = _table()
        super().__init__({key: text[lang] for key, text in table["messages"].items()})
        self.lang = lang

    def in_threads(self, threads: int) -> str:
        """'1 thread', '2 threads'."""
        return self["one_thread"] if threads == 1 else self["threads_of"].format(n=threads)


@cache
def _table() -> dict[str, Any]:
    import yaml

    path = Path(__file__).with_name("messages.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))
