"""Names beside the points of a drawing, each where it covers least of what is there."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ppghost.deploy.reporting.drawings.canvas import INK
from ppghost.deploy.reporting.drawings.pareto import Point

if TYPE_CHECKING:
    import numpy as np

#: corners of a drawn line: latency in ms, accuracy in percent
Line = list[tuple[float, float]]
#: left, bottom, right and top in pixels
Box = tuple[float, float, float, float]
#: square pixels that a name may cover to be one pixel nearer to its point
_FAR = 0.5
#: a name within so many pixels of a point reads as that point's
_NEAR = 16


def label_points(axes: Any, points: Sequence[Point], lines: Sequence[Line]) -> None:
    """Name every point.

    Args:
        axes: drawn ones, whose layout no longer changes.
        points: what is named, by model.
        lines: what is drawn between the points, for names to keep off.
    """
    import numpy as np

    renderer = axes.figure.canvas.get_renderer()
    inside = np.array(axes.get_window_extent(renderer).extents)
    written = [text.get_window_extent(renderer).extents for text in axes.texts]
    taken = np.array([*_drawn_boxes(axes, points, lines), *written])
    for point in sorted(points, key=lambda point: (-point.top1, point.latency_ms)):
        x, y = axes.transData.transform((point.latency_ms, 100 * point.top1))
        label = axes.text(0, 0, point.model, fontsize=7.5, transform=None, va="center")
        size = label.get_window_extent(renderer)
        places = _places(x, _interval(axes, point), size.width)
        boxes = np.array(
            [(left, y + up - size.height / 2, left + size.width, y + up + size.height / 2)
             for left, up in places]
        )  # fmt: skip
        outside = size.width * size.height - overlap(boxes, inside[None])[:, 0]
        far = np.abs([up for _, up in places])
        others = [other for other in points if other is not point]
        astray = overlap(boxes, _surroundings(axes, others)).sum(axis=1)
        costs = overlap(boxes, taken).sum(axis=1) + 2 * outside + astray + _FAR * far
        best = int(costs.argmin())
        label.set_position((boxes[best][0], y + places[best][1]))
        taken = np.vstack([taken, boxes[best]])
        if places[best][1]:
            _tie(axes, boxes[best], x, y)


def _places(x: float, bar: Sequence[float], width: float) -> list[tuple[float, int]]:
    """Where a name may begin, and how far above its point it is: the sides of its bar first."""
    low, high = bar
    lefts = (x - width / 2, x + 5, x - 5 - width, x + 25, x - 25 - width)
    ups = (11, -11, 22, -22, 33, -33, 44, -44)
    return [(high + 5, 0), (low - 5 - width, 0), *((left, up) for left in lefts for up in ups)]


def _surroundings(axes: Any, points: Sequence[Point]) -> "np.ndarray":
    """Where a name would be taken for that of one of `points`: boxes [N, 4]."""
    import numpy as np

    centres = [axes.transData.transform((point.latency_ms, 100 * point.top1)) for point in points]
    return np.array([(x - _NEAR, y - _NEAR, x + _NEAR, y + _NEAR) for x, y in centres]).reshape(
        -1, 4
    )


def _interval(axes: Any, point: Point) -> list[float]:
    """Both ends of a point's bar, in pixels; the point itself where there is none."""
    edges = point.interval_ms or (point.latency_ms, point.latency_ms)
    return [axes.transData.transform((edge, 0))[0] for edge in edges]


def _tie(axes: Any, label: "np.ndarray", x: float, y: float) -> None:
    """A thin line from a label that had to step aside to its point."""
    from matplotlib.lines import Line2D

    left, bottom, right, top = label
    end_x, end_y = min(max(x, left), right), bottom if bottom > y else top
    axes.add_artist(Line2D([x, end_x], [y, end_y], color=INK, alpha=0.6, linewidth=0.5,
                           transform=None, zorder=1))  # fmt: skip


def _drawn_boxes(axes: Any, points: Sequence[Point], lines: Sequence[Line]) -> list[Box]:
    """Boxes, in pixels, over every marker, interval bar and line."""
    import numpy as np

    boxes: list[Box] = []
    for point in points:
        x, y = axes.transData.transform((point.latency_ms, 100 * point.top1))
        low, high = _interval(axes, point)
        boxes += [(x - 4, y - 4, x + 4, y + 4), (low, y - 3, high, y + 3)]
    for line in lines:
        for start, end in pairwise(axes.transData.transform(line)):
            steps = np.linspace(start, end, 60)
            boxes += [(x - 2, y - 2, x + 2, y + 2) for x, y in steps]
    return boxes


def overlap(boxes: "np.ndarray", others: "np.ndarray") -> "np.ndarray":
    """Areas that boxes have in common.

    Args:
        boxes: [N, 4], each left, bottom, right, top.
        others: [M, 4].

    Returns:
        [N, M].
    """
    import numpy as np

    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.prod(np.clip(high - low, 0, None), axis=2)
