"""The picture that others published, beside the one measured here."""

from collections.abc import Iterator

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.drawings.panels import DrawnPanel, draw_published, format_front
from ppghost.deploy.reporting.messages import Messages, Words
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
    Words("Published: Snapdragon 855", "公开数据：骁龙 855"),
    build,
    {
        "introduction": Words(
            "The picture that GhostNet is known by, drawn from figures that others published: "
            "Snapdragon 855, batch 1. Nothing of it was measured here. Beside it the curve "
            "measured here, on its own axes, since latencies of two devices do not compare.",
            "GhostNet 的经典对比图，按他人公布的数据重绘：骁龙 855，batch size 1，均非本次实测。"
            "旁边是本次实测曲线；两种设备的延迟不可直接比较，因此分别使用各自的坐标轴。",
        ),
        "source": Words("Published by the {source}:", "数据来源：{source}，"),
        "published_alt": Words(
            "Published accuracy against published latency on a Snapdragon 855",
            "公开数据：骁龙 855 上的精度与延迟",
        ),
        "published": Words("published", "公开数据"),
        "measured": Words("measured here", "本次实测"),
        "table": Words("Published figures", "公开数据表"),
        "top1": Words("Top-1 %", "Top-1 %"),
        "top5": Words("Top-5 %", "Top-5 %"),
        "mflops": Words("MFLOPs", "FLOPs M"),
    },
)
