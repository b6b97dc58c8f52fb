"""Every result of every device."""

from collections.abc import Iterator

from ppghost.deploy.latency.results import Result
from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.groups import Group
from ppghost.deploy.reporting.messages import Messages, Words
from ppghost.deploy.reporting.pages.blocks import Block, Paragraph, Subheading, Table
from ppghost.deploy.reporting.sections.cells import (
    format_estimate,
    format_interval,
    format_latency,
)
from ppghost.deploy.reporting.sections.section import Section


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
    Words("Latency", "延迟"),
    build,
    {
        "ratio_rule": Words(
            "Ratio: to the reference model timed in the same rounds, median of the rounds' ratios "
            "with its 95 % interval. What slows a whole round down cancels out.",
            "比值：与同一轮内测得的参考模型成对相除，取各轮比值的中位数及其 95% 置信区间；"
            "整轮变慢的影响会相互抵消。",
        ),
        "no_phone_rule": Words(
            "Measured on {device}; a phone gives other figures and may give another order.",
            "在{device}上测得；手机上的数值不同，排序也可能不同。",
        ),
        "mean_rule": Words(
            "A sample is the mean of one run of benchmark_bin, which tells no single inference; so "
            "there are no percentiles.",
            "每个样本是 benchmark_bin 一次运行的均值，不含单次推理耗时，因此不给出分位数。",
        ),
        "threads": Words("Threads", "线程数"),
        "median_ms": Words("Median ms", "中位数 ms"),
        "interval_ms": Words("95 % interval ms", "95% 置信区间 ms"),
        "ratio": Words("Ratio to {reference}", "与 {reference} 之比"),
        "ratio_any": Words("Ratio to the reference", "与参考模型之比"),
        "mad_ms": Words("MAD ms", "MAD ms"),
        "p90_ms": Words("p90 ms", "p90 ms"),
        "samples": Words("n", "样本数"),
        "status": Words("Status", "状态"),
        "status_ok": Words("ok", "正常"),
        "status_failed": Words("failed", "失败"),
        "status_skipped": Words("not finished", "未完成"),
        "see_warning": Words("warning", "见警告"),
    },
)
