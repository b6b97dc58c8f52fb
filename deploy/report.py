"""The report of latency results: index.html, report.md, latency.csv and curve.svg.

Measured and published figures never share a column: the curve alone sets one against the other,
and says which axis is which.
"""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.curve import Panel, Point, draw_curve
from deploy.results import device_identity, load_result
from ppghost.errors import InputError
from ppghost.files import write_text

_HERE = Path(__file__).resolve().parent
PUBLISHED_FILE = _HERE / "published.yaml"
_COLUMNS = (
    "model", "device", "kind", "device_model", "soc", "abi", "lite_version", "threads",
    "precision", "input", "status", "n", "median_ms", "mad_ms", "p90_ms", "p99_ms", "min_ms",
    "ci95_low_ms", "ci95_high_ms", "nb_bytes", "nb_sha256", "warning", "error",
)  # fmt: skip


def report(results: Sequence[Path], output: Path) -> dict[str, Any]:
    """Write the report of `results` (files of schema ppghost.latency/1) into folder `output`.

    Returns {"index", "files", "models", "not_on_curve", "warnings"}. Raises InputError for a
    result that cannot be read or is of another schema, or a folder that cannot be written.
    """
    if not results:
        raise InputError("no result to report; give the JSON files that `ppghost bench` wrote")
    documents = [(Path(path), load_result(Path(path))) for path in results]
    published = load_published()
    groups = _groups(documents)
    rows = [row for group in groups for row in group["rows"]]
    if not rows:
        raise InputError(f"{results[0]}: holds no result; run `ppghost bench` first")
    missing = _mark_missing(rows, published)
    svg = draw_curve(
        [_panel(group, threads, published) for group in groups for threads in group["threads"]],
        f"published ImageNet top-1 (%), {published['source']}",
    )
    warnings = [text for row in rows for text in (row["warning"], row["error"]) if text]
    context = {
        "groups": groups,
        "published": published,
        "documents": [
            {
                "file": path.name,
                "created": document.get("created", "at an unknown time"),
                "command": document["plan"].get("command"),
                "plan": _facts(document["plan"]),
                "host": _facts(document["host"]),
            }
            for path, document in documents
        ],
        "weights": sorted({row["weights"] or "unknown" for row in rows}),
        "missing": missing,
        "warnings": warnings,
        # without the XML prologue, which HTML does not know
        "svg": svg[svg.index("<svg") :],
    }
    output = Path(output)
    files = {
        "curve.svg": svg,
        "latency.csv": _csv(rows),
        "report.md": _render("report.md", context),
        "index.html": _render("report.html", context),
    }
    for name, content in files.items():
        write_text(output / name, content)
    return {
        "index": str(output / "index.html"),
        "files": [str(output / name) for name in files],
        "models": len({row["model"] for row in rows}),
        "not_on_curve": [f"{one['model']}: {one['why']}" for one in missing],
        "warnings": warnings,
    }


def load_published() -> dict[str, Any]:
    """The published figures; "by_name" finds a model's row."""
    import yaml

    published = yaml.safe_load(PUBLISHED_FILE.read_text(encoding="utf-8"))
    published["by_name"] = {row["name"]: row for row in published["models"]}
    return published


def _groups(documents: list[tuple[Path, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Results by device, in the order met; figures of two machines are never one group."""
    groups: dict[tuple, dict[str, Any]] = {}
    for _, document in documents:
        for result in document["results"]:
            device = result["device"]
            group = groups.setdefault(
                device_identity(device),
                {"device": device, "title": _device_title(device), "rows": [], "threads": []},
            )
            group["rows"].append(result)
            if result["threads"] not in group["threads"]:
                group["threads"].append(result["threads"])
    for group in groups.values():
        group["threads"].sort()
        group["rows"].sort(
            key=lambda row: (row["threads"], row["stats"]["median"] if row["stats"] else 0.0)
        )
    return list(groups.values())


def _facts(section: dict[str, Any]) -> str:
    """'rounds 40, seed 0, threads 1 2': the short values of a plan or host, by name."""
    facts = []
    for key, value in section.items():
        words = value if isinstance(value, list) else [value]
        if key != "command" and all(isinstance(word, str | int | float) for word in words):
            facts.append(f"{key.replace('_', ' ')} {' '.join(map(str, words))}")
    return ", ".join(facts)


def _device_title(device: dict[str, Any]) -> str:
    name = " ".join(filter(None, (device["model"], device["soc"], device["abi"])))
    runtime = f"Paddle-Lite {device['lite_version'] or 'of unknown version'}"
    if device["kind"] == "host":
        return f"Host computer, not a phone: {name}, {runtime}"
    return f"{device['serial']}: {name}, {runtime}"


def _why_missing(row: dict[str, Any], published: dict[str, Any]) -> str | None:
    """Why a result has no place on the curve; None if it has one."""
    if row["status"] != "ok" or row["stats"] is None:
        return "not measured to the end"
    if row["model"] not in published["by_name"]:
        return "no published accuracy"
    if not row["inputs"]:
        return "the result does not tell its input size"
    if [one["shape"] for one in row["inputs"]] != [published["input"]]:
        return "the published accuracy is for another input size"
    if row["precision"] != "fp32":
        return f"the published accuracy is not that of {row['precision']}"
    return None


def _mark_missing(
    rows: list[dict[str, Any]], published: dict[str, Any]
) -> list[dict[str, str | None]]:
    reasons = {row["model"]: why for row in rows if (why := _why_missing(row, published))}
    return [{"model": model, "why": why} for model, why in reasons.items()]


def _panel(group: dict[str, Any], threads: int, published: dict[str, Any]) -> Panel:
    points = []
    for row in group["rows"]:
        if row["threads"] != threads or _why_missing(row, published):
            continue
        median, known = row["stats"]["median"], published["by_name"][row["model"]]
        low, high = row["stats"]["ci95"] or (median, median)
        points.append(Point(row["model"], known["family"], median, (low, high), known["top1"]))
    where = "Host, not a phone" if group["device"]["kind"] == "host" else group["device"]["serial"]
    plural = "thread" if threads == 1 else "threads"
    return Panel(f"{where}: {group['device']['model']}, {threads} {plural}, batch 1", points)


def _csv(rows: list[dict[str, Any]]) -> str:
    """One line per result, figures unrounded."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        stats, device = row["stats"] or {}, row["device"]
        low, high = stats.get("ci95") or (None, None)
        line = {key: row.get(key) for key in _COLUMNS}
        line |= {"device": device["serial"], "device_model": device["model"]}
        line |= {key: device[key] for key in ("kind", "soc", "abi", "lite_version")}
        line |= {f"{key}_ms": stats.get(key) for key in ("median", "mad", "p90", "p99", "min")}
        line |= {"n": stats.get("n"), "ci95_low_ms": low, "ci95_high_ms": high}
        line["input"] = " ".join("x".join(map(str, one["shape"])) for one in row["inputs"])
        writer.writerow(line)
    return buffer.getvalue()


def _render(template: str, context: dict[str, Any]) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        # names come from files: HTML escapes them all, Markdown where they stand in a cell
        autoescape=jinja2.select_autoescape(("html",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["ms"] = _milliseconds
    environment.filters["cell"] = _markdown_cell
    return environment.get_template(template).render(context)


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _markdown_cell(value: object) -> str:
    """Text that is only text in a Markdown table."""
    text = " ".join(str(value).split())
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)
