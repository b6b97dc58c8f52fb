"""What people read, in English or in another language, by gettext.

A text stands in English where it is said, with {names} that are filled in:

    raise InputError("{path}: no such file", path=path)
    logger.info("%d images", count)
    return tr("{count} images").format(count=count)

and, of what a person alone is shown, such as a table,

    return say("{count} images", count=count)

What comes of the first three is the English text: so it stands in JSON and in files, and so a
program that catches the error reads it, whatever the language. It also knows what it was made of,
and `translate` says it in the reader's language where it is shown: by the command line, in a page.

The catalogue is locale/zh/LC_MESSAGES/ppghost.po; `make messages` brings it up to date
(tools/messages.py says which texts belong to it).
"""

import copy
import gettext
import logging
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

DOMAIN = "ppghost"
FOLDER = Path(__file__).with_name("locale")
LANGUAGES = ("en", "zh")
#: where gettext looks for the language, in its order
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")

_language = "en"


class Message(str):
    """A text in English that can be said in other languages.

    What `format`, `%` and `join` make of it, with messages and errors among the values, is a
    message again. Without `tr` it is what texts are put together by, such as a line feed.
    """

    _context: str | None = None
    #: the method of str that filled a template in, the template, and with what
    _made: tuple[str, "Message", tuple, dict[str, Any]] | None = None

    def format(self, /, *args: object, **values: object) -> "Message":
        """Fill in {name}."""
        return self._fill("format", *args, **values)

    def __mod__(self, values: Any) -> "Message":
        """Fill in %s, as logging does."""
        return self._fill("__mod__", values)

    def join(self, parts: Iterable[str]) -> "Message":
        """Put texts together with this one between them."""
        return self._fill("join", list(parts))

    def __add__(self, other: str) -> "Message":
        """This text, and another right after it."""
        return Message("").join([self, other])

    def __radd__(self, other: str) -> "Message":
        """Another text, and this one right after it."""
        return Message("").join([other, self])

    def removeprefix(self, prefix: str, /) -> "Message":
        """Without what it begins with, such as a path, in every language."""
        return self._fill("removeprefix", prefix)

    def replace(self, old: str, new: str, /) -> "Message":  # type: ignore[override]
        """With one piece for another; both may be messages."""
        return self._fill("replace", old, new)

    def _fill(self, method: str, /, *args: Any, **values: Any) -> "Message":
        # an error would keep the frames that it came through, and all that they hold
        args = tuple(_each(message_of, value) for value in args)
        values = {name: _each(message_of, value) for name, value in values.items()}
        message = Message(getattr(str, method)(self, *args, **values))
        message._made = method, self, args, values
        return message

    def _say(self, lang: str) -> str:
        if self._made is None:
            catalogue = _catalogue(lang)
            if self._context is not None:
                return catalogue.pgettext(self._context, self)
            return catalogue.gettext(self) if self else ""

        def said(value: Any) -> Any:
            if isinstance(value, str) and value in _OF_SYSTEM:
                value = tr(value)
            return value._say(lang) if isinstance(value, Message) else value

        method, template, args, values = self._made
        args = tuple(_each(said, value) for value in args)
        values = {name: _each(said, value) for name, value in values.items()}
        return getattr(str, method)(template._say(lang), *args, **values)


def _each(function: Any, value: Any) -> Any:
    """`function` of a value, or of all in a list or a tuple."""
    if type(value) in (list, tuple):
        return type(value)(map(function, value))
    return function(value)


class TranslatableError(Exception):
    """An error with a text for people."""

    def __init__(self, text: str = "", /, **values: object) -> None:
        """Say what is wrong.

        Args:
            text: in English.
            values: what {names} in it are filled in with, if there are any.
        """
        super().__init__(tr(text).format(**values) if values else tr(text))


def tr(text: str) -> Message:
    """A text that people read; as a literal it has to be in the catalogue.

    What a file holds, such as a status, is found there if it stands as a literal anywhere.
    """
    return text if isinstance(text, Message) else Message(text)


#: what the system says of files (`OSError.strerror`), which stands in messages as a value
_OF_SYSTEM = frozenset(
    (
        tr("File exists"),
        tr("File name too long"),
        tr("Invalid argument"),
        tr("Is a directory"),
        tr("No space left on device"),
        tr("No such file or directory"),
        tr("Not a directory"),
        tr("Permission denied"),
        tr("Read-only file system"),
        tr("Too many levels of symbolic links"),
    )
)


def tr_as(context: str, text: str) -> Message:
    """Mark a text that is said in another way elsewhere.

    Args:
        context: what the text is, for the catalogue.
        text: the text.
    """
    message = Message(text)
    message._context = context
    return message


def message_of(value: Any) -> Any:
    """What an error says, as it can be translated; anything else as it is."""
    if not isinstance(value, BaseException):
        return value
    first = value.args[0] if value.args else None
    return first if isinstance(first, Message) and str(value) == first else str(value)


def filled(record: logging.LogRecord) -> str:
    """A log record's text, as it can be translated."""
    text = Message(record.msg) if type(record.msg) is str else message_of(record.msg)
    return text % record.args if record.args else text


class MessageFormatter(logging.Formatter):
    """Log records in the reader's language."""

    def format(self, record: logging.LogRecord) -> str:
        """A record's line."""
        record = copy.copy(record)
        record.msg, record.args = translate(filled(record)), None
        return super().format(record)


def packed(text: object) -> Any:
    """A message, or what an error says, for another process by way of JSON."""
    text = message_of(text)
    if isinstance(text, int | float):
        return text
    if not isinstance(text, Message):
        return str(text)
    method, template, _, values = text._made or ("format", text, (), {})
    if method != "format":
        return str(text)
    return {"text": str(template), "values": {k: packed(v) for k, v in values.items()}}


def unpacked(text: Any) -> Any:
    """What `packed` made, as a message again."""
    if not isinstance(text, dict):
        return text
    values = {k: unpacked(v) for k, v in text["values"].items()}
    return tr(text["text"]).format(**values) if values else tr(text["text"])


def translate(text: object, lang: str | None = None) -> str:
    """A message, or what an error says, in the reader's language; any other text as it is.

    Args:
        text: what to say.
        lang: one of LANGUAGES; that of `use_language` otherwise.
    """
    text, lang = message_of(text), lang or _language
    return text._say(lang) if isinstance(text, Message) and lang != "en" else str(text)


def current_language() -> str:
    """What `use_language` set; English before."""
    return _language


def say(text: str, /, **values: object) -> str:
    """A text for a person who is shown it now, in their language; `text` as for `tr`."""
    return translate(tr(text).format(**values) if values else tr(text))


def use_language(lang: str) -> None:
    """Let `translate` say everything in a language, argparse too, and processes started from here.

    Args:
        lang: one of LANGUAGES.
    """
    global _language
    _language = lang
    os.environ["LANGUAGE"] = lang
    gettext.bindtextdomain(DOMAIN, FOLDER)
    gettext.textdomain(DOMAIN)


def environment_language(environment: Mapping[str, str] = os.environ) -> str:
    """The language that the environment asks for, in gettext's order; English if it is not here."""
    asked = next(filter(None, map(environment.get, _VARIABLES)), "")
    for name in asked.split(":"):
        lang = name.replace("-", "_").partition("_")[0].partition(".")[0].lower()
        if lang in ("c", "posix"):
            break
        if lang in LANGUAGES:
            return lang
    return "en"


@cache
def _catalogue(lang: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, FOLDER, [lang], fallback=True)
