"""What a section of a report is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block
from ppghost.i18n import Message


@dataclass(frozen=True)
class Section:
    """One section of the page and of the Markdown file.

    Attributes:
        heading: its title.
        build: what it shows, from what was measured, with its words and the common ones.
        words: its own, by key.
        of_models: whether it says nothing where no models were timed, but layers or test nets.
    """

    heading: Message
    build: Callable[[ReportData, Messages], Iterable[Block]]
    words: Mapping[str, Message] = field(default_factory=dict)
    of_models: bool = True


@dataclass(frozen=True)
class BuiltSection:
    """A section's content, in the reader's language."""

    heading: str
    blocks: list[Block]


def build_section(section: Section, data: ReportData) -> BuiltSection:
    """What a section shows of `data`."""
    t = data.t.with_words({"section_heading": section.heading, **section.words})
    return BuiltSection(t["section_heading"], list(section.build(data, t)))
