"""The page and the Markdown file, from templates; whatever a result holds stays text in both."""

import re
from pathlib import Path
from typing import Any

from ppghost.deploy.reporting.drawings.canvas import inline


def render(template: str, context: dict[str, Any]) -> str:
    """Fill in a template.

    Args:
        template: one of the files beside this one.
        context: its variables.

    Returns:
        Its text.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent),
        # names come from files: HTML escapes them all, Markdown where they stand
        autoescape=jinja2.select_autoescape(("html",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["inline"] = inline
    environment.filters["breakable"] = _breakable
    environment.filters["md"] = markdown_text
    return environment.get_template(template).render(context)


def printable(value: Any) -> Any:
    """Replace every character that is no letter, sign or space.

    Control characters are no XML, and those that turn the direction of writing hide what a text
    says.

    Args:
        value: a JSON value.
    """
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join(sign if sign.isprintable() else _instead(sign) for sign in value)
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    return value


def _instead(character: str) -> str:
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def _breakable(text: str) -> Any:
    """HTML of a text whose lines may break after an underscore, as names of models have."""
    from markupsafe import Markup, escape

    # not after one that begins the name
    return escape(text[:1]) + escape(text[1:]).replace("_", Markup("_<wbr>"))


def markdown_text(value: object) -> str:
    """Text that is only text in Markdown, in a table and at the start of a line too."""
    text = re.sub(r"([\\`*_|<>\[\]#$~])", r"\\\1", " ".join(str(value).split()))
    text = text.replace("&", "&amp;")
    text = re.sub(r"^([-+=])(?=.)", r"\\\1", text)
    return re.sub(r"^(\d+)([.)])(?= )", r"\1\\\2", text)
