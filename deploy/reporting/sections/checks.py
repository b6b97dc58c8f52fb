"""What every file's outputs were compared with."""

from collections.abc import Iterator, Mapping
from typing import Any

from ppghost.deploy.devices.notes import format_note
from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.messages import Messages, Words
from ppghost.deploy.reporting.pages.blocks import Block, Paragraph, Table
from ppghost.deploy.reporting.sections.cells import NOTHING
from ppghost.deploy.reporting.sections.section import Section


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """A line a device, file and outcome."""
    yield Paragraph(t["rule"])
    headers = [t["model"], t["device"], t["compared"], t["difference"], t["outcome"]]
    rows = [
        (row.model, group.device["serial"], *_cells(row.output_check, t))
        for group in data.groups
        for row in group.rows
    ]
    yield Table(headers, list(dict.fromkeys(rows)), frozenset({1, 2, 4}))


def _cells(check: Mapping[str, Any] | None, t: Messages) -> tuple[str, str, str]:
    if not check:
        return t["not_compared"], NOTHING, NOTHING
    if check.get("ok") is None:
        reason = check.get("why")
        return t["not_compared"], NOTHING, format_note(reason, t.lang) if reason else NOTHING
    difference = check["max_abs_diff"]
    return (
        t["on_device"] if check.get("where") == "device" else t["at_conversion"],
        NOTHING if difference is None else f"{difference:.2g}",
        t["agrees"] if check["ok"] else t["differs"],
    )


SECTION = Section(
    Words("Output checks", "输出校验"),
    build,
    {
        "rule": Words(
            "Outputs compared with Paddle's own for the same seeded input, before anything was "
            "timed.",
            "计时之前，以同一随机种子生成输入，将输出与 Paddle 自身的输出对比。",
        ),
        "device": Words("Device", "设备"),
        "compared": Words("Compared", "校验位置"),
        "difference": Words("Largest difference", "最大绝对误差"),
        "outcome": Words("Outcome", "结果"),
        "on_device": Words("on the device", "设备端"),
        "at_conversion": Words("on a host, when converted", "转换时（主机端）"),
        "not_compared": Words("not compared", "未校验"),
        "agrees": Words("agrees", "一致"),
        "differs": Words("differs", "不一致"),
    },
)
