"""What happened round by round."""

from collections.abc import Iterator

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.drawings.panels import format_title
from ppghost.deploy.reporting.drawings.trace_plot import draw_traces
from ppghost.deploy.reporting.drawings.traces import Trace, format_throttling, gather_trace
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block, Figure, Figures, Image, Paragraph
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """The traces, or that the results hold none."""
    traces = _traces(data, t)
    if not traces:
        yield Paragraph(t["no_rounds"], soft=False)
        return
    drawn = [draw_traces([trace], t) for trace in traces]
    yield Figures(
        [
            Figure(
                svg, t["alt"], title=format_title(trace.title, t),
                caption=t["space"].join(_notes(trace, t)),
            )
            for trace, svg in zip(traces, drawn, strict=True)
        ],
        [Image("traces.svg", t["alt"])],
        above=(t["rule"],),
        files={"traces.svg": drawn[0] if len(drawn) == 1 else draw_traces(traces, t)},
    )  # fmt: skip


def _traces(data: ReportData, t: Messages) -> list[Trace]:
    return [
        trace
        for group in data.groups
        for threads in group.threads
        if (trace := gather_trace(group.format_panel_title(threads, t), group.at(threads), t))
    ]


def _notes(trace: Trace, t: Messages) -> list[str]:
    notes = format_throttling(trace, t) or [t["not_throttled"]]
    if not trace.temperature:
        notes.append(t["no_temperature"])
    if not trace.cores:
        notes.append(t["no_frequency"])
    return notes


SECTION = Section(
    tr("Round by round"),
    build,
    {
        "alt": tr("Round by round: latency, temperature and core frequency"),
        "rule": tr(
            "Each round's median latency divided by the model's own median, the "
            "highest temperature read around the round, and the highest frequency read "
            "of each core (dashed: its cap)."
        ),
        "not_throttled": tr("No round was marked as throttled."),
        "no_temperature": tr("This device tells no temperature."),
        "no_frequency": tr("This device tells no core frequency."),
        "no_rounds": tr("The results hold no record of single rounds."),
    },
)
