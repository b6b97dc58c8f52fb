"""How to repeat it: commands, plans, machines, files."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ppghost.deploy.latency.results import LatencyResult, Plan, Result
from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Block, Fact, Facts, Paragraph, Table
from ppghost.deploy.reporting.sections.cells import NOTHING
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """What was run, and what identifies the files."""
    for path, measured in data.measured:
        yield _campaign(path, measured, t)
    conversions = dict.fromkeys(row.convert_command for row in data.rows)
    facts = [Fact(t["conversion"], command or t["not_recorded"]) for command in conversions]
    if data.command:
        facts.append(Fact(t["report"], data.command))
    if facts:
        yield Facts(facts)
    if data.files:
        yield Paragraph(t["files_rule"])
        yield _files(data.files, t)


def _campaign(path: Path, measured: LatencyResult, t: Messages) -> Facts:
    created = measured.created or t["at_unknown_time"]
    return Facts(
        [
            Fact(t["file"], path.name, after=f", {created}"),
            Fact(t["command"], measured.plan.command or t["not_recorded"]),
            Fact(t["plan"], _format_plan(measured.plan), before=t["plan_rule"] + t["semicolon"]),
            Fact(t["host"], _format_values(measured.host)),
        ],
        nested=True,
    )


def _format_plan(plan: Plan) -> str:
    """The settings that are known."""
    values = asdict(plan)
    del values["command"]
    if plan.repeats == "unknown":
        del values["repeats"]
    return _format_values(values)


def _format_values(section: Mapping[str, Any]) -> str:
    """'rounds 40, seed 0, threads 1 2': the short values of a plan or host, by their own names."""
    facts = []
    for key, value in section.items():
        words = value if isinstance(value, list) else [value]
        if words and all(isinstance(word, str | int | float) for word in words):
            facts.append(f"{key} {' '.join(map(str, words))}")
    return ", ".join(facts)


def _files(files: list[Result], t: Messages) -> Table:
    headers = [t["model"], t["precision"], t["opt_version"], t["nb_sha"], t["source_sha"]]
    rows = [
        [
            row.model,
            row.precision,
            row.opt_version or NOTHING,
            row.nb_sha256,
            row.source_sha256 or NOTHING,
        ]
        for row in files
    ]
    return Table(headers, rows, frozenset({1, 2, 3, 4}))


SECTION = Section(
    tr("To repeat it"),
    build,
    {
        "file": tr("Result"),
        "command": tr("Command"),
        "not_recorded": tr("not recorded"),
        "plan": tr("Plan"),
        "plan_rule": tr("models interleaved in a random order of its own in every round (seeded)"),
        "host": tr("Measuring host"),
        "report": tr("This report"),
        "at_unknown_time": tr("at an unknown time"),
        "conversion": tr("Conversion"),
        "files_rule": tr(
            "Files measured. The .nb hash leaves out the bytes that paddle_lite_opt "
            "does not initialise."
        ),
        "opt_version": tr("paddle_lite_opt"),
        "nb_sha": tr("Content SHA-256 of the .nb"),
        "source_sha": tr("SHA-256 of the exported model"),
    },
    of_models=False,
)
