"""What the four guidelines of ShuffleNetV2 come to on the devices at hand."""

from collections.abc import Iterator

from ppghost.deploy.latency.guideline_ratios import GuidelineRow, Guidelines, guideline_ratios
from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.groups import Group
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block, Paragraph, Subheading, Table
from ppghost.deploy.reporting.sections.cells import (
    NOTHING,
    format_estimate,
    format_interval,
    format_latency,
    format_millions,
)
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr

#: the guidelines that have a name here
_NAMED = ("G1", "G2", "G3", "G4")
_PAPER = ("arXiv 1807.11164", "https://arxiv.org/abs/1807.11164")


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """A table for each device and thread count."""
    measured = [nets for _, result in data.measured for nets in guideline_ratios(result)]
    if not measured:
        return
    yield Paragraph(t["rule"], link=_PAPER)
    for nets in measured:
        device = Group(nets.device, None, None).format_title(t)
        yield Subheading(t["comma"].join((device, t.format_threads(nets.threads))))
        yield _table(nets, t)


def _table(nets: Guidelines, t: Messages) -> Table:
    headers = [
        t["net"], t["ms"], t["interval_ms"], t["speed"], t["ratio"], t["macs_m"], t["memory_mb"],
    ]  # fmt: skip
    rows = [_cells(row, t) for rows in nets.rows.values() for row in rows]
    return Table(headers, rows)


def _cells(row: GuidelineRow, t: Messages) -> list[str]:
    stats, speed, guideline = row.stats, row.images_per_second, row.net.guideline
    return [
        f"{t[guideline] if guideline in _NAMED else guideline}{t['colon']}{row.net.variant}",
        format_latency(stats.median if stats else None),
        format_interval(stats.ci95 if stats else None, t),
        NOTHING if speed is None else f"{speed:.0f}",
        format_estimate(row.ratio, t),
        format_millions(row.net.macs),
        format_millions(row.net.bytes),
    ]


SECTION = Section(
    tr("Design guidelines on this device"),
    build,
    {
        "rule": tr(
            "Test nets of the four guidelines of ShuffleNetV2: within a guideline all "
            "have as many MACs, as nearly as whole channels allow. The ratio is to the "
            "guideline's first net in the same rounds, with its 95 % interval; memory "
            "access is what the layers read and write. Each file was compared with "
            "Paddle when it was converted."
        ),
        "G1": tr("G1 channel ratio"),
        "G2": tr("G2 groups"),
        "G3": tr("G3 fragments"),
        "G4": tr("G4 element-wise"),
        "net": tr("Net"),
        "ms": tr("Median ms"),
        "interval_ms": tr("95 % interval ms"),
        "speed": tr("Images/s"),
        "ratio": tr("Ratio to the first"),
        "macs_m": tr("MACs M"),
        "memory_mb": tr("Memory access MB"),
    },
    of_models=False,
)
