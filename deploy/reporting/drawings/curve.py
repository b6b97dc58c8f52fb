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
    """One set of axes.

    Attributes:
        nothing: what stands in it where there is no point.
        front: the Pareto front of the points.
    """

    title: str
    points: Sequence[Point]
    latency_label: str
    accuracy_label: str
    nothing: str = ""
    front: Front = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "front", pareto_front(self.points))


def draw_curve(panels: Sequence[Panel], families: Sequence[str], front_label: str) -> str:
    """Draw panels, one under the other.

    Args:
        panels: at least one.
        families: every family of models. One has the looks of its place here, so that it has the
            same in every drawing.
        front_label: what the thick line is called.

    Returns:
        An SVG document.
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


def draw_panel(
    axes: Any, panel: Panel, looks: dict[str, tuple[str, str]], front_label: str
) -> None:
    """Draw everything but the names of the points.

    Args:
        axes: matplotlib's.
        panel: what is drawn.
        looks: color and marker by family.
        front_label: what the thick line is called.
    """
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
        axes.errorbar(latency, accuracy, xerr=_bars(points), color=color, marker=marker,
                      markersize=5, linewidth=1.4, elinewidth=1, capsize=2.5)  # fmt: skip
    axes.margins(x=0.16, y=0.14)
    axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))
    _legend(axes, front_label)


def _bars(points: Sequence[Point]) -> list[list[float]]:
    """How far intervals reach to the left of the points, and to the right."""
    left, right = [], []
    for point in points:
        low, high = point.interval_ms or (point.latency_ms, point.latency_ms)
        left.append(max(0.0, point.latency_ms - low))
        right.append(max(0.0, high - point.latency_ms))
    return [left, right]


def _legend(axes: Any, front_label: str) -> None:
    """What the thick line is. To the right edge, as Chinese is wider than it is measured here."""
    axes.plot([0.93, 0.99], [0.045, 0.045], transform=axes.transAxes, **_FRONT)
    axes.text(0.915, 0.045, front_label, fontsize=7.5, ha="right", va="center",
              transform=axes.transAxes)  # fmt: skip


def _by_family(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Points of each family from fast to slow, the families by name."""
    families: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: (point.family, point.latency_ms, point.top1)):
        families.setdefault(point.family, []).append(point)
    return families


def _coordinates(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [point.latency_ms for point in points], [100 * point.top1 for point in points]


def _lines(panel: Panel) -> list[Line]:
    """What is drawn between points, for names to keep off."""
    lines = [*_by_family(panel.points).values(), panel.front.best]
    return [list(zip(*_coordinates(points), strict=True)) for points in lines]
