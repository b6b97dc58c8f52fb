"""The report of latency results: index.html, report.md, latency.csv and drawings as SVG.

Measured and published figures never share a column or axes of latency: a measured curve sets
measured latency against published accuracy, and says which axis is which.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ppghost.deploy.latency.results import LatencyResult, parse_result
from ppghost.deploy.reporting.drawings.panels import draw_all
from ppghost.deploy.reporting.groups import Group, group_results, why_missing
from ppghost.deploy.reporting.latency_csv import latency_csv
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.render import printable, render
from ppghost.deploy.reporting.sections.notes import warnings_of
from ppghost.deploy.reporting.sections.tables import (
    checks_table,
    files_table,
    latency_table,
    published_table,
    scaling_table,
    size_table,
    weights_text,
)
from ppghost.errors import InputError
from ppghost.utils.files import read_json, write_text

PUBLISHED_FILE = Path(__file__).with_name("published.yaml")


def report(
    results: Sequence[str | Path],
    output: str | Path,
    *,
    lang: str = "en",
    command: str | None = None,
) -> dict[str, Any]:
    """Write the report of latency results.

    Args:
        results: files of schema ppghost.latency/1.
        output: the folder to write it into.
        lang: "en" or "zh".
        command: shown as what made the report.

    Returns:
        {"index", "files", "models", "not_on_curve", "warnings"}.

    Raises:
        InputError: a result cannot be read or is of another schema, or the folder cannot be
            written.
    """
    if not results:
        raise InputError("no result to report; give the JSON files that `ppghost bench` wrote")
    t = Messages(lang)
    measured = [(Path(path), _read(Path(path))) for path in results]
    groups = group_results(each for _, each in measured)
    if not groups:
        raise InputError(f"{results[0]}: holds no result; run `ppghost bench` first")
    published = load_published(lang)
    drawings, figures = draw_all(groups, published, t)
    missing = _missing(groups, published, t)
    warnings = warnings_of(groups, t)
    context = {
        "t": t,
        "published": published,
        "missing": [
            t["missing_one"].format(model=model, why=why) for model, why in missing.items()
        ],
        "warnings": warnings,
        **figures,
        **_tables(groups, published, t),
        **_repeat(measured, groups, command, t),
    }
    output = Path(output)
    files = {
        **drawings,
        "latency.csv": latency_csv(groups),
        "report.md": render("report.md", context),
        "index.html": render("report.html", context),
    }
    for name, content in files.items():
        write_text(output / name, content)
    return {
        "index": str(output / "index.html"),
        "files": [str(output / name) for name in files],
        "models": len({row.model for group in groups for row in group.rows}),
        "not_on_curve": context["missing"],
        "warnings": warnings,
    }


def _read(path: Path) -> LatencyResult:
    """A result file, every text of it fit to be shown."""
    return parse_result(printable(read_json(path)), path)


def load_published(lang: str = "en") -> dict[str, Any]:
    """The published figures; "by_name" finds a model's row."""
    import yaml

    published = yaml.safe_load(PUBLISHED_FILE.read_text(encoding="utf-8"))
    published["source"] = published["source"][lang]
    published["by_name"] = {row["name"]: row for row in published["models"]}
    return published


def _missing(groups: Sequence[Group], published: dict[str, Any], t: Messages) -> dict[str, str]:
    rows = [row for group in groups for row in group.rows]
    return {row.model: why for row in rows if (why := why_missing(row, published, t))}


def _tables(groups: Sequence[Group], published: dict[str, Any], t: Messages) -> dict[str, Any]:
    rows = [row for group in groups for row in group.rows]
    return {
        "weights": sorted({weights_text(row, t) for row in rows}),
        "groups": [
            {
                "title": group.title(t),
                "facts": group.facts(t),
                "host": group.device["kind"] == "host",
                "means": any(row.samples_are != "inference" for row in group.rows),
                "latency": latency_table(group, t),
                "scaling": scaling_table(group, t),
            }
            for group in groups
        ],
        "sizes": size_table(groups, t),
        "checks": checks_table(groups, t),
        "theirs_table": published_table(published, t),
        "files": files_table(groups, t),
    }


def _repeat(
    measured: Sequence[tuple[Path, LatencyResult]],
    groups: Sequence[Group],
    command: str | None,
    t: Messages,
) -> dict[str, Any]:
    """Commands, plans and machines."""
    commands = dict.fromkeys(row.convert_command for group in groups for row in group.rows)
    return {
        "documents": [
            {
                "file": path.name,
                "created": each.created or t["at_unknown_time"],
                "command": each.plan.command or t["no_command"],
                "plan": _facts(asdict(each.plan)),
                "host": _facts(each.host),
            }
            for path, each in measured
        ],
        "conversions": [conversion or t["no_command"] for conversion in commands],
        "command": command,
    }


def _facts(section: dict[str, Any]) -> str:
    """'rounds 40, seed 0, threads 1 2': the short values of a plan or host, by their own names."""
    facts = []
    for key, value in section.items():
        words = value if isinstance(value, list) else [value]
        if key != "command" and all(isinstance(word, str | int | float) for word in words):
            facts.append(f"{key} {' '.join(map(str, words))}")
    return ", ".join(facts)
