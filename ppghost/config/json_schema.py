"""The JSON Schema of a config, for editors, made of the one table of keys.

`python -m ppghost.config.json_schema` writes `config.schema.json` anew. It knows what a single
file may hold: what is missing may come from a `_base_`, so that nothing is required.
"""

from pathlib import Path
from typing import Any

from ppghost.config.schema import SCHEMA
from ppghost.utils.files import write_json
from ppghost.utils.schema_kinds import (
    ABSENT,
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

FILE = Path(__file__).with_name("config.schema.json")
_TYPES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    type(None): "null",
}
#: a number as PaddleClas's files write it, also as a quotient
_NUMBER = {"type": "string", "pattern": r"^\s*[+-]?[\d.]+([eE][+-]?\d+)?(\s*/\s*[\d.]+)?\s*$"}
#: what a key for a task that we do not do may be all the same
_NOTHING: list[Any] = [None, False, 0, "", [], {}]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a config file."""
    section = _section(SCHEMA)
    base = {"type": ["string", "array"], "items": {"type": "string"}}
    section["properties"] = {"_base_": base, **section["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A configuration of ppghost and PaddleClas 2.x",
        **section,
    }


def _schema(known: Any) -> dict[str, Any]:
    match known:
        case Key():
            return _leaf(known)
        case Parsed() | Passthrough():
            return {}
        case Ignored():
            return {"description": f"PaddleClas's; no effect here{known.why}"}
        case Unsupported():
            return {"description": f"for {known.task}, not supported", "enum": _NOTHING}
        case Optional():
            return _section(known.keys)
        case Entries():
            return _entries(known)
        case Tagged():
            return _tagged(known)
    return _section(known)


def _leaf(key: Key) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": [_TYPES[each] for each in key.types]}
    if key.choices:
        nothing = [None] if type(None) in key.types else []
        schema = {"enum": [*key.choices, *nothing]}
    if key.minimum is not None:
        schema["minimum"] = key.minimum
    if key.between is not None:
        schema |= {"exclusiveMinimum": key.between[0], "exclusiveMaximum": key.between[1]}
    if key.item is not None:
        schema["items"] = {"type": _TYPES[key.item]}
    others: list[dict[str, Any]] = [_NUMBER] if float in key.types else []
    if type(None) in key.types:
        others.append({"const": "None"})
    if others:
        schema = {"anyOf": [schema, *others]}
    if key.default not in (ABSENT, REQUIRED):
        schema["default"] = key.default
    return schema


def _section(keys: dict[str, Any], **more: Any) -> dict[str, Any]:
    properties = {name: _schema(known) for name, known in keys.items() if name != "*"}
    others = _schema(keys["*"]) if "*" in keys else False
    return {
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": others,
        **more,
    }


def _tagged(known: Tagged) -> dict[str, Any]:
    """A section whose `name` chooses its keys; each kind is a branch."""
    branches = []
    names = []
    for kind, keys in known.kinds.items():
        if isinstance(keys, Unsupported):
            continue
        alike = [kind, *(other for other, meant in known.renamed.items() if meant == kind)]
        names += alike
        # without a name it is the default, or whatever a _base_ says
        condition = {"properties": {"name": {"enum": alike}}, "required": ["name"]}
        common = dict.fromkeys(known.common, Passthrough())
        own = _section({"name": Passthrough()} | common | keys)
        branches.append({"if": condition, "then": own})
    properties = {"name": {"enum": names, "default": known.default}}
    properties |= _section(known.common)["properties"]
    return {"type": ["object", "null"], "properties": properties, "allOf": branches}


def _entries(known: Entries) -> dict[str, Any]:
    kinds = {name: keys for name, keys in known.kinds.items() if not isinstance(keys, Unsupported)}
    kinds |= {other: kinds[meant] for other, meant in known.renamed.items() if meant in kinds}
    entry = _section(kinds, minProperties=1, maxProperties=1)
    return {"type": ["array", "null"], "items": entry | {"type": "object"}}


if __name__ == "__main__":
    write_json(FILE, json_schema())
