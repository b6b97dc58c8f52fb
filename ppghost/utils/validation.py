"""The check of a value against a schema, which is built of what `schema_kinds` has."""

import contextlib
import copy
import logging
import math
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.schema_kinds import (
    ABSENT,
    NONE,
    REQUIRED,
    Entries,
    Ignored,
    Key,
    Optional,
    Parsed,
    Passthrough,
    Tagged,
    Unsupported,
)
from ppghost.utils.text import NUMBER, nearest, parse_number

logger = logging.getLogger(__name__)

#: what was said since `notices_once` was entered; None outside of it
_given: ContextVar[set[str] | None] = ContextVar("given", default=None)


@contextlib.contextmanager
def notices_once() -> Iterator[None]:
    """Within the block, the reading of one file, each notice is given once."""
    token = _given.set(set())
    try:
        yield
    finally:
        _given.reset(token)


def notice(message: str) -> None:
    """Say something about a file that is no mistake; once for each file."""
    given = _given.get()
    if given is None or message not in given:
        logger.info("%s", message)
    if given is not None:
        given.add(message)


def check(value: Any, schema: Any, where: str, file: str) -> Any:
    """`value` in the form the schema asks for, with defaults.

    Args:
        where, file: what messages call the value: "Global.epochs", "" for the whole.

    Raises:
        InputError: it cannot be; one line.
    """
    match schema:
        case Key():
            return _check_leaf(value, schema, f"{file}: {where}")
        case Parsed():
            return _parse_leaf(value, schema, f"{file}: {where}")
        case Passthrough():
            return _literals(value)
        case Ignored():
            if _literals(value):
                notice(tr("{where} has no effect here{why}").format(where=where, why=schema.why))
            return value
        case Unsupported():
            if value:
                raise InputError(
                    "{file}: {where} is for {task}, which is not supported",
                    file=file,
                    where=where,
                    task=schema.task,
                )
            return value
        case Entries():
            return _check_entries(value, schema, where, file)
        case Optional():
            return _check_section(value, schema.keys, where, file)
        case Tagged():
            return _check_named(value, schema, where, file)
    return _check_section(value, schema, where, file)


def _literals(value: Any) -> Any:
    """`1e-6` and `None`, which to YAML are strings, as what they were meant to be."""
    if isinstance(value, dict):
        return {key: _literals(item) for key, item in value.items()}
    if value == "None":
        return None
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return int(value) if value.lstrip("+-").isdecimal() else float(value)
    return value


def _check_section(value: Any, schema: dict, where: str, file: str, kind: str = "") -> dict:
    """Each key as the schema asks for; then the defaults of those that are not given."""
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise InputError(
            "{file}: {where}: expected a section, got {value!r}",
            file=file,
            where=where,
            value=value,
        )
    checked = {}
    for key, item in value.items():
        known = schema.get(key, schema.get("*"))
        name = f"{where}.{key}" if where else str(key)
        if known is None:
            whose = tr(" of {kind}").format(kind=kind) if kind else ""
            hint = nearest(key, _offered(schema))
            raise InputError(
                "{file}: {name}: unknown key{whose}{hint}",
                file=file,
                name=name,
                whose=whose,
                hint=hint,
            )
        if not (isinstance(known, Optional) and item is None):
            checked[key] = check(item, known, name, file)
    for key, known in schema.items():
        default = _default(known) if key not in value and key != "*" else ABSENT
        name = f"{where}.{key}" if where else key
        if default is REQUIRED:
            raise InputError("{file}: {name} is missing", file=file, name=name)
        if default is not ABSENT:
            checked[key] = check(copy.deepcopy(default), known, name, file)
    return checked


def _default(schema: Any) -> Any:
    match schema:
        case Key() | Parsed() | Entries() | Ignored():
            return schema.default
        case Optional() | Unsupported():
            return ABSENT
    return {}


def _offered(kinds: Mapping) -> list[str]:
    """The names worth suggesting."""
    return [
        name for name, kind in kinds.items() if name != "*" and not isinstance(kind, Unsupported)
    ]


def _check_kind(name: Any, schema: Tagged | Entries, where: str, file: str) -> tuple[str, dict]:
    """The kind that `name` means, and its keys; InputError if it is none, or one not supported."""
    name = schema.renamed.get(name, name) if isinstance(name, str) else name
    kind = schema.kinds.get(name) if isinstance(name, str) else None
    if isinstance(kind, Unsupported):
        raise InputError(
            "{file}: {where}: {name} is for {task}, which is not supported",
            file=file,
            where=where,
            name=name,
            task=kind.task,
        )
    if kind is None:
        offered = _offered(schema.kinds)
        hint = nearest(name, offered)
        raise InputError(
            "{file}: {where}: {name!r} is none of {offered}{hint}",
            file=file,
            where=where,
            name=name,
            offered=", ".join(offered),
            hint=hint,
        )
    return name, kind


def _check_named(value: Any, schema: Tagged, where: str, file: str) -> dict:
    """The keys that this section's `name` allows."""
    if value is not None and not isinstance(value, dict):
        raise InputError(
            "{file}: {where}: expected a section, got {value!r}",
            file=file,
            where=where,
            value=value,
        )
    given = value or {}
    name, own = _check_kind(given.get("name", schema.default), schema, f"{where}.name", file)
    keys = {"name": Key((str,))} | schema.common | own
    return _check_section({"name": name} | given | {"name": name}, keys, where, file, kind=name)


def _check_entries(value: Any, schema: Entries, where: str, file: str) -> list:
    """Each entry of the list as its kind asks for."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError(
            "{file}: {where}: expected a list, got {value!r}", file=file, where=where, value=value
        )
    checked = []
    for i, item in enumerate(value):
        if not isinstance(item, dict) or len(item) != 1:
            raise InputError(
                "{file}: {where}.{i}: expected one 'Name: parameters', got {item!r}",
                file=file,
                where=where,
                i=i,
                item=item,
            )
        [(given, parameters)] = item.items()
        name, keys = _check_kind(given, schema, f"{where}.{i}", file)
        section = _check_section(parameters, keys, f"{where}.{i}.{name}", file, name)
        checked.append({name: section})
    return checked


def _check_leaf(value: Any, key: Key, where: str) -> Any:
    """The value as one of the key's types and within its limits."""
    if value == "None" and NONE in key.types:
        value = None
    value = _as_type(value, key.types, where)
    if key.item is not None and isinstance(value, list):
        value = [_as_type(item, (key.item,), f"{where}.{i}") for i, item in enumerate(value)]
    if isinstance(value, str | bool) and value in key.refused:
        task = key.refused[value]
        raise InputError(
            "{where}: {value} is for {task}, which is not supported",
            where=where,
            value=value,
            task=task,
        )
    if key.choices and value is not None and value not in key.choices:
        hint = nearest(value, key.choices)
        raise InputError(
            "{where}: {value!r} is none of {choices}{hint}",
            where=where,
            value=value,
            choices=", ".join(key.choices),
            hint=hint,
        )
    if key.minimum is not None and value is not None and value < key.minimum:
        raise InputError(
            "{where}: {value} is below {minimum}", where=where, value=value, minimum=key.minimum
        )
    if key.between is not None and not key.between[0] < value < key.between[1]:
        low, high = key.between
        raise InputError(
            "{where}: {value} is not between {low} and {high}",
            where=where,
            value=value,
            low=low,
            high=high,
        )
    return value


def _parse_leaf(value: Any, leaf: Parsed, where: str) -> Any:
    """The value as its own parser makes it."""
    try:
        return leaf.parse(value)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "{where}: {value!r} is not {expected}", where=where, value=value, expected=leaf.expected
        ) from error


def _as_type(value: Any, types: tuple[type, ...], where: str) -> Any:
    is_bool = isinstance(value, bool)  # an int to Python, never to a user
    # 5 stays 5 where 5.0 would do: PaddleClas asks for whole epochs in some places
    if float in types and not isinstance(value, (*types, int)):
        try:
            value = parse_number(value)
        except ValueError as error:
            raise InputError(
                "{where}: expected a number, got {value!r}", where=where, value=value
            ) from error
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError("{where}: expected a number, got {value}", where=where, value=value)
    allowed = (*types, int) if float in types else types
    if not isinstance(value, allowed) or (is_bool and bool not in types):
        names = tr(" or ").join("null" if t is NONE else t.__name__ for t in types)
        raise InputError(
            "{where}: expected {names}, got {value!r}", where=where, names=names, value=value
        )
    return value
