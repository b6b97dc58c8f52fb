"""Bring the catalogues of messages up to date: `make messages`.

What people read stands in the source as a literal, in one of these places:

- the first argument of an error of ours, of `tr`, of `say`, of a method of `logger`;
- the second of `tr_as`, whose first says what the text is;
- `help=` and `description=` of the command line;
- `say("...")` in a template of a page;
- the docstring's first line of each of convert's repairs, which `--list-repairs` shows;
- argparse itself, which asks gettext for its words.

From there it gets into locale/*/LC_MESSAGES/ppghost.po, where it is translated by hand, and from
there into ppghost.mo beside it. A text in one of these places that is put together while the
program runs (an f-string) cannot be translated; it is told as a problem, and so is an exception of
Python's that has its text without `tr`.
"""

import argparse
import ast
import io
import re
import string
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("ppghost", "deploy")
PO = ROOT / "ppghost/locale/zh/LC_MESSAGES/ppghost.po"

_MARKS = ("tr", "say")
_LOG_LEVELS = ("debug", "info", "warning", "error", "exception")
#: errors of ours are these and the classes made of them
_ERRORS = {"TranslatableError", "BadArgument"}
#: exceptions of Python's that a person does not get to see, unless the program is wrong
_DEFECTS = {
    "AssertionError", "AttributeError", "KeyError", "ModuleNotFoundError", "NotImplementedError",
    "RuntimeError", "StopIteration", "SystemExit",
}  # fmt: skip
_PERCENT = re.compile(r"%(?:[-#0+]*\d*(?:\.\d+)?[a-zA-Z]|%)")
_WORD = re.compile(r"[^\W\d_]{2,}")
_IN_TEMPLATE = re.compile(r'\bsay\("((?:[^"\\]|\\.)*)"')


class Text(NamedTuple):
    """A text that people read; `context` says what it is where the same text is two things."""

    id: str | tuple[str, str]
    context: str | None = None


class Found(NamedTuple):
    """All texts with the files that they stand in and whether % fills them in, and problems."""

    texts: dict[Text, tuple[set[str], bool]]
    problems: list[str]

    def add(self, text: Text, file: str, percent: bool = False) -> None:
        """Take a text."""
        files, before = self.texts.setdefault(text, (set(), percent))
        files.add(file)
        self.texts[text] = files, before or percent


def collect(root: Path = ROOT) -> Found:
    """Everything in the source that people read."""
    found = Found({}, [])
    modules = {
        file.relative_to(root).as_posix(): module_nodes(file.read_text(encoding="utf-8"))
        for folder in SOURCES
        for file in sorted((root / folder).rglob("*.py"))
    }
    errors = error_classes(modules.values())
    for file, nodes in modules.items():
        collect_module(nodes, file, errors, found)
    for folder in SOURCES:
        for template in sorted((root / folder).rglob("*.html")):
            for text in _IN_TEMPLATE.findall(template.read_text(encoding="utf-8")):
                found.add(Text(text), template.relative_to(root).as_posix())
    for text in _of_repairs(root):
        found.add(text, "deploy/conversion/repairs/__init__.py")
    for text in _of_argparse():
        found.add(text, "argparse", percent=True)
    return found


def module_nodes(source: str) -> list[ast.AST]:
    """The classes, calls and raises of a module."""
    kinds = (ast.ClassDef, ast.Call, ast.Raise)
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]


def error_classes(modules: Iterable[list[ast.AST]]) -> set[str]:
    """The names of all error classes of ours."""
    bases: dict[str, set[str]] = {}
    for node in (node for nodes in modules for node in nodes):
        if isinstance(node, ast.ClassDef):
            own = {base.id for base in node.bases if isinstance(base, ast.Name)}
            bases.setdefault(node.name, set()).update(own)
    errors = set(_ERRORS)
    while more := {name for name, own in bases.items() if own & errors} - errors:
        errors |= more
    return errors


def collect_module(nodes: list[ast.AST], file: str, errors: set[str], found: Found) -> None:
    """The texts and problems of one module."""
    raised = {id(node.exc) for node in nodes if isinstance(node, ast.Raise)}
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        place = f"{file}:{node.lineno}"
        name = _name(node.func)
        for keyword in node.keywords:
            if keyword.arg in ("help", "description"):
                _take(keyword.value, file, place, found)
        if name == "format" and isinstance(node.func, ast.Attribute):
            marked = node.func.value
            if isinstance(marked, ast.Call) and _name(marked.func) == "tr":
                _check_values(marked.args[0], node, place, found)
        if not node.args:
            continue
        first = node.args[0]
        if name in _MARKS or name in errors or (id(node) in raised and not name):
            if _take(first, file, place, found) and (name != "tr"):
                _check_values(first, node, place, found)
        elif name == "tr_as":
            context, text = (ast.literal_eval(argument) for argument in node.args)
            found.add(Text(text, context), file)
        elif name in _LOG_LEVELS and _name(getattr(node.func, "value", None)) == "logger":
            _take(first, file, place, found, log=True)
        elif id(node) in raised and name not in _DEFECTS and _is_text(first):
            found.problems.append(f"{place}: {name} has a text without tr")


def _take(node: ast.expr, file: str, place: str, found: Found, *, log: bool = False) -> bool:
    """Take a literal; tell of one that is put together. Whether it was one."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and _is_text(node)):
        found.problems.append(f"{place}: an f-string or a sum cannot be translated")
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return False
    text = node.value
    # lines of metrics are read by programs
    if log and (text.startswith("[") or not _WORD.search(_PERCENT.sub("", text))):
        return False
    if text:
        found.add(Text(text), file, percent=log)
    return bool(text)


def _check_values(text: ast.expr, call: ast.Call, place: str, found: Found) -> None:
    """Tell of {names} that are not filled in."""
    given = {keyword.arg for keyword in call.keywords}
    if not given or None in given or not isinstance(text, ast.Constant):
        return
    wanted = {name.partition(".")[0].partition("[")[0] for name, *_ in fields(text.value)}
    if wanted != given:
        found.problems.append(f"{place}: {sorted(wanted ^ given)} in the text or among the values")


def _is_text(node: ast.expr) -> bool:
    """Whether there are words in a literal, an f-string or a sum."""
    match node:
        case ast.Constant(value=str(text)):
            return _WORD.search(text) is not None
        case ast.JoinedStr(values=parts):
            return any(map(_is_text, parts))
        case ast.BinOp(left=left, right=right):
            return _is_text(left) or _is_text(right)
    return False


def _name(node: ast.expr | None) -> str:
    return getattr(node, "id", None) or getattr(node, "attr", None) or ""


def _of_repairs(root: Path) -> Iterator[Text]:
    """The first lines of the docstrings of the passes that convert runs."""
    folder = root / "deploy/conversion/repairs"
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.py"))]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    passes = {
        _name(node.args[0])
        for node in nodes
        if isinstance(node, ast.Call) and _name(node.func) == "Repair"
    }
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name in passes:
            yield Text((ast.get_docstring(node) or "").splitlines()[0])


def _of_argparse() -> Iterator[Text]:
    for node in ast.walk(ast.parse(Path(argparse.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _name(node.func) == "_":
            if isinstance(node.args[0], ast.Constant):
                yield Text(node.args[0].value)
        elif isinstance(node, ast.Call) and _name(node.func) == "ngettext":
            one, many = (ast.literal_eval(argument) for argument in node.args[:2])
            yield Text((one, many))


def fields(text: str) -> list[tuple[str, str, str]]:
    """(name, conversion, form) of each {name!conversion:form}, sorted."""
    return sorted(
        (name, conversion or "", form or "")
        for _, name, form, conversion in string.Formatter().parse(text)
        if name is not None
    )


def percents(text: str) -> list[str]:
    """What % fills in, in order."""
    return [part for part in _PERCENT.findall(text) if part != "%%"]


def updated(found: Found, old: Catalog) -> Catalog:
    """The catalogue with what was found; translations are taken from the old one."""
    when = datetime(2026, 1, 1, tzinfo=timezone.utc)
    catalog = Catalog(
        locale="zh", project="ppghost", version="1", copyright_holder="the authors of ppghost",
        msgid_bugs_address="none", language_team="Simplified Chinese", last_translator="ppghost",
        charset="utf-8", creation_date=when, revision_date=when, fuzzy=False,
        header_comment="# What ppghost says in Chinese. Brought up to date by `make messages`.",
    )  # fmt: skip
    ordered = sorted(found.texts, key=lambda text: (min(found.texts[text][0]), str(text)))
    for text in ordered:
        known, percent = old.get(text.id, text.context), found.texts[text][1]
        message = catalog.add(
            text.id,
            known.string if known else None,
            locations=[(file, 0) for file in sorted(found.texts[text][0])],
            context=text.context,
        )
        message.flags = {"python-format"} if percent else {"python-brace-format"}
    return catalog


def read_catalog(file: Path = PO) -> Catalog:
    """A .po file."""
    with file.open("rb") as stream:
        return read_po(stream, locale="zh")


def untranslated(catalog: Catalog) -> list[str]:
    """What has no translation yet."""
    return [str(each.id) for each in catalog if each.id and not all(strings_of(each))]


def strings_of(message: Message) -> tuple[str, ...]:
    """Its translation, in each form of the plural."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))


def po_bytes(catalog: Catalog) -> bytes:
    """The text form, for people who translate."""
    stream = io.BytesIO()
    write_po(stream, catalog, width=100, include_lineno=False)
    return stream.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """The binary form, which gettext reads."""
    stream = io.BytesIO()
    write_mo(stream, catalog)
    return stream.getvalue()


def main() -> int:
    """Write both files; 1 if there is a problem or something is not translated."""
    found = collect()
    catalog = updated(found, read_catalog() if PO.exists() else Catalog(locale="zh"))
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(po_bytes(catalog))
    PO.with_suffix(".mo").write_bytes(mo_bytes(catalog))
    left = untranslated(catalog)
    for line in [*found.problems, *(f"not translated: {text!r}" for text in left)]:
        print(line)
    print(f"{PO.relative_to(ROOT)}: {len(found.texts)} texts, {len(left)} not translated")
    return 1 if left or found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
