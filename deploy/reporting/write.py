"""The report of latency results: index.html, report.md, latency.csv and drawings as SVG.

Measured and published figures never share a column or axes of latency: a measured curve sets
measured latency against published accuracy, and says which axis is which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ppghost.deploy.latency.results import LatencyResult, parse_result
from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.groups import group_results, models_alone
from ppghost.deploy.reporting.latency_csv import latency_csv
from ppghost.deploy.reporting.measured_accuracy import read_accuracies
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import Figures
from ppghost.deploy.reporting.pages.render import printable, render
from ppghost.deploy.reporting.published import load_published
from ppghost.deploy.reporting.sections import SECTIONS
from ppghost.deploy.reporting.sections.section import BuiltSection, build_section
from ppghost.errors import InputError
from ppghost.utils.files import read_json, write_text


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        index: the page.
        files: every file, the page among them.
        models: how many models were reported.
        not_on_curve: models without a place on the curve, and why.
        warnings: what is to be known about the figures.
    """

    index: str
    files: list[str]
    models: int
    not_on_curve: list[str]
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """As `ppghost report --json` writes it."""
        return asdict(self)


def report(
    results: Sequence[str | Path],
    output: str | Path,
    *,
    lang: str = "en",
    command: str | None = None,
    accuracies: Mapping[str, str | Path] | None = None,
) -> Report:
    """Write the report of latency results.

    Args:
        results: files of schema ppghost.latency/1.
        output: the folder to write it into.
        lang: "en" or "zh".
        command: shown as what made the report.
        accuracies: by model, the file that `ppghost eval --json` wrote of its weights.

    Returns:
        The files written, and what is to be known about their figures.

    Raises:
        InputError: a result cannot be read or is of another schema, or the folder cannot be
            written.
    """
    data = _gather([Path(path) for path in results], Messages(lang), command)
    if accuracies:
        models = {row.model for row in data.rows}
        data = replace(data, accuracies=read_accuracies(accuracies, models))
    sections = [
        built
        for section in SECTIONS
        if (data.groups or not section.of_models) and (built := build_section(section, data)).blocks
    ]
    context = {"t": data.t, "sections": sections}
    files = {
        **_drawings(sections),
        "latency.csv": latency_csv(data.all_groups),
        "report.md": render("report.md", context),
        "index.html": render("report.html", context),
    }
    output = Path(output)
    for name, content in files.items():
        write_text(output / name, content)
    return Report(
        index=str(output / "index.html"),
        files=[str(output / name) for name in files],
        models=len({row.model for row in data.rows}),
        not_on_curve=data.missing,
        warnings=data.warnings,
    )


def _gather(results: Sequence[Path], t: Messages, command: str | None) -> ReportData:
    if not results:
        raise InputError("no result to report; give the JSON files that `ppghost bench` wrote")
    measured = [(path, _read(path)) for path in results]
    all_groups = group_results(result for _, result in measured)
    if not all_groups:
        raise InputError("{first}: holds no result; run `ppghost bench` first", first=results[0])
    groups = group_results(models_alone(result) for _, result in measured)
    return ReportData(measured, groups, all_groups, load_published(t.lang), command, t)


def _read(path: Path) -> LatencyResult:
    """A result file, every text of it fit to be shown."""
    return parse_result(printable(read_json(path)), path)


def _drawings(sections: Sequence[BuiltSection]) -> dict[str, str]:
    """The SVG documents that sections show, by file name."""
    return {
        name: svg
        for section in sections
        for block in section.blocks
        if isinstance(block, Figures)
        for name, svg in block.files.items()
    }
