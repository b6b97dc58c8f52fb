"""Which images a user means: files, folders, globs, lists."""

import glob
from collections.abc import Iterable
from pathlib import Path

from ppghost.data.datasets.list_files import read_list
from ppghost.errors import InputError
from ppghost.i18n import tr

#: what counts as an image in a folder
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff")
_LISTS = (".txt", ".lst")


def find_images(sources: Iterable[str | Path]) -> list[Path]:
    """The images of each source, in the order of the sources, of a folder and a glob by name.

    Args:
        sources: an image; a folder, whose sub-folders count too; a glob such as `d/**/*.jpg`; a
            list, .txt or .lst, with `path` or `path label` lines, relative to its own folder. What
            is none of these is taken for an image that somebody else will miss.

    Raises:
        InputError: a folder, a glob or a list without images.
    """
    found: list[Path] = []
    for source in map(Path, sources):
        if source.is_dir():
            inside = sorted(p for p in source.rglob("*") if p.suffix.lower() in _ENDINGS)
            found += _some(inside, source, tr("no image in this folder"))
        elif source.suffix.lower() in _LISTS and source.is_file():
            found += images_of_list(source, source.parent)
        elif not source.exists() and glob.has_magic(str(source)):
            matches = sorted(Path(path) for path in glob.glob(str(source), recursive=True))
            found += _some([p for p in matches if p.is_file()], source, tr("matches no file"))
        else:
            found.append(source)
    return found


def images_of_list(path: Path, root: Path) -> list[Path]:
    """The images that a list file names, relative to `root`.

    Raises:
        InputError: it cannot be read, or names none.
    """
    return _some([root / image for _, image, _ in read_list(path)], path, tr("names no image"))


def _some(images: list[Path], source: Path, reason: str) -> list[Path]:
    if not images:
        raise InputError("{source}: {reason}", source=source, reason=reason)
    return images
