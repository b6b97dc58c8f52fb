"""`.nb` files that are to be timed or run, with what is known of them."""

import collections
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppghost.deploy.nb.header import inspect_nb
from ppghost.deploy.nb.sidecar import Sidecar, read_sidecar, sidecar_path
from ppghost.errors import InputError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Feed:
    """A real image for a model's input.

    Attributes:
        image: the name of its file.
        sha256: of the file.
        arrays: what it becomes, by input.
    """

    image: str
    sha256: str
    arrays: "Mapping[str, np.ndarray]" = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class NbModel(Sidecar):
    """A `.nb` file, its name among those that are loaded with it, and what its sidecar says.

    `feed` is what it is to be timed on; None: seeded noise, or whatever a device's program takes.
    """

    path: Path
    name: str
    feed: Feed | None = None

    @property
    def detections(self) -> list[int] | bool:
        """Which outputs a suppression of boxes left; True: all, False or []: none."""
        return next((found for each in self.references if (found := each.get("detections"))), False)


def _undescribed(nb: Path, shapes: Sequence[Sequence[int]]) -> Sidecar:
    """What is known of a file that others made: what it says itself, and the shapes of its inputs.

    Its inputs' names are not known; "#0" is the first one.
    """
    return Sidecar(
        model=nb.stem,
        weights=None,
        params=None,
        macs=None,
        source_files=[],
        source_sha256=None,
        inputs=[{"name": f"#{i}", "shape": list(shape)} for i, shape in enumerate(shapes)],
        options={"fp16": False, "weights": None},
        repairs={},
        repair_sites={},
        check=None,
        output_check=None,
        references=[],
        info=inspect_nb(nb),
        command=None,
    )


def load_models(paths: Sequence[str | Path], shapes: Sequence[Sequence[int]] = ()) -> list[NbModel]:
    """The models in `paths` (`.nb` files or folders of them), each content once.

    Several of one name for one target (one network with other weights, inputs or precision) are
    called by their files, with as much of the folders as tells them apart, so that results and
    references mean one of them.

    Args:
        paths: files or folders.
        shapes: of the inputs of files that have no sidecar, in feed order.

    Raises:
        InputError: a file is no `.nb` or has no valid sidecar, or there is none at all.
    """
    models: dict[str, NbModel] = {}
    for file in _nb_files(paths):
        undescribed = shapes and not sidecar_path(file).is_file()
        sidecar = _undescribed(file, shapes) if undescribed else read_sidecar(file)
        model = NbModel(**vars(sidecar), path=file, name=sidecar.model)
        models.setdefault(sidecar.info.content_sha256, model)
    alike: dict[tuple[str, str], list[Path]] = collections.defaultdict(list)
    for model in models.values():
        alike[model.model, model.info.target].append(model.path)
    return [
        replace(model, name=_distinct_name(model, alike[model.model, model.info.target]))
        for model in models.values()
    ]


def _nb_files(paths: Sequence[str | Path]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, paths):
        found = sorted(path.glob("*.nb")) if path.is_dir() else [path]
        if not found:
            raise InputError(
                "{path}: no .nb file in this folder; convert a model into it first", path=path
            )
        files += found
    if not files:
        raise InputError("no model to time; give .nb files or folders that hold them")
    return files


def _distinct_name(model: NbModel, alike: list[Path]) -> str:
    """A name that no other of the files `alike` gets."""
    if len(alike) == 1:
        return model.name
    paths = [path.resolve().with_suffix("").parts for path in alike]
    depth = 1
    while len({parts[-depth:] for parts in paths}) < len(set(paths)):
        depth += 1
    return "/".join(model.path.resolve().with_suffix("").parts[-depth:])
