"""The picture that others published, beside the one measured here."""

from collections.abc import Iterator

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.drawings.panels import DrawnPanel, draw_published, format_front
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import (
    Block,
    Figure,
    Figures,
    Image,
    Paragraph,
    Subheading,
    Table,
)
from ppghost.deploy.reporting.published import Published, PublishedModel
from ppghost.deploy.reporting.sections.cells import NOTHING, format_latency
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """Two pictures with their own axes, and the figures of the first."""
    if data.is_unpublished:
        return
    published = data.published
    source = t["source"].format(source=published.source)
    yield Paragraph(
        t["space"].join((t["introduction"], source)), link=(published.path, published.url)
    )
    panel, svg = draw_published(published, t)
    companion = min(data.curves.panels, key=_rank)
    yield Figures(
        [
            Figure(
                svg, t["published_alt"], t["published"],
                label=t["front"], caption=format_front(panel, t),
            ),
            Figure(companion.svg, t["curve_alt"], t["measured"]),
        ],
        [
            Image("published.svg", t["published_alt"], t["published"]),
            Image("curve.svg", t["curve_alt"], t["measured"]),
        ],
        files={"published.svg": svg},
    )  # fmt: skip
    yield Subheading(t["table"])
    yield _table(published, t)


def _rank(drawn: DrawnPanel) -> tuple[bool, bool]:
    """The first goes with the published picture: with points, of a phone if there is one."""
    return not drawn.panel.points, drawn.group.is_phone is False


def _table(published: Published, t: Messages) -> Table:
    headers = [
        t["model"], t["top1"], t["top5"],
        *(t["threads_ms"].format(threads=t.format_threads(count)) for count in published.threads),
        t["mflops"], t["params_m"],
    ]  # fmt: skip
    rows = [
        [
            model.name,
            f"{100 * model.top1:.2f}",
            f"{100 * model.top5:.2f}",
            *_format_latencies(model, len(published.threads)),
            f"{model.mflops:.2f}",
            f"{model.params_m:.2f}",
        ]
        for model in published.models
    ]
    return Table(headers, rows)


def _format_latencies(model: PublishedModel, count: int) -> list[str]:
    return [NOTHING] * count if model.sd855_ms is None else [*map(format_latency, model.sd855_ms)]


SECTION = Section(
    tr("Published: Snapdragon 855"),
    build,
    {
        "introduction": tr(
            "The picture that GhostNet is known by, drawn from figures that others "
            "published: Snapdragon 855, batch 1. Nothing of it was measured here. "
            "Beside it the curve measured here, on its own axes, since latencies of "
            "two devices do not compare."
        ),
        "source": tr("Published by the {source}:"),
        "published_alt": tr("Published accuracy against published latency on a Snapdragon 855"),
        "published": tr("published"),
        "measured": tr("measured here"),
        "table": tr("Published figures"),
        "top1": tr("Top-1 %"),
        "top5": tr("Top-5 %"),
        "mflops": tr("MFLOPs"),
    },
)
