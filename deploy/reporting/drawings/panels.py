"""The curves of a report: which panels they have, and what is said of each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ppghost.deploy.latency.results import Result
from ppghost.deploy.reporting.drawings.curve import Panel, draw_curve
from ppghost.deploy.reporting.drawings.pareto import Point
from ppghost.deploy.reporting.groups import Group
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.published import Published, why_missing


class DrawnPanel(NamedTuple):
    """A panel of a device's results, with its drawing as an SVG document."""

    group: Group
    panel: Panel
    svg: str


class MeasuredCurves(NamedTuple):
    """Every measured curve.

    Attributes:
        panels: one for each device and thread count; a page can break between them.
        together: the SVG document of all of them.
    """

    panels: list[DrawnPanel]
    together: str


def draw_measured(groups: Sequence[Group], published: Published, t: Messages) -> MeasuredCurves:
    """Draw measured latency against published accuracy.

    Args:
        groups: at least one, with results.
        published: the accuracies.
        t: words.
    """
    pairs = [
        (group, _measured_panel(group, threads, published, t))
        for group in groups
        for threads in group.threads
    ]
    drawn = [DrawnPanel(group, panel, _draw([panel], published, t)) for group, panel in pairs]
    if len(drawn) == 1:
        return MeasuredCurves(drawn, drawn[0].svg)
    return MeasuredCurves(drawn, _draw([panel for _, panel in pairs], published, t))


def draw_accuracies(
    groups: Sequence[Group], values: Mapping[str, float], label: str, t: Messages
) -> MeasuredCurves:
    """Draw measured latency against measured accuracy.

    Args:
        groups: at least one, with results.
        values: the accuracy of each model, a share.
        label: what it is.
        t: words.
    """
    families = sorted(values)

    def draw(panels: Sequence[Panel]) -> str:
        return draw_curve(panels, families=families, front_label=t["front"])

    pairs = [
        (
            group,
            Panel(
                group.format_panel_title(threads, t),
                [
                    Point(row.model, row.model, row.stats.median, row.stats.ci95, values[row.model])
                    for row in group.at(threads)
                    if row.stats and row.model in values
                ],
                t["measured_axis"],
                label,
                t["no_points"],
            ),
        )
        for group in groups
        for threads in group.threads
    ]
    drawn = [DrawnPanel(group, panel, draw([panel])) for group, panel in pairs]
    together = drawn[0].svg if len(drawn) == 1 else draw([panel for _, panel in pairs])
    return MeasuredCurves(drawn, together)


def draw_published(published: Published, t: Messages) -> tuple[Panel, str]:
    """The picture that others published, with one thread and no intervals.

    Returns:
        Its panel, and the SVG document.
    """
    points = [
        Point(model.name, model.family, model.sd855_ms[0], (model.sd855_ms[0],) * 2, model.top1)
        for model in published.models
        if model.sd855_ms
    ]
    # at a folder's end, so that the address fits into the drawing
    address = published.url.replace(published.path, f"\n{published.path}")
    label = t["published_axis"].format(source=published.source, url=address)
    panel = Panel(t["published_title"], points, label, t["published_accuracy_axis"])
    return panel, _draw([panel], published, t)


def format_front(panel: Panel, t: Messages) -> str:
    """Who is on the front, and who cannot be told from it; empty for a panel without points."""
    best, ties = ([point.model for point in points] for points in panel.front)
    if not best:
        return ""
    title = format_title(panel.title, t)
    front = t["front_of"].format(where=title, models=t["list_comma"].join(best))
    tied = t["ties"].format(models=t["list_comma"].join(ties)) if ties else ""
    return t["space"].join(filter(None, (front, tied)))


def format_title(title: str, t: Messages) -> str:
    """A drawing's title in one line."""
    return title.replace("\n", t["comma"])


def measured_points(rows: Iterable[Result], published: Published) -> list[Point]:
    """Measured latency and published accuracy of the rows that have both."""
    points = []
    for row in rows:
        if row.stats and not why_missing(row, published):
            model = published.by_name[row.model]
            points.append(
                Point(row.model, model.family, row.stats.median, row.stats.ci95, model.top1)
            )
    return points


def _measured_panel(group: Group, threads: int, published: Published, t: Messages) -> Panel:
    return Panel(
        group.format_panel_title(threads, t),
        measured_points(group.at(threads), published),
        t["measured_axis"],
        t["accuracy_axis"].format(source=published.source),
        t["no_points"],
    )


def _draw(panels: Sequence[Panel], published: Published, t: Messages) -> str:
    return draw_curve(panels, families=published.families, front_label=t["front"])
