"""Class names, in PaddleClas's form of a list."""

import importlib.util
from pathlib import Path

from ppghost.errors import InputError


def read_labels(path: Path) -> list[str]:
    """Class names by class id, from PaddleClas's "id name" lines.

    A path that is not here is looked for in the installed PaddleClas: its configs say
    `ppcls/utils/imagenet1k_label_list.txt`, relative to a checkout.

    Raises:
        InputError: the file cannot be read, or its ids do not count up from 0.
    """
    path = _find(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot read the labels: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot read the labels: not UTF-8 text") from error
    labels = []
    for number, line in enumerate(filter(str.strip, lines)):
        class_id, _, name = line.strip().partition(" ")
        if class_id != str(number) or not name:
            raise InputError(f"{path} line {number + 1}: expected '{number} NAME', got {line!r}")
        labels.append(name.strip())
    return labels


def _find(path: Path) -> Path:
    if path.is_absolute() or path.exists():
        return path
    spec = importlib.util.find_spec("paddleclas")
    # none in a checkout's own folder, where `paddleclas` is a file of the checkout
    packages = (spec and spec.submodule_search_locations) or []
    found = [Path(package) / path for package in packages if (Path(package) / path).is_file()]
    return found[0] if found else path
