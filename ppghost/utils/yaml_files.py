"""YAML files of keys, and `-o KEY=VALUE` over them: configs and campaigns alike."""

import copy
from pathlib import Path
from typing import Any

import yaml

from ppghost.errors import InputError
from ppghost.i18n import tr


def read_yaml(path: Path, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> dict:
    """The file's own keys, as they stand. Raises InputError: unreadable, or not a YAML section.

    `loader` may know tags, of which it makes plain data.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            "{path}: cannot read the configuration: {strerror}", path=path, strerror=error.strerror
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("{path}: not a text file in UTF-8", path=path) from error
    try:
        own = yaml.load(text, loader)  # noqa: S506 - no more than data
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = tr(" line {line}").format(line=mark.line + 1) if mark else ""
        problem = getattr(error, "problem", None) or tr("cannot be parsed")
        raise InputError(
            "{path}{line}: not valid YAML: {problem}", path=path, line=line, problem=problem
        ) from error
    if not isinstance(own, dict):
        raise InputError(
            "{path}: holds no keys; expected sections such as Global and Arch", path=path
        )
    return own


def apply_override(config: dict, override: str) -> None:
    """Apply one "Key.sub.index=VALUE" in place.

    What a YAML anchor (`&ops`, `*ops`) has put in two places is changed in the one that is named.
    """
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise InputError("-o {override}: expected Key.sub=VALUE", override=override)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(
            "-o {override}: the value is not valid YAML; quote it", override=override
        ) from error
    *parents, last = path.split(".")
    node: Any = config
    for depth, part in enumerate(parents):
        if isinstance(node, dict) and node.get(part) is None:
            node[part] = {}
        key: Any = _position(node, part, override, parents[:depth])
        node[key] = copy.copy(node[key])
        node = node[key]
    node[_position(node, last, override, parents)] = value


def _position(node: Any, part: str, override: str, parents: list[str]) -> str | int:
    """`part` as a key of the dict or an index of the list `node`."""
    where = ".".join(parents) or tr("the top level")
    if isinstance(node, dict):
        return part
    if isinstance(node, list):
        if part.isdecimal() and int(part) < len(node):
            return int(part)
        raise InputError(
            "-o {override}: {where} is a list of {count}, no index {part}",
            override=override,
            where=where,
            count=len(node),
            part=part,
        )
    raise InputError(
        "-o {override}: {where} is a value ({node!r}), not a section",
        override=override,
        where=where,
        node=node,
    )
