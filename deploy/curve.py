"""The accuracy-latency curve as an SVG that follows the reader's light or dark page."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

#: drawn in these colours, then handed to the page's style sheet
_INK, _PAGE = "#010203", "#040506"
_STYLE = (
    "<style>svg{color:#1b1f24}.page{fill:#fff}"
    "@media screen and (prefers-color-scheme:dark){svg{color:#e8eaed}.page{fill:#15181c}}</style>"
)
#: at least 3:1 against both pages; the markers tell families apart without colour
_LOOKS = (
    ("#d1495b", "o"),
    ("#2f80c2", "s"),
    ("#2a9161", "^"),
    ("#b0741a", "D"),
    ("#8a63c4", "v"),
    ("#5f7484", "P"),
    ("#b8528f", "X"),
    ("#4b8a8a", "<"),
    ("#8b7a2e", ">"),
)


@dataclass(frozen=True)
class Point:
    """A model on the curve: latency in ms with its interval, accuracy as a share."""

    model: str
    family: str
    latency_ms: float
    interval_ms: tuple[float, float]
    top1: float


@dataclass(frozen=True)
class Panel:
    """One set of axes: one device at one thread count."""

    title: str
    points: Sequence[Point]


def draw_curve(panels: Sequence[Panel], accuracy_label: str) -> str:
    """An SVG document with one panel under the other; the same input gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    looks = {}
    for family in sorted({point.family for panel in panels for point in panel.points}):
        looks[family] = _LOOKS[len(looks) % len(_LOOKS)]
    settings = {
        "svg.hashsalt": "ppghost",
        "svg.fonttype": "none",
        # a model's name is text, whatever dollar signs are in it
        "text.parse_math": False,
        "font.size": 8.5,
        "font.family": "sans-serif",
        "axes.edgecolor": _INK,
        "axes.labelcolor": _INK,
        "text.color": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
    }
    with mpl.rc_context(settings):
        # 72 dpi, as in SVG, so that labels measured here are as large as those drawn
        figure = Figure((5.6, 4.2 * len(panels)), 72, facecolor=_PAGE, layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, panel in zip(grid, panels, strict=True):
            _draw_panel(axes, panel, looks, accuracy_label)
        # the layout moves the axes: labels are placed once they stand still
        figure.canvas.draw()
        for axes, panel in zip(grid, panels, strict=True):
            _label_points(axes, panel)
        buffer = io.StringIO()
        figure.savefig(
            buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    return _follow_page(buffer.getvalue())


def _draw_panel(axes: Any, panel: Panel, looks: dict[str, tuple], accuracy_label: str) -> None:
    axes.set_facecolor("none")
    axes.set_title(panel.title, fontsize=9, loc="left")
    axes.set_xlabel("measured latency (ms), median and 95 % interval")
    axes.set_ylabel(accuracy_label)
    axes.grid(alpha=0.2, color=_INK, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if not panel.points:
        axes.text(0.5, 0.5, "no model here has a published accuracy", ha="center", va="center",
                  transform=axes.transAxes)  # fmt: skip
        return
    for family in sorted({point.family for point in panel.points}):
        color, marker = looks[family]
        points = sorted(
            (point for point in panel.points if point.family == family),
            key=lambda point: (point.latency_ms, point.top1),
        )
        latency = [point.latency_ms for point in points]
        bars = [
            [max(0.0, point.latency_ms - point.interval_ms[0]) for point in points],
            [max(0.0, point.interval_ms[1] - point.latency_ms) for point in points],
        ]
        axes.errorbar(latency, [100 * point.top1 for point in points], xerr=bars, color=color,
                      marker=marker, markersize=5, linewidth=1.4, elinewidth=1, capsize=2.5,
                      label=family)  # fmt: skip
    axes.margins(x=0.16, y=0.14)
    axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))


def _label_points(axes: Any, panel: Panel) -> None:
    """Name every point, each where its name covers least of the points, lines and names."""
    from matplotlib.transforms import Bbox

    renderer = axes.figure.canvas.get_renderer()
    inside = axes.get_window_extent(renderer)
    taken = _drawn_boxes(axes, panel)
    for point in sorted(panel.points, key=lambda point: (-point.top1, point.latency_ms)):
        x, y = axes.transData.transform((point.latency_ms, 100 * point.top1))
        low, high = (axes.transData.transform((edge, 0))[0] for edge in point.interval_ms)
        label = axes.text(0, 0, point.model, fontsize=7.5, transform=None, va="center")
        size = label.get_window_extent(renderer)
        width, height = size.width, size.height
        places = [(high + 5, 0), (low - 5 - width, 0)]
        for left in (x - width / 2, x + 5, x - 5 - width):
            places += [(left, up) for up in (11, -11, 22, -22, 33, -33)]
        boxes = [Bbox.from_bounds(left, y + up - height / 2, width, height) for left, up in places]
        costs = [
            sum(_overlap(box, other) for other in taken)
            + 2 * (width * height - _overlap(box, inside))
            for box in boxes
        ]
        best = boxes[costs.index(min(costs))]
        label.set_position((best.x0, (best.y0 + best.y1) / 2))
        taken.append(best)
        if best not in boxes[:2]:
            _tie(axes, best, x, y)


def _tie(axes: Any, label: Any, x: float, y: float) -> None:
    """A thin line from a label that had to step aside to its point."""
    from matplotlib.lines import Line2D

    end_x, end_y = min(max(x, label.x0), label.x1), label.y0 if label.y0 > y else label.y1
    axes.add_artist(Line2D([x, end_x], [y, end_y], color=_INK, alpha=0.6, linewidth=0.5,
                           transform=None, zorder=1))  # fmt: skip


def _drawn_boxes(axes: Any, panel: Panel) -> list[Any]:
    """Boxes, in pixels, over every marker, interval bar and family line of a panel."""
    import numpy as np
    from matplotlib.transforms import Bbox

    boxes = []
    lines: dict[str, list[Any]] = {}
    for point in sorted(panel.points, key=lambda point: (point.latency_ms, point.top1)):
        x, y = axes.transData.transform((point.latency_ms, 100 * point.top1))
        low, high = (axes.transData.transform((edge, 0))[0] for edge in point.interval_ms)
        boxes += [Bbox.from_bounds(x - 4, y - 4, 8, 8), Bbox.from_extents(low, y - 3, high, y + 3)]
        lines.setdefault(point.family, []).append((x, y))
    for line in lines.values():
        for start, end in pairwise(line):
            steps = np.linspace(start, end, 60)
            boxes += [Bbox.from_bounds(x - 2, y - 2, 4, 4) for x, y in steps]
    return boxes


def _overlap(one: Any, other: Any) -> float:
    """Common area of two boxes, in square pixels."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(0.0, width) * max(0.0, height)


def _follow_page(svg: str) -> str:
    """Hand ink and page colours over to a style sheet inside the SVG."""
    svg = svg.replace(f'style="fill: {_PAGE}"', 'class="page"').replace(_INK, "currentColor")
    head, _, body = svg.partition("<defs>")
    return f"{head}{_STYLE}\n <defs>{body}"
