"""Every drawing of a report, and what its pages say beside them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ppghost.deploy.reporting.drawings.canvas import inline
from ppghost.deploy.reporting.drawings.curve import Panel, draw_curve
from ppghost.deploy.reporting.drawings.pareto import Point
from ppghost.deploy.reporting.drawings.trace_plot import draw_traces
from ppghost.deploy.reporting.drawings.traces import Trace, describe_throttling, gather_trace
from ppghost.deploy.reporting.groups import Group, measured_points
from ppghost.deploy.reporting.messages import Messages


def draw_all(
    groups: Sequence[Group], published: dict[str, Any], t: Messages
) -> tuple[dict[str, str], dict[str, Any]]:
    """The drawings by file name, and what the pages show of them."""
    families = list(dict.fromkeys(row["family"] for row in published["models"]))
    draw = partial(draw_curve, families=families, front_label=t["front"])
    panels, traces = _panels(groups, published, t), _traces(groups, t)
    theirs = _published_panel(published, t)
    curve, curves = _together_and_single(draw, panels)
    drawings = {"curve.svg": curve, "published.svg": draw([theirs])}
    shown = {
        "panels": [
            {"svg": inline(svg), **_front(one, t)} for one, svg in zip(panels, curves, strict=True)
        ],
        "theirs": {"svg": inline(drawings["published.svg"]), **_front(theirs, t)},
        "beside": inline(curves[_beside(groups, panels)]),
        "traces": [],
    }
    if traces:
        drawings["traces.svg"], single = _together_and_single(partial(draw_traces, t=t), traces)
        shown["traces"] = [
            {"svg": inline(svg), "title": _one_line(one.title, t), "said": _trace_notes(one, t)}
            for one, svg in zip(traces, single, strict=True)
        ]
    return drawings, shown


def _together_and_single(draw: Callable[[list], str], items: list) -> tuple[str, list[str]]:
    """One drawing of all `items` for a file, and one of each, which a page can break between."""
    single = [draw([one]) for one in items]
    return (single[0] if len(single) == 1 else draw(items)), single


def _panels(groups: Sequence[Group], published: dict[str, Any], t: Messages) -> list[Panel]:
    accuracy = t["accuracy_axis"].format(source=published["source"])
    return [
        Panel(
            group.panel_title(threads, t),
            measured_points(group.at(threads), published, t),
            t["measured_axis"],
            accuracy,
            t["no_points"],
        )
        for group in groups
        for threads in group.threads
    ]


def _beside(groups: Sequence[Group], panels: Sequence[Panel]) -> int:
    """The panel that goes with the published one: with points, of a phone if there is one."""
    kinds = [group.device["kind"] for group in groups for _ in group.threads]
    return min(
        range(len(panels)), key=lambda index: (not panels[index].points, kinds[index] == "host")
    )


def _traces(groups: Sequence[Group], t: Messages) -> list[Trace]:
    found = [
        gather_trace(group.panel_title(threads, t), group.at(threads), t)
        for group in groups
        for threads in group.threads
    ]
    return [one for one in found if one]


def _published_panel(published: dict[str, Any], t: Messages) -> Panel:
    """The article's picture: one thread; published figures have no intervals."""
    points = [
        Point(
            row["name"], row["family"], row["sd855_ms"][0], (row["sd855_ms"][0],) * 2, row["top1"]
        )
        for row in published["models"]
        if row["sd855_ms"]
    ]
    # at a folder's end, so that the address fits into the drawing
    address = published["url"].replace(published["path"], f"\n{published['path']}")
    label = t["published_axis"].format(source=published["source"], url=address)
    return Panel(t["published_title"], points, label, t["published_accuracy_axis"])


def _front(panel: Panel, t: Messages) -> dict[str, str]:
    """Who is on the front, in words; empty for a panel without points."""
    best, ties = ([one.model for one in models] for models in panel.front)
    where = _one_line(panel.title, t)
    front = t["front_of"].format(where=where, models=t["list_comma"].join(best)) if best else ""
    tied = t["ties"].format(models=t["list_comma"].join(ties)) if ties else ""
    return {"front": front, "ties": tied}


def _one_line(title: str, t: Messages) -> str:
    return title.replace("\n", t["comma"])


def _trace_notes(trace: Trace, t: Messages) -> list[str]:
    notes = describe_throttling(trace, t) or [t["not_throttled"]]
    if not trace.temperature:
        notes.append(t["no_temperature"])
    if not trace.cores:
        notes.append(t["no_frequency"])
    return notes
