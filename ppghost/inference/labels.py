"""Class names, in PaddleClas's form of a list."""

import importlib.util
import logging
from pathlib import Path

from ppghost.errors import InputError

logger = logging.getLogger(__name__)

#: more classes than anybody has: an id above it is a mistake, not a class
_MAX_ID = 1_000_000


def read_labels(path: Path, delimiter: str | None = None) -> list[str | None]:
    """Class names by class id, from PaddleClas's "id name" lines in any order.

    The text is UTF-8, with or without a BOM, or else GBK, as PaddleClas reads it. A path that is
    not here is looked for in the installed PaddleClas: its configs say
    `ppcls/utils/imagenet1k_label_list.txt`, relative to a checkout.

    Args:
        path: the file.
        delimiter: between id and name; a blank if None.

    Returns:
        A name for each id up to the highest, None for one that the file does not name.

    Raises:
        InputError: the file cannot be read, or a line is not an id and a name.
    """
    path = _find(path)
    names: dict[int, str] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        class_id, found, name = line.strip().partition(delimiter or " ")
        if not (class_id.strip().isdecimal() and found and name.strip()):
            raise InputError(
                "{path}:{number}: expected 'ID{delimiter}NAME', got {line!r}; another "
                "separator is set by Infer.PostProcess.delimiter",
                path=path,
                number=number,
                delimiter=delimiter or " ",
                line=line,
            )
        if int(class_id) > _MAX_ID:
            raise InputError(
                "{path}:{number}: {class_id} is no class id",
                path=path,
                number=number,
                class_id=class_id,
            )
        if names.get(int(class_id), name.strip()) != name.strip():
            logger.warning("%s:%d: a second name for class %s; it counts", path, number, class_id)
        names[int(class_id)] = name.strip()
    if not names:
        raise InputError("{path}: names no class", path=path)
    labels = [names.get(class_id) for class_id in range(max(names) + 1)]
    if gaps := [class_id for class_id, name in enumerate(labels) if name is None]:
        logger.warning("%s: no name for class %s", path, ", ".join(map(str, gaps[:5])))
    return labels


def check_count(labels: list[str | None], class_num: int, where: object) -> None:
    """Warn of a list with another number of classes than the network has."""
    if len(labels) != class_num:
        logger.warning(
            "%s names %d classes, the network has %d: is it the list of this data set?",
            where,
            len(labels),
            class_num,
        )


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            "{path}: cannot read the labels: {strerror}", path=path, strerror=error.strerror
        ) from error
    for encoding in ("utf-8-sig", "gbk"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError("{path}: cannot read the labels: neither UTF-8 nor GBK text", path=path)


def _find(path: Path) -> Path:
    if path.is_absolute() or path.exists():
        return path
    spec = importlib.util.find_spec("paddleclas")
    # none in a checkout's own folder, where `paddleclas` is a file of the checkout
    packages = (spec and spec.submodule_search_locations) or []
    found = [Path(package) / path for package in packages if (Path(package) / path).is_file()]
    return found[0] if found else path
