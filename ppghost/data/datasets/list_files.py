"""PaddleClas's list files: `path label`, a line an image."""

import re
from pathlib import Path
from typing import NamedTuple

from ppghost.errors import InputError
from ppghost.i18n import tr


class Sample(NamedTuple):
    """One line of a list file."""

    path: str  # as the list says, relative to the image root
    label: int
    line: int  # counted from 1


def read_list(path: Path, delimiter: str | None = None) -> list[tuple[int, str, int | None]]:
    """The lines of a list file: (line number from 1, image path, label or None).

    A line is `path label`, and PaddleClas's rule decides: what stands before the first delimiter
    is the path, what stands behind it the label; further columns are not looked at. Where that is
    no label, the path may hold blanks: a last column that is one is taken, and without any the
    whole line is a path. Empty lines are passed over.

    Args:
        path: the file.
        delimiter: what separates the columns; a space if None.

    Raises:
        InputError: it cannot be read, or is not UTF-8 text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # Windows writes a BOM
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or tr("not UTF-8 text")
        raise InputError("{path}: cannot be read ({reason})", path=path, reason=reason) from error
    numbered = enumerate((line.strip() for line in lines), start=1)
    return [(number, *_parse(line, delimiter or " ")) for number, line in numbered if line]


def _parse(line: str, delimiter: str) -> tuple[str, int | None]:
    image, *columns = line.split(delimiter)
    if columns and (label := _as_label(columns[0])) is not None:
        return image, label
    *parts, last = line.split(delimiter)
    if parts and (label := _as_label(last)) is not None:
        return delimiter.join(parts).strip(), label
    return line, None


def _as_label(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


#: what people separate columns by
_DELIMITERS = (" ", "\t", ",", ";")
#: a share, a time or several labels
_NUMBERS = re.compile(r"[\d.,;:|+-]+")


def read_samples(path: Path, delimiter: str | None) -> list[Sample]:
    """The lines of a list in which every line has a label.

    Raises:
        InputError: a line has none, or the file cannot be read.
    """
    samples = []
    for number, image, label in read_list(path, delimiter):
        if label is None:
            raise InputError(
                "{path}:{number}: {image!r} is no path and class id with {delimiter!r} "
                "between them: {reason}",
                path=path,
                number=number,
                image=image,
                delimiter=delimiter or " ",
                reason=_reason(image, delimiter or " "),
            )
        samples.append(Sample(image, label, number))
    return samples


def _reason(line: str, delimiter: str) -> str:
    """Why a line has no label, and what to do."""
    _, found, last = line.rpartition(delimiter)
    fitting = [d for d in _DELIMITERS if _parse(line, d)[1] is not None]
    if found and _NUMBERS.fullmatch(last):
        return tr("{last!r} is no whole number (an image has one class here)").format(last=last)
    if found and not fitting:
        return tr("{last!r} is no whole number").format(last=last)
    hint = (
        tr("; with delimiter: {fitting!r} it would be one").format(fitting=fitting[0])
        if fitting
        else ""
    )
    return tr("the key delimiter, beside cls_label_path, says what is{hint}").format(hint=hint)


def relabelled(samples: list[Sample]) -> list[Sample]:
    """The samples with labels 0, 1, ... in ascending order of those that they have."""
    new = {old: number for number, old in enumerate(sorted({s.label for s in samples}))}
    return [sample._replace(label=new[sample.label]) for sample in samples]


def check_labels(samples: list[Sample], class_num: int | None, path: Path) -> None:
    """Raise InputError over a label that is no class id below `class_num`."""
    for sample in samples:
        if sample.label < 0 or (class_num is not None and sample.label >= class_num):
            valid = (
                tr("0 or more")
                if class_num is None
                else tr("in 0..{class_num}").format(class_num=class_num - 1)
            )
            raise InputError(
                "{path}:{line}: class id {label} is not {valid}: correct the line or "
                "Arch.class_num",
                path=path,
                line=sample.line,
                label=sample.label,
                valid=valid,
            )
