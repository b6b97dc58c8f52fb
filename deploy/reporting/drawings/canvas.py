"""What all drawings share: a column of axes as an SVG that follows the reader's page and fonts."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

#: drawn in these colours, then handed to the page's style sheet
INK, PAGE = "#010203", "#040506"
_STYLE = (
    "<style>svg{color:#1b1f24}.page{fill:#fff}"
    "@media screen and (prefers-color-scheme:dark){svg{color:#e8eaed}.page{fill:#15181c}}</style>"
)
#: at least 3:1 against both pages; the markers tell them apart without colour
LOOKS = (
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
#: units: 72 to the inch, as in SVG, so that labels measured here are as large as those drawn. As
#: wide as a phone's screen, so that a phone need not make the letters smaller.
WIDTH_IN = 4.9
#: letters are placed by the widths of the first, which few have; what others have is narrower
_MEASURED_FONT = "DejaVu Sans"
_FONTS = (
    f"'{_MEASURED_FONT}', 'Noto Sans', 'PingFang SC', 'Hiragino Sans GB', 'Microsoft YaHei', "
    "'Noto Sans CJK SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', sans-serif"
)


@contextlib.contextmanager
def settings() -> Iterator[None]:
    """How matplotlib draws inside the block: text is text, the same input gives the same bytes."""
    import matplotlib as mpl

    drawing = {
        "svg.hashsalt": "ppghost",
        "svg.fonttype": "none",
        # a model's name is text, whatever dollar signs are in it
        "text.parse_math": False,
        "font.size": 8.5,
        "font.family": [_MEASURED_FONT],
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": INK,
        "grid.alpha": 0.2,
        "grid.linewidth": 0.5,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
        "legend.fontsize": 7.5,
    }
    with mpl.rc_context(drawing), warnings.catch_warnings():
        # Chinese letters are drawn by the reader's fonts; here they are only measured
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield


def new_figure(height_in: float) -> Any:
    """An empty figure of the common width, ready to be measured.

    Returns:
        matplotlib's Figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((WIDTH_IN, height_in), 72, facecolor=PAGE, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_svg(figure: Any) -> str:
    """Write a figure, its colours and fonts handed over to a style sheet.

    Args:
        figure: matplotlib's.

    Returns:
        An SVG document.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue().replace(f'style="fill: {PAGE}"', 'class="page"')
    svg = svg.replace(INK, "currentColor").replace(f"'{_MEASURED_FONT}'", _FONTS)
    head, _, body = svg.partition("<defs>")
    return f"{head}{_STYLE}\n <defs>{body}"


def inline(svg: str) -> str:
    """The element of an SVG document alone: HTML knows no XML prologue."""
    return svg[svg.index("<svg") :]
