"""What files weigh and what their networks cost."""

from collections.abc import Iterator

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block, Paragraph, Table
from ppghost.deploy.reporting.sections.cells import (
    NOTHING,
    format_millions,
    format_shapes,
    format_weights,
)
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """A line a file."""
    headers = [
        t["model"], t["precision"], t["input"], t["size_mb"], t["params_m"], t["macs_m"],
        t["weights"],
    ]  # fmt: skip
    rows = [
        [
            row.model,
            row.precision,
            format_shapes(row) or NOTHING,
            format_millions(row.nb_bytes),
            format_millions(row.params),
            format_millions(row.macs),
            format_weights(row, t),
        ]
        for row in data.files
    ]
    yield Table(headers, rows, frozenset({1, 6}))
    yield Paragraph(t["space"].join((t["macs_rule"], t["unknown_rule"])))


SECTION = Section(
    tr("Size and complexity"),
    build,
    {
        "input": tr("Input"),
        "size_mb": tr(".nb file MB"),
        "macs_m": tr("MACs M"),
        "weights": tr("Weights"),
        "macs_rule": tr(
            "MACs: multiply-accumulates of convolutions and fully connected layers for "
            "one image, counted on the program that was exported. Other tools' "
            '"FLOPs" count other things.'
        ),
        "unknown_rule": tr(
            '"-": not known. ppghost export writes the counts into inference.yml and '
            "ppghost convert passes them on; models of others, and results of before, "
            "hold none."
        ),
    },
)
