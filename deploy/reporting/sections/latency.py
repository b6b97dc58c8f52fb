"""Every result of every device."""

from collections.abc import Iterator

from ppghost.deploy.latency.results import Result
from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.groups import Group
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block, Paragraph, Subheading, Table
from ppghost.deploy.reporting.sections.cells import (
    format_estimate,
    format_interval,
    format_latency,
)
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """A table for each device, with what is known of it."""
    yield Paragraph(t["ratio_rule"])
    for group in data.groups:
        yield Subheading(group.format_title(t))
        if facts := group.format_facts(t):
            yield Paragraph(facts)
        if group.is_phone is False:
            yield Paragraph(t["no_phone_rule"].format(device=group.format_device(t, "in_sentence")))
        if any(row.samples_are != "inference" for row in group.rows):
            yield Paragraph(t["mean_rule"])
        yield _table(group, t)


def _table(group: Group, t: Messages) -> Table:
    """A line a result: the figures, or that there are none."""
    reference = group.reference
    ratio = t["ratio"].format(reference=reference) if reference else t["ratio_any"]
    headers = [
        t["model"], t["threads"], t["median_ms"], t["interval_ms"], ratio, t["mad_ms"], t["p90_ms"],
        t["samples"], t["precision"], t["status"],
    ]  # fmt: skip
    return Table(headers, [_cells(row, t) for row in group.rows], frozenset({8, 9}))


def _cells(row: Result, t: Messages) -> list[str]:
    stats = row.stats
    status = t[f"status_{row.status}"]
    if row.status == "ok" and (row.warning or row.notes):
        status = t["see_warning"]
    return [
        row.model,
        str(row.threads),
        format_latency(stats.median if stats else None),
        format_interval(stats.ci95 if stats else None, t),
        format_estimate(row.ratio, t),
        format_latency(stats.mad if stats else None),
        format_latency(stats.p90 if stats else None),
        str(stats.n if stats else 0),
        row.precision,
        status,
    ]


SECTION = Section(
    tr("Latency"),
    build,
    {
        "ratio_rule": tr(
            "Ratio: to the reference model timed in the same rounds, median of the "
            "rounds' ratios with its 95 % interval. What slows a whole round down "
            "cancels out."
        ),
        "no_phone_rule": tr(
            "Measured on {device}; a phone gives other figures and may give another order."
        ),
        "mean_rule": tr(
            "A sample is the mean of one run of benchmark_bin, which tells no single "
            "inference; so there are no percentiles."
        ),
        "threads": tr("Threads"),
        "median_ms": tr("Median ms"),
        "interval_ms": tr("95 % interval ms"),
        "ratio": tr("Ratio to {reference}"),
        "ratio_any": tr("Ratio to the reference"),
        "mad_ms": tr("MAD ms"),
        "p90_ms": tr("p90 ms"),
        "samples": tr("n"),
        "status": tr("Status"),
        "status_ok": tr("ok"),
        "status_failed": tr("failed"),
        "status_skipped": tr("not finished"),
        "see_warning": tr("warning"),
    },
)
