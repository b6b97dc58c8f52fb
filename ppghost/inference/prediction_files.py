"""Predictions as a file for other programs."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.files import write_text

_COLUMNS = ("image", "rank", "class_id", "score", "label", "error")
_BOX_COLUMNS = ("image", "class_id", "label", "score", "x", "y", "width", "height", "error")


def check_ending(path: Path) -> None:
    """Raise InputError if there is no form of that ending; before anything is computed."""
    if path.suffix not in _FORMS:
        raise InputError(
            "{path}: write to a file that ends in {forms}", path=path, forms=tr(" or ").join(_FORMS)
        )


def write_predictions(path: Path, results: list[dict[str, Any]]) -> None:
    """Write what `ppghost.inference.predict.predict` returns, in the form that the ending says.

    `.csv` has a row for each image and class, `.jsonl` a line for each image, `.json` a list. Of
    what `ppghost.inference.detect.detect` returns `.csv` has a row for each box, and `.json` is a
    list of results in COCO's form.

    Raises:
        InputError: an unknown ending, or the place cannot be written to.
    """
    check_ending(path)
    forms = _BOX_FORMS if any("boxes" in result for result in results) else _FORMS
    write_text(path, forms[path.suffix](results))


def _csv(results: list[dict[str, Any]]) -> str:
    rows = []
    for result in results:
        rows += _error_row(result)
        for rank, prediction in enumerate(result["topk"], start=1):
            rows.append({"image": result["image"], "rank": rank, **prediction})
    return _table(_COLUMNS, rows)


def _boxes_csv(results: list[dict[str, Any]]) -> str:
    rows = []
    for result in results:
        rows += _error_row(result)
        for box in result["boxes"]:
            sides = dict(zip(("x", "y", "width", "height"), box["bbox"], strict=True))
            told = {key: box[key] for key in ("class_id", "label", "score")}
            rows.append({"image": result["image"], **told, **sides})
    return _table(_BOX_COLUMNS, rows)


def _error_row(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: result[key] for key in ("image", "error")}] if "error" in result else []


def _table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _coco(results: list[dict[str, Any]]) -> str:
    """COCO's results, with the image's file name beside its id."""
    entries = [
        {
            "image_id": image_id,
            "category_id": box["category_id"],
            "bbox": box["bbox"],
            "score": box["score"],
            "file_name": Path(result["image"]).name,
        }
        for image_id, result in zip(image_ids(results), results, strict=True)
        for box in result["boxes"]
    ]
    return _json(entries)


def image_ids(results: list[dict[str, Any]]) -> list[int]:
    """COCO's ids where all files are named by them (000000397133.jpg), else 1, 2, ..."""
    stems = [Path(result["image"]).stem for result in results]
    if all(stem.isdecimal() and stem.isascii() for stem in stems):
        return [int(stem) for stem in stems]
    return list(range(1, len(results) + 1))


def _jsonl(results: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(result, ensure_ascii=False) + "\n" for result in results)


def _json(results: list[dict[str, Any]]) -> str:
    return json.dumps(results, ensure_ascii=False, indent=1) + "\n"


_FORMS = {".csv": _csv, ".jsonl": _jsonl, ".json": _json}
_BOX_FORMS = {".csv": _boxes_csv, ".jsonl": _jsonl, ".json": _coco}
