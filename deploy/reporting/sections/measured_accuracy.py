"""Measured latency against accuracy that was measured here too."""

from collections.abc import Iterator

from ppghost.deploy.latency.results import Result
from ppghost.deploy.latency.stats import Estimate
from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.drawings.panels import draw_accuracies, format_front
from ppghost.deploy.reporting.groups import Group
from ppghost.deploy.reporting.measured_accuracy import METRICS, common_metric
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import (
    Block,
    Figure,
    Figures,
    Image,
    Paragraph,
    Subheading,
    Table,
)
from ppghost.deploy.reporting.sections.cells import (
    NOTHING,
    format_estimate,
    format_latency,
    format_millions,
)
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr

_FILE = "measured_accuracy.svg"


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """A table for each device, fastest first, and curves of a metric that all models have."""
    if not data.accuracies:
        return
    yield Paragraph(t["rule"])
    for group in data.groups:
        yield Subheading(group.format_title(t))
        if image := sorted({row.image for row in group.rows if row.image}):
            yield Paragraph(t["on_image"].format(image=t["list_comma"].join(image)))
        yield _table(data, group, t)
    metric = common_metric(data.accuracies)
    if metric is None:
        return
    values = {model: found[metric] for model, found in data.accuracies.items()}
    label = t["accuracy_label"].format(metric=METRICS[metric])
    curves = draw_accuracies(data.groups, values, label, t)
    yield Figures(
        [
            Figure(svg, t["alt"], label=t["front"], caption=format_front(panel, t))
            for _, panel, svg in curves.panels
        ],
        [Image(_FILE, t["alt"])],
        files={_FILE: curves.together},
    )


def _table(data: ReportData, group: Group, t: Messages) -> Table:
    metrics = [key for key in METRICS if any(key in found for found in data.accuracies.values())]
    reference = group.reference
    headers = [
        t["model"], t["threads"], t["precision"], *(METRICS[key] for key in metrics),
        t["median_ms"], t["per_second"],
        t["times"].format(reference=reference) if reference else t["times_any"],
        t["size_mb"], t["params_m"], t["macs_m"],
    ]  # fmt: skip
    rows = [_cells(row, data.accuracies.get(row.model, {}), metrics, t) for row in group.rows]
    return Table(headers, rows, frozenset({2}))


def _cells(row: Result, found: dict[str, float], metrics: list[str], t: Messages) -> list[str]:
    median = row.stats.median if row.stats else None
    return [
        row.model,
        str(row.threads),
        row.precision,
        *(f"{found[key]:.3f}" if key in found else NOTHING for key in metrics),
        format_latency(median),
        f"{1e3 / median:.1f}" if median else NOTHING,
        format_estimate(_inverse(row.ratio), t),
        format_millions(row.nb_bytes),
        format_millions(row.params),
        format_millions(row.macs),
    ]


def _inverse(ratio: Estimate | None) -> Estimate | None:
    """How many times as fast as the reference, of a ratio of latencies."""
    if ratio is None:
        return None
    ends = (1 / ratio.ci95[1], 1 / ratio.ci95[0]) if ratio.ci95 else None
    return Estimate(1 / ratio.median, ends)


SECTION = Section(
    tr("Accuracy measured here against latency"),
    build,
    {
        "rule": tr(
            "Accuracy is of ppghost eval on the weights that were exported (of int8 "
            "models, of ppghost quantize in Paddle's simulation), as the command line "
            "of this report says; each metric under its own name, for VOC's and COCO's "
            "AP are not the same."
        ),
        "on_image": tr("Timed on {image}."),
        "accuracy_label": tr("{metric} (%), measured here"),
        "alt": tr("measured latency against measured accuracy"),
        "threads": tr("Threads"),
        "median_ms": tr("Median ms"),
        "per_second": tr("Images/s"),
        "times": tr("Times as fast as {reference}"),
        "times_any": tr("Times as fast as the reference"),
        "size_mb": tr(".nb file MB"),
        "macs_m": tr("MACs M"),
    },
)
