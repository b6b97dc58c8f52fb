"""What the sections of a report are made of; report.html and report.md show each kind in their way.

Every text is finished: in the reader's language, figures rounded, and nothing in it is markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias


@dataclass(frozen=True)
class Paragraph:
    """A paragraph.

    Attributes:
        text: what it says.
        soft: whether it stands back: rules and conditions, not what was found.
        link: (text, address) at its end.
    """

    kind: ClassVar[str] = "paragraph"
    text: str
    soft: bool = True
    link: tuple[str, str] | None = None


@dataclass(frozen=True)
class Subheading:
    """A heading within a section."""

    kind: ClassVar[str] = "subheading"
    text: str


@dataclass(frozen=True)
class Bullets:
    """A list.

    Attributes:
        items: a sentence each.
        warn: whether they are warnings.
    """

    kind: ClassVar[str] = "bullets"
    items: Sequence[str]
    warn: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        headers: one for each column.
        rows: cells, as many as headers.
        words: numbers of the columns that are text, as the first one always is; the others are
            figures.
    """

    kind: ClassVar[str] = "table"
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Fact:
    """`code` stands in the page as it was typed or read, between other words."""

    name: str
    code: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for.

    Attributes:
        facts: at least one.
        nested: whether the facts after the first are about the first.
    """

    kind: ClassVar[str] = "facts"
    facts: Sequence[Fact]
    nested: bool = False


@dataclass(frozen=True)
class Figure:
    """A drawing within the page.

    Attributes:
        svg: an SVG document.
        alt: what it shows, for those who do not see it.
        heading: over it.
        title: what the drawing itself has as its title, for the list below Markdown's images.
        label: what the caption tells.
        caption: below it.
    """

    svg: str
    alt: str
    heading: str = ""
    title: str = ""
    label: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Image:
    """A drawing that is a file beside the page."""

    file: str
    alt: str
    heading: str = ""


@dataclass(frozen=True)
class Figures:
    """Drawings: each on its own in the page, which can break between them; files in Markdown.

    Attributes:
        figures: for the page.
        images: for Markdown; beside each other if they have headings.
        above, below: what is said of all of them; in Markdown both stand below.
        files: SVG documents that are written beside the page, by name.
    """

    kind: ClassVar[str] = "figures"
    figures: Sequence[Figure]
    images: Sequence[Image]
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


Block: TypeAlias = Paragraph | Subheading | Bullets | Table | Facts | Figures
