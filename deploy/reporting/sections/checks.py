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
    headers = [
        t["model"], t["device"], t["converted"], t["compared"], t["difference"], t["relative"],
        t["correlation"], t["outcome"],
    ]  # fmt: skip
    rows = [
        (row.model, group.device["serial"], row.check or NOTHING, *_cells(row.output_check, t))
        for group in data.groups
        for row in group.rows
    ]
    yield Table(headers, list(dict.fromkeys(rows)), frozenset({1, 2, 3, 7}))


def _cells(check: Mapping[str, Any] | None, t: Messages) -> tuple[str, ...]:
    if not check:
        return t["not_compared"], NOTHING, NOTHING, NOTHING, NOTHING
    if check.get("ok") is None:
        reason = check.get("why")
        outcome = format_note(reason, t.lang) if reason else NOTHING
        return t["not_compared"], NOTHING, NOTHING, NOTHING, outcome
    where = {"device": t["on_device"], "x86": t["as_x86"]}
    # figures below float32's own noise say nothing more
    correlation = check.get("correlation")
    return (
        where.get(check.get("where", ""), t["at_conversion"]),
        _figure(check["max_abs_diff"]),
        _figure(check.get("relative")),
        NOTHING if correlation is None else f"{correlation:.6f}",
        _outcome(check, t),
    )


def _outcome(check: Mapping[str, Any], t: Messages) -> str:
    if not check["ok"]:
        return t["differs"]
    share, inside = check.get("equal"), check.get("inside", {})
    outcome = t["agrees"] if share is None else t["agrees_in"].format(share=f"{share:.1%}")
    if not inside.get("scores"):
        return outcome
    return outcome + t["inside"].format(relative=_figure(inside.get("relative")))


def _figure(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2g}"


SECTION = Section(
    Words("Output checks", "输出校验"),
    build,
    {
        "rule": Words(
            "Outputs compared with the right ones for the same seeded inputs (noise, and more), "
            "before anything was timed; the figures are the worst of them. The right ones are "
            "Paddle's own or, for a file of rounded weights on a phone, those of the same weights "
            "on x86.",
            "计时之前，以同一随机种子生成多种输入（噪声等），将输出与正确结果对比，下列数值取最差者。"
            "正确结果为 Paddle 自身的输出；权重量化的模型在手机上则与相同权重的 x86 模型对比。",
        ),
        "device": Words("Device", "设备"),
        "converted": Words("Checked at conversion", "转换时校验"),
        "compared": Words("Compared", "校验位置"),
        "difference": Words("Largest difference", "最大绝对误差"),
        "relative": Words("Of the output's range", "占输出范围"),
        "correlation": Words("Correlation", "相关系数"),
        "outcome": Words("Outcome", "结果"),
        "on_device": Words("on the device", "设备端"),
        "as_x86": Words("the same program and weights for x86", "相同程序与权重的 x86 模型"),
        "at_conversion": Words("on a host, when converted", "转换时（主机端）"),
        "not_compared": Words("not compared", "未校验"),
        "agrees": Words("agrees", "一致"),
        "agrees_in": Words(
            "agrees; {share} of whole numbers or boxes are the same",
            "一致；{share} 的整数或检测框相同",
        ),
        "inside": Words(
            "; the scores that they are decided by too (to {relative} of their range)",
            "；其所依据的内部分数亦一致（误差占其范围 {relative}）",
        ),
        "differs": Words("differs", "不一致"),
    },
)
