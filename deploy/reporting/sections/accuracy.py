"""Measured latency against published accuracy."""

from collections.abc import Iterator

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.drawings.panels import format_front
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block, Bullets, Figure, Figures, Image, Paragraph
from ppghost.deploy.reporting.sections.cells import format_weights
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """The curves, what is what in them, and the models that have no place there."""
    if data.is_unpublished:
        return
    weights = sorted({format_weights(row, t) for row in data.rows})
    caption = t["caption"].format(
        source=data.published.source, weights=t["list_comma"].join(weights)
    )
    yield Figures(
        [
            Figure(svg, t["curve_alt"], label=t["front"], caption=format_front(panel, t))
            for _, panel, svg in data.curves.panels
        ],
        [Image("curve.svg", t["curve_alt"])],
        below=(caption, t["front_rule"]),
        files={"curve.svg": data.curves.together},
    )
    if data.missing:
        yield Paragraph(t["missing"], soft=False)
        yield Bullets(data.missing)


SECTION = Section(
    tr("Accuracy against latency"),
    build,
    {
        "caption": tr(
            "Latency was measured here. Accuracy was not: it is ImageNet top-1 as "
            "published by the {source}. Weights of the networks that were timed: "
            "{weights}."
        ),
        "front_rule": tr(
            "On the Pareto front: no other model has both a lower median and at least "
            "the same accuracy. A model is called beaten only if the intervals do not "
            "overlap."
        ),
        "missing": tr("Not on the curve:"),
    },
)
