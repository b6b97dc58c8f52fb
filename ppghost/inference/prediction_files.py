"""Predictions as a file for other programs."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from ppghost.errors import InputError
from ppghost.utils.files import write_text

_COLUMNS = ("image", "rank", "class_id", "score", "label", "error")


def check_ending(path: Path) -> None:
    """Raise InputError if there is no form of that ending; before anything is computed."""
    if path.suffix not in _FORMS:
        raise InputError(f"{path}: write to a file that ends in {' or '.join(_FORMS)}")


def write_predictions(path: Path, results: list[dict[str, Any]]) -> None:
    """Write what `ppghost.inference.predict.predict` returns, in the form that the ending says.

    `.csv` has a row for each image and class, `.jsonl` a line for each image, `.json` a list.

    Raises:
        InputError: an unknown ending, or the place cannot be written to.
    """
    check_ending(path)
    write_text(path, _FORMS[path.suffix](results))


def _csv(results: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for result in results:
        if "error" in result:
            writer.writerow({"image": result["image"], "error": result["error"]})
        for rank, prediction in enumerate(result["topk"], start=1):
            writer.writerow({"image": result["image"], "rank": rank, **prediction})
    return text.getvalue()


def _jsonl(results: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(result, ensure_ascii=False) + "\n" for result in results)


def _json(results: list[dict[str, Any]]) -> str:
    return json.dumps(results, ensure_ascii=False, indent=1) + "\n"


_FORMS = {".csv": _csv, ".jsonl": _jsonl, ".json": _json}
