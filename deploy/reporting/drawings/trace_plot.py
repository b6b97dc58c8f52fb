"""Traces as drawings: latency, temperature and frequency over the rounds, throttling shaded."""

from collections.abc import Sequence
from typing import Any

from ppghost.deploy.reporting.drawings import canvas
from ppghost.deploy.reporting.drawings.traces import Series, Trace
from ppghost.deploy.reporting.messages import Messages

_LATENCY_IN, _SENSOR_IN, _LEGEND_ROW_IN = 2.0, 1.0, 0.17
_HEAD_IN = 0.65
_SHADE = "#d98a2b"


def draw_traces(traces: Sequence[Trace], t: Messages) -> str:
    """Draw traces, one under the other.

    Returns:
        An SVG document.
    """
    heights = [_heights(trace) for trace in traces]
    with canvas.settings():
        figure = canvas.new_figure(sum(map(sum, heights)) + _HEAD_IN * len(traces))
        grid = figure.subplots(
            sum(map(len, heights)),
            1,
            squeeze=False,
            height_ratios=[height for rows in heights for height in rows],
        )[:, 0]
        rest = iter(grid)
        for trace, rows in zip(traces, heights, strict=True):
            _draw(trace, [next(rest) for _ in rows], t)
        return canvas.to_svg(figure)


def _heights(trace: Trace) -> list[float]:
    """Of the rows of a trace: latency, temperature, frequency, legend."""
    sensors = [_SENSOR_IN for known in (trace.temperature, trace.cores) if known]
    legend_rows = (len(trace.latency) + bool(trace.throttled) + 1) // 2
    return [_LATENCY_IN, *sensors, _LEGEND_ROW_IN * legend_rows]


def _draw(trace: Trace, grid: Sequence[Any], t: Messages) -> None:
    *plots, legend = grid
    rest = iter(plots)
    _latency(next(rest), trace, t)
    if trace.temperature:
        axes = next(rest)
        _plot(axes, trace.temperature, canvas.LOOKS[0])
        axes.set_ylabel(t["temperature_axis"])
    if trace.cores:
        _frequencies(next(rest), trace, t)
    for axes in plots:
        axes.set_facecolor("none")
        axes.set_xlim(0.5, trace.rounds + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        for first, last, _ in trace.throttled:
            axes.axvspan(first - 0.5, last + 0.5, color=_SHADE, alpha=0.25, linewidth=0, zorder=0)
    plots[-1].set_xlabel(t["round"])
    _legend(legend, plots[0], trace, t)


def _latency(axes: Any, trace: Trace, t: Messages) -> None:
    axes.set_title(trace.title, fontsize=9, loc="left")
    axes.set_ylabel(t["relative_axis"])
    for index, (_, series) in enumerate(trace.latency):
        _plot(axes, series, canvas.LOOKS[index % len(canvas.LOOKS)])


def _frequencies(axes: Any, trace: Trace, t: Messages) -> None:
    axes.set_ylabel(t["frequency_axis"])
    for index, cores in enumerate(trace.cores):
        color, marker = canvas.LOOKS[(index + 1) % len(canvas.LOOKS)]
        _plot(axes, cores.frequency, (color, marker), label=cores.label)
        if cores.cap:
            axes.plot(*zip(*cores.cap, strict=True), color=color, linewidth=1, linestyle="--")
    top = max(value for cores in trace.cores for _, value in (*cores.frequency, *cores.cap))
    axes.set_ylim(0, 1.5 * top)
    axes.legend(loc="upper left", ncols=3, borderaxespad=0.1, handlelength=1.4)


def _plot(axes: Any, series: Series, look: tuple[str, str], label: str | None = None) -> None:
    color, marker = look
    axes.plot(*zip(*series, strict=True), color=color, marker=marker, markersize=2.6,
              linewidth=1.1, label=label)  # fmt: skip


def _legend(axes: Any, plot: Any, trace: Trace, t: Messages) -> None:
    from matplotlib.patches import Patch

    axes.set_axis_off()
    lines = plot.get_lines()[: len(trace.latency)]
    handles = list(lines)
    names = [model for model, _ in trace.latency]
    if trace.throttled:
        handles.append(Patch(color=_SHADE, alpha=0.25, linewidth=0))
        names.append(t["throttled"])
    axes.legend(handles, names, loc="center", ncols=2, handlelength=1.6, borderaxespad=0)
