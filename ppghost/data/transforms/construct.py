"""Objects by name with their parameters, as a config writes them: `{Name: {key: value}}`."""

import inspect
from collections.abc import Callable, Mapping
from typing import TypeVar

from ppghost.errors import InputError
from ppghost.utils.text import nearest

T = TypeVar("T")


def one_entry(entry: object, where: str) -> tuple[str, object]:
    """Split `{name: parameters}`; InputError for anything else."""
    if not isinstance(entry, dict) or len(entry) != 1:
        raise InputError(
            "{where} is {entry!r}: give one operation, as in `- ResizeImage:`",
            where=where,
            entry=entry,
        )
    [(name, parameters)] = entry.items()
    return name, parameters


def construct(
    table: Mapping[str, Callable[..., T]],
    name: str,
    parameters: object,
    where: str,
    **given: object,
) -> T:
    """Make the operation `name` of `table` from a config's parameters.

    Args:
        where: the key under which the operation stands, for messages.
        given: parameters that come from elsewhere, and that the config may not name.

    Raises:
        InputError: no such operation, an unknown, missing or refused parameter.
    """
    if name not in table:
        raise InputError(
            "{where}: unknown operation {name!r}{nearest}",
            where=where,
            name=name,
            nearest=nearest(name, table),
        )
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, dict):
        raise InputError(
            "{where}.{name} is {parameters!r}: give its parameters by name",
            where=where,
            name=name,
            parameters=parameters,
        )
    known = {k: p for k, p in inspect.signature(table[name]).parameters.items() if k not in given}
    for key in parameters:
        if key not in known:
            raise InputError(
                "{where}.{name}: unknown parameter {key!r}{nearest}",
                where=where,
                name=name,
                key=key,
                nearest=nearest(key, known),
            )
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in parameters:
            raise InputError(
                "{where}.{name}: {key} is missing and has no default",
                where=where,
                name=name,
                key=key,
            )
    try:
        return table[name](**given, **parameters)
    except (TypeError, ValueError) as error:
        raise InputError("{where}.{name}: {error}", where=where, name=name, error=error) from error
