"""Accuracy against latency, with the Pareto front: one set of axes per device and thread count."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ppghost.deploy.reporting.drawings import canvas
from ppghost.deploy.reporting.drawings.labels import Line, label_points
from ppghost.deploy.reporting.drawings.pareto import Front, Point, pareto_front

_HEIGHT_IN = 4.0
_FRONT = {
    "color": canvas.INK, "alpha": 0.28, "linewidth": 5, "zorder": 1, "solid_capstyle": "round",
}  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """One set of axes; `nothing` stands in it where there is no point."""

    title: str
    points: Sequence[Point]
    latency_label: str
    accuracy_label: str
    nothing: str = ""
    front: Front = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "front", pareto_front(self.points))


def draw_curve(panels: Sequence[Panel], families: Sequence[str], front_label: str) -> str:
    """An SVG document with one panel under the other.

    A family has the looks of its place in `families`, so that it has the same in every drawing.
    """
    looks = {name: canvas.LOOKS[index % len(canvas.LOOKS)] for index, name in enumerate(families)}
    with canvas.settings():
        figure = canvas.new_figure(_HEIGHT_IN * len(panels))
        grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, panel in zip(grid, panels, strict=True):
            draw_panel(axes, panel, looks, front_label)
        # the layout moves the axes: labels are placed once they stand still
        figure.canvas.draw()
        for axes, panel in zip(grid, panels, strict=True):
            label_points(axes, panel.points, _lines(panel))
        return canvas.to_svg(figure)


def draw_panel(axes: Any, panel: Panel, looks: dict[str, tuple], front_label: str) -> None:
    """Everything but the names of the points."""
    axes.set_facecolor("none")
    axes.set_title(panel.title, fontsize=9, loc="left")
    axes.set_xlabel(panel.latency_label)
    axes.set_ylabel(panel.accuracy_label)
    if not panel.points:
        axes.text(0.5, 0.5, panel.nothing, ha="center", va="center", transform=axes.transAxes)
        return
    latency, accuracy = _coordinates(panel.front.best)
    axes.plot(latency, accuracy, **_FRONT)
    for family, points in _by_family(panel.points).items():
        color, marker = looks[family]
        latency, accuracy = _coordinates(points)
        edges = [one.interval_ms or (one.latency_ms, one.latency_ms) for one in points]
        bars = [
            [max(0.0, one.latency_ms - low) for one, (low, _) in zip(points, edges, strict=True)],
            [max(0.0, high - one.latency_ms) for one, (_, high) in zip(points, edges, strict=True)],
        ]
        axes.errorbar(latency, accuracy, xerr=bars, color=color, marker=marker, markersize=5,
                      linewidth=1.4, elinewidth=1, capsize=2.5)  # fmt: skip
    axes.margins(x=0.16, y=0.14)
    axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))
    _legend(axes, front_label)


def _legend(axes: Any, front_label: str) -> None:
    """What the thick line is. To the right edge, as Chinese is wider than it is measured here."""
    axes.plot([0.93, 0.99], [0.045, 0.045], transform=axes.transAxes, **_FRONT)
    axes.text(0.915, 0.045, front_label, fontsize=7.5, ha="right", va="center",
              transform=axes.transAxes)  # fmt: skip


def _by_family(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Points of each family from fast to slow, the families by name."""
    families: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda one: (one.family, one.latency_ms, one.top1)):
        families.setdefault(point.family, []).append(point)
    return families


def _coordinates(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [one.latency_ms for one in points], [100 * one.top1 for one in points]


def _lines(panel: Panel) -> list[Line]:
    """What is drawn between points, for names to keep off."""
    lines = [*_by_family(panel.points).values(), panel.front.best]
    return [list(zip(*_coordinates(points), strict=True)) for points in lines]
