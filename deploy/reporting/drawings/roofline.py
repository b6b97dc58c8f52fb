"""A roofline: what a device can make of layers, by what they compute for each byte they move."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ppghost.deploy.reporting.drawings import canvas
from ppghost.i18n import say

_HEIGHT_IN = 3.6
#: area of a layer's mark: at least this, and of the layer with the most FLOPs
_LEAST_AREA, _MOST_AREA = 8, 260


@dataclass(frozen=True)
class Dot:
    """A layer.

    Attributes:
        kind: what it is, by which it is coloured.
        intensity: FLOPs for each byte.
        share: of the network's least time.
    """

    kind: str
    intensity: float
    share: float


def draw_roofline(dots: Sequence[Dot], kinds: Sequence[str], gflops: float, gb_per_s: float) -> str:
    """Draw layers under the roof of a device.

    Args:
        dots: layers that compute something.
        kinds: all kinds, in the order of their colours.
        gflops, gb_per_s: the device's limits.

    Returns:
        An SVG document.
    """
    looks = {kind: canvas.LOOKS[place % len(canvas.LOOKS)] for place, kind in enumerate(kinds)}
    with canvas.settings():
        figure = canvas.new_figure(_HEIGHT_IN)
        axes = figure.subplots()
        axes.set_facecolor("none")
        axes.set_xscale("log")
        axes.set_yscale("log")
        _roof(axes, dots, gflops, gb_per_s)
        _dots(axes, dots, looks, gflops, gb_per_s)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")  # plain text, no formula
        axes.set_xlabel("FLOP/byte")
        axes.set_ylabel(say("GFLOP/s at best"))
        return canvas.to_svg(figure)


def _attainable(intensity: float, gflops: float, gb_per_s: float) -> float:
    return min(gflops, intensity * gb_per_s)


def _roof(axes: Any, dots: Sequence[Dot], gflops: float, gb_per_s: float) -> None:
    ridge = gflops / gb_per_s
    low = min([dot.intensity for dot in dots] + [ridge]) / 2
    high = max([dot.intensity for dot in dots] + [ridge]) * 3
    axes.plot([low, ridge, high], [low * gb_per_s, gflops, gflops], color=canvas.INK, alpha=0.55,
              linewidth=1.4, zorder=1)  # fmt: skip
    axes.axvline(ridge, color=canvas.INK, alpha=0.35, linewidth=0.8, linestyle=":")
    axes.text(ridge, low * gb_per_s, say(" ridge {ridge:.3g}", ridge=ridge), fontsize=7.5)
    axes.text(high, gflops * 1.25, f"{gflops:.3g} GFLOP/s", ha="right", fontsize=7.5)
    middle = math.sqrt(low * ridge)
    axes.annotate(f"{gb_per_s:.3g} GB/s", (middle, middle * gb_per_s), (9, -9),
                  textcoords="offset points", fontsize=7.5)  # fmt: skip
    axes.set_xlim(low, high)
    axes.set_ylim(low * gb_per_s * 0.8, gflops * 2.5)


def _dots(
    axes: Any,
    dots: Sequence[Dot],
    looks: Mapping[str, tuple[str, str]],
    gflops: float,
    gb_per_s: float,
) -> None:
    most = max((dot.share for dot in dots), default=1) or 1
    for kind, (color, marker) in looks.items():
        own = [dot for dot in dots if dot.kind == kind]
        if not own:
            continue
        axes.scatter(
            [dot.intensity for dot in own],
            [_attainable(dot.intensity, gflops, gb_per_s) for dot in own],
            [_LEAST_AREA + (_MOST_AREA - _LEAST_AREA) * dot.share / most for dot in own],
            color=color, marker=marker, alpha=0.55, linewidth=0, label=kind, zorder=2,
        )  # fmt: skip
    legend = axes.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.2)
    for handle in legend.legend_handles:
        handle.set_sizes([26])
