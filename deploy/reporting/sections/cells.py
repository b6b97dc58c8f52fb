"""Figures as the text of a cell."""

from collections.abc import Iterable, Sequence

from ppghost.deploy.latency.results import Result
from ppghost.deploy.latency.stats import Estimate
from ppghost.deploy.latency.tables import format_ms
from ppghost.deploy.reporting.messages import Messages
from ppghost.formats.exported import RANDOM_WEIGHTS

#: where there is no figure
NOTHING = "-"


def format_latency(value: float | None) -> str:
    """Milliseconds."""
    return NOTHING if value is None else format_ms(value)


def format_millions(value: int | None) -> str:
    """'2.59' for 2588232."""
    return NOTHING if value is None else f"{value / 1e6:.2f}"


def format_interval(ci95: Sequence[float] | None, t: Messages) -> str:
    """An interval in milliseconds: '4.50 to 5.50'."""
    return _format_range(map(format_ms, ci95), t) if ci95 else NOTHING


def format_estimate(estimate: Estimate | None, t: Messages, form: str = "{value}") -> str:
    """A ratio with its interval: '2.000 (1.900 to 2.100)'.

    Args:
        estimate: the ratio.
        t: words.
        form: what the ratio is put into, as {value}.
    """
    if not estimate:
        return NOTHING
    value = form.format(value=f"{estimate.median:.3f}")
    if not estimate.ci95:
        return value
    interval = _format_range((f"{end:.3f}" for end in estimate.ci95), t)
    return t["with_interval"].format(value=value, interval=interval)


def format_shapes(row: Result) -> str:
    """'1x3x224x224', one for each input."""
    return " ".join("x".join(map(str, tensor["shape"])) for tensor in row.inputs)


def format_weights(row: Result, t: Messages) -> str:
    """Where the weights are from, as far as it is known."""
    if row.weights == RANDOM_WEIGHTS:
        return t["weights_random"]
    return row.weights or t["weights_unknown"]


def _format_range(ends: Iterable[str], t: Messages) -> str:
    low, high = ends
    return t["interval"].format(low=low, high=high)
