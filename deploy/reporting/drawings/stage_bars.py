"""Figures of networks by stage, as bars: one set of axes for each figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ppghost.deploy.reporting.drawings import canvas

_ROW_IN, _BAR_IN, _HEAD_IN = 0.2, 0.13, 0.55


@dataclass(frozen=True)
class BarPanel:
    """One set of axes.

    Attributes:
        title: what is counted, with its unit.
        values: by network and stage; 0 where a network has no such stage.
    """

    title: str
    values: Sequence[Sequence[float]]


def draw_stage_bars(
    panels: Sequence[BarPanel], networks: Sequence[str], stages: Sequence[str]
) -> str:
    """Draw panels, one under the other; a bar of each network for each stage.

    Returns:
        An SVG document.
    """
    height = _HEAD_IN + len(stages) * (_ROW_IN + _BAR_IN * (len(networks) - 1))
    legend = 0.2 * len(networks) if len(networks) > 1 else 0
    with canvas.settings():
        figure = canvas.new_figure(height * len(panels) + legend)
        grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, panel in zip(grid, panels, strict=True):
            _draw(axes, panel, networks, stages)
        if len(networks) > 1:
            handles = grid[0].containers
            figure.legend(handles, networks, loc="outside upper left", ncols=1)
        return canvas.to_svg(figure)


def _draw(axes: Any, panel: BarPanel, networks: Sequence[str], stages: Sequence[str]) -> None:
    axes.set_facecolor("none")
    axes.set_title(panel.title, fontsize=9, loc="left")
    axes.grid(visible=False, axis="y")
    thickness = 0.75 / len(networks)
    widest = max((max(values, default=0) for values in panel.values), default=0) or 1
    for number, values in enumerate(panel.values):
        offset = (number - (len(networks) - 1) / 2) * thickness
        color, _ = canvas.LOOKS[(number + 1) % len(canvas.LOOKS)]
        places = [place + offset for place in range(len(stages))]
        bars = axes.barh(places, values, thickness * 0.9, color=color, linewidth=0)
        axes.bar_label(bars, [f"{value:.3g}" if value else "" for value in values], padding=2,
                       fontsize=7)  # fmt: skip
    axes.set_yticks(range(len(stages)), stages)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.14 * widest)
