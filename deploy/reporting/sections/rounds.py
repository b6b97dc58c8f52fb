"""What happened round by round."""

from collections.abc import Iterator

from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.drawings.panels import format_title
from ppghost.deploy.reporting.drawings.trace_plot import draw_traces
from ppghost.deploy.reporting.drawings.traces import Trace, format_throttling, gather_trace
from ppghost.deploy.reporting.messages import Messages, Words
from ppghost.deploy.reporting.pages.blocks import Block, Figure, Figures, Image, Paragraph
from ppghost.deploy.reporting.sections.section import Section


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
    Words("Round by round", "逐轮记录"),
    build,
    {
        "alt": Words(
            "Round by round: latency, temperature and core frequency",
            "逐轮记录：延迟、温度与 CPU 频率",
        ),
        "rule": Words(
            "Each round's median latency divided by the model's own median, the highest "
            "temperature read around the round, and the highest frequency read of each core "
            "(dashed: its cap).",
            "每轮的中位延迟除以该模型自身的中位数；该轮前后读到的最高温度；"
            "各 CPU 核读到的最高频率（虚线为频率上限）。",
        ),
        "not_throttled": Words("No round was marked as throttled.", "没有被标记为降频的轮次。"),
        "no_temperature": Words("This device tells no temperature.", "该设备不提供温度读数。"),
        "no_frequency": Words(
            "This device tells no core frequency.", "该设备不提供 CPU 频率读数。"
        ),
        "no_rounds": Words(
            "The results hold no record of single rounds.", "结果文件中没有逐轮记录。"
        ),
    },
)
