"""What every file's outputs were compared with."""

from collections.abc import Iterator, Mapping
from typing import Any

from ppghost.deploy.devices.notes import format_note
from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block, Paragraph, Table
from ppghost.deploy.reporting.sections.cells import NOTHING
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr, translate


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """A line a device, file and outcome."""
    yield Paragraph(t["rule"])
    headers = [
        t["model"], t["device"], t["converted"], t["compared"], t["difference"], t["relative"],
        t["correlation"], t["outcome"],
    ]  # fmt: skip
    rows = [
        (
            row.model,
            group.device["serial"],
            translate(tr(row.check or NOTHING), t.lang),
            *_cells(row.output_check, t),
        )
        for group in data.groups
        for row in group.rows
    ]
    yield Table(headers, list(dict.fromkeys(rows)), frozenset({1, 2, 3, 7}))


def _cells(check: Mapping[str, Any] | None, t: Messages) -> tuple[str, ...]:
    if not check:
        return t["not_compared"], NOTHING, NOTHING, NOTHING, NOTHING
    if check.get("ok") is None:
        reason = check.get("why")
        outcome = translate(format_note(reason), t.lang) if reason else NOTHING
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
    tr("Output checks"),
    build,
    {
        "rule": tr(
            "Outputs compared with the right ones for the same seeded inputs (noise, "
            "and more), before anything was timed; the figures are the worst of them. "
            "The right ones are Paddle's own or, for a file of rounded weights on a "
            "phone, those of the same weights on x86."
        ),
        "device": tr("Device"),
        "converted": tr("Checked at conversion"),
        "compared": tr("Compared"),
        "difference": tr("Largest difference"),
        "relative": tr("Of the output's range"),
        "correlation": tr("Correlation"),
        "outcome": tr("Outcome"),
        "on_device": tr("on the device"),
        "as_x86": tr("the same program and weights for x86"),
        "at_conversion": tr("on a host, when converted"),
        "not_compared": tr("not compared"),
        "agrees": tr("agrees"),
        "agrees_in": tr("agrees; {share} of whole numbers or boxes are the same"),
        "inside": tr("; the scores that they are decided by too (to {relative} of their range)"),
        "differs": tr("differs"),
    },
)
