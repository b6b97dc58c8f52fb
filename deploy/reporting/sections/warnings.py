"""What is to be known about the figures."""

from collections.abc import Iterator

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block, Bullets, Paragraph
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """The warnings, or that there are none."""
    if data.warnings:
        yield Bullets(data.warnings, warn=True)
    else:
        yield Paragraph(t["no_warnings"], soft=False)


SECTION = Section(
    tr("Warnings"),
    build,
    {"no_warnings": tr("None.")},
    of_models=False,
)
