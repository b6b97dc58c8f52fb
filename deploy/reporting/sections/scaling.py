"""How much faster models are with more threads."""

from collections.abc import Iterator

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.groups import Group, speedups
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block, Paragraph, Subheading, Table
from ppghost.deploy.reporting.sections.cells import format_estimate, format_latency
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """A table for each device, or that there is nothing to compare."""
    yield Paragraph(t["rule"])
    for group in data.groups:
        yield Subheading(group.format_title(t))
        yield _table(group, t) or Paragraph(t["no_scaling"], soft=False)


def _table(group: Group, t: Messages) -> Table | None:
    """Speed-ups over 1 thread; None where no model was timed with 1 thread and more."""
    scaled = speedups(group)
    if not scaled:
        return None
    counts = group.threads[1:]
    headers = [t["model"], t["precision"], t["threads_ms"].format(threads=t.format_threads(1))]
    rows = [
        [
            scaling.single.model,
            scaling.single.precision,
            format_latency(scaling.single.stats.median if scaling.single.stats else None),
            *(format_estimate(scaling.more[count], t, t["times"]) for count in counts),
        ]
        for scaling in scaled
    ]
    return Table([*headers, *map(t.format_threads, counts)], rows, frozenset({1}))


SECTION = Section(
    tr("Thread scaling"),
    build,
    {
        "rule": tr(
            "How many times as fast as with 1 thread, with a 95 % interval by ranks of "
            "the rounds (Hodges-Lehmann); thread counts are measured one after the "
            "other, so rounds are not paired."
        ),
        "no_scaling": tr("Not measured with 1 thread and with more."),
        "times": tr("{value} ×"),
    },
)
