"""What layers take, as bars: their shares of the time, of the MACs and of the memory access."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ppghost.deploy.latency.stats import Interval
from ppghost.deploy.reporting.drawings import canvas

_ROW_IN, _HEAD_IN = 0.27, 0.75
_TIME, _SLOW, _MACS, _BYTES = (canvas.LOOKS[number][0] for number in (1, 0, 5, 2))
#: where a row's bar and name stand, from its top
_BAR, _NAME, _THICKNESS = 0.68, 0.22, 0.42


@dataclass(frozen=True)
class LayerBar:
    """A row, in percent of all layers.

    Attributes:
        name: over its bars.
        time: of the latency, with its interval.
        macs, memory: None where they are not known.
        slow: whether it is marked.
    """

    name: str
    time: float
    interval: Interval | None
    macs: float | None
    memory: float
    slow: bool


def draw_layer_bars(rows: Sequence[LayerBar], labels: Sequence[str]) -> str:
    """Draw rows one under the other, in three columns.

    Args:
        rows: at least one.
        labels: of the columns: time, MACs, memory access.

    Returns:
        An SVG document.
    """
    columns: list[tuple[list[float | None], list[str]]] = [
        ([row.time for row in rows], [_SLOW if row.slow else _TIME for row in rows]),
        ([row.macs for row in rows], [_MACS] * len(rows)),
        ([row.memory for row in rows], [_BYTES] * len(rows)),
    ]
    with canvas.settings():
        figure = canvas.new_figure(_ROW_IN * len(rows) + _HEAD_IN)
        axes = figure.subplots(1, 3, sharey=True, squeeze=False)[0]
        # one scale: what takes more of the time than of the rest is seen at once
        most = max(value or 0.0 for values, _ in columns for value in values)
        for each, (values, colors), label in zip(axes, columns, labels, strict=True):
            _bars(each, values, colors)
            each.set_xlim(0, 1.08 * most or 1.0)
            each.set_title(label, fontsize=8.5, loc="left")
        _names(axes[0], rows)
        _intervals(axes[0], rows)
        return canvas.to_svg(figure)


def _bars(axes: Any, values: Sequence[float | None], colors: Sequence[str]) -> None:
    places = [number + _BAR for number in range(len(values))]
    widths = [max(value or 0.0, 0.0) for value in values]
    axes.barh(places, widths, _THICKNESS, color=colors)
    axes.set_facecolor("none")
    axes.set_ylim(len(values), 0)
    axes.set_yticks([])
    axes.grid(axis="y", visible=False)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _names(axes: Any, rows: Sequence[LayerBar]) -> None:
    for number, row in enumerate(rows):
        # over all columns: names are long
        axes.text(0, number + _NAME, row.name, fontsize=7.5, va="center", clip_on=False,
                  in_layout=False)  # fmt: skip


def _intervals(axes: Any, rows: Sequence[LayerBar]) -> None:
    for number, row in enumerate(rows):
        if row.interval:
            axes.plot(row.interval, [number + _BAR] * 2, color=canvas.INK, linewidth=1)
