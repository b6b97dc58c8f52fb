"""What is made of latency results: a comparison, a report."""

import argparse
from pathlib import Path

from ppghost.cli.common import BadArgument, Commands, Output, command_line, percent
from ppghost.errors import CheckFailed
from ppghost.i18n import current_language, say


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    _add_compare(commands.add("compare", compare, help="faster or slower; exit 1 on a regression"))
    _add_report(commands.add("report", report, help="page, table and curve from bench results"))


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD.json", help="what bench measured before")
    parser.add_argument(
        "new", type=Path, metavar="NEW.json", help="what bench measured after the change"
    )
    parser.add_argument(
        "--threshold",
        type=percent,
        default=5.0,
        metavar="PCT",
        help="a model slower by more than this many percent is a regression (5)",
    )
    parser.add_argument(
        "--drift",
        type=percent,
        metavar="PCT",
        help="what two campaigns of one model may differ by (1.5 in ratios to a reference, else 5)",
    )
    parser.add_argument("--force", action="store_true", help="also across devices and settings")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results", type=Path, nargs="+", metavar="RESULT.json", help="results of bench"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder of the report"
    )
    parser.add_argument(
        "--accuracy",
        type=_named_file,
        action="append",
        default=[],
        metavar="MODEL=EVAL.json",
        help="what eval --json (of int8: quantize --json) wrote of a model's weights (repeatable)",
    )


def _named_file(text: str) -> tuple[str, Path]:
    model, _, path = text.rpartition("=")
    if not (model and path):
        raise BadArgument("{text!r} is not MODEL=FILE", text=text)
    return model, Path(path)


def compare(args: argparse.Namespace) -> Output:
    """Two latency results against each other."""
    from ppghost.deploy.latency.compare import compare
    from ppghost.deploy.latency.tables import comparison_table

    drift = None if args.drift is None else args.drift / 100
    comparison = compare(
        args.old, args.new, threshold=args.threshold / 100, drift=drift, force=args.force
    )
    result, text = comparison.to_json(), comparison_table(comparison)
    if comparison.regressions:
        error = CheckFailed(
            "{new}: slower than {old} by over {threshold:g} %",
            new=args.new,
            old=args.old,
            threshold=args.threshold,
        )
        error.result, error.text = result, text
        raise error
    return result, text


def report(args: argparse.Namespace) -> Output:
    """Latency results as a page."""
    from ppghost.deploy.reporting.write import report

    written = report(
        args.results,
        args.output,
        lang=current_language(),
        command=command_line(args),
        accuracies=dict(args.accuracy),
    )
    return written.to_json(), say("report: {index}", index=written.index)
