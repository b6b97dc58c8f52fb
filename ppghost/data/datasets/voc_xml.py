"""Pascal VOC's XML files: one image, its size and the boxes in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

from ppghost.i18n import tr

#: pixels; what says more says nothing
_LARGEST_SIDE = 1 << 20


class VOCObject(NamedTuple):
    """One `<object>`."""

    name: str
    corners: tuple[float, float, float, float]  # x1, y1, x2, y2; NaN for what is no number
    difficult: bool
    line: int


class VOCFile(NamedTuple):
    """What a file says; the size is 0 where it does not say it."""

    height: int
    width: int
    objects: list[VOCObject]


@dataclass
class _Element:
    tag: str
    line: int
    text: str = ""
    children: list[_Element] = field(default_factory=list)

    def find(self, tag: str) -> _Element | None:
        return next((child for child in self.children if child.tag == tag), None)

    def value(self, tag: str) -> str:
        """The text of a child; empty if there is no such child."""
        child = self.find(tag)
        return "" if child is None else child.text.strip()

    def number(self, tag: str) -> float:
        try:
            return float(self.value(tag))
        except ValueError:
            return math.nan


def parse(content: bytes) -> VOCFile:
    """Read a file's content. No entity of its own is resolved.

    Raises:
        ValueError: it is no XML: "line: reason".
    """
    root = _Element("", 0)
    open_elements = [root]

    def start(tag: str, attributes: dict) -> None:
        element = _Element(tag, parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(tag: str) -> None:
        open_elements.pop()

    def text(data: str) -> None:
        open_elements[-1].text += data

    def entity(*declaration: object) -> None:
        # annotations need none, and a few lines of them can stand for gigabytes
        raise ValueError(
            tr("{currentlinenumber}: it declares an entity").format(
                currentlinenumber=parser.CurrentLineNumber
            )
        )

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = text, entity
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError) as error:  # LookupError: an encoding nobody knows
        line = parser.CurrentLineNumber
        raise ValueError(
            tr("{line}: not XML ({error})").format(line=line, error=str(error).split(":")[0])
        ) from error
    return _read(root.children[0])


def _read(annotation: _Element) -> VOCFile:
    size = annotation.find("size") or _Element("size", 0)
    height, width = (_whole(size.number(side)) for side in ("height", "width"))
    objects = [_object(child) for child in annotation.children if child.tag == "object"]
    return VOCFile(height, width, objects)


def _whole(value: float) -> int:
    return int(value) if 1 <= value <= _LARGEST_SIDE else 0


def _object(element: _Element) -> VOCObject:
    box = element.find("bndbox") or _Element("bndbox", 0)
    x1, y1, x2, y2 = (box.number(side) for side in ("xmin", "ymin", "xmax", "ymax"))
    difficult = element.value("difficult") not in ("", "0")
    return VOCObject(element.value("name"), (x1, y1, x2, y2), difficult, element.line)
