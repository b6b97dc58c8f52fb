"""`NAME.nb.json`, the description that `convert` writes beside a `.nb`, and models read by it."""

import collections
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppghost.deploy.nb.header import NbInfo, inspect_nb
from ppghost.errors import InputError
from ppghost.utils.files import read_json

if TYPE_CHECKING:
    import numpy as np

#: how ppghost.deploy.devices.host.worker.seeded_inputs makes its arrays, one after the other
GENERATOR = "numpy.random.default_rng(seed).standard_normal(shape, dtype=numpy.float32)"
#: a classifier's scores are kept whole; of a larger output its beginning tells enough
REFERENCE_VALUES = 2000
#: what older sidecars, or those of models that we did not export, do not tell
_OPTIONAL = ("weights", "params", "macs", "source_sha256", "command", "reference")


@dataclass(frozen=True)
class NbModel:
    """A `.nb` file and what its sidecar says of it; `inputs` is [{"name", "shape"}].

    `reference` is Paddle's own outputs (see `describe_reference`); None in older sidecars.
    `params` and `macs` are the network's, None unless `ppghost export` counted them.
    """

    path: Path
    name: str
    info: NbInfo
    weights: str | None
    params: int | None
    macs: int | None
    source_sha256: str | None
    command: str | None
    inputs: list[dict[str, Any]]
    output_check: dict[str, Any] | None
    reference: dict[str, Any] | None


def sidecar_path(nb: Path) -> Path:
    """Where the description of `nb` lies."""
    return nb.with_name(nb.name + ".json")


def describe_reference(seed: int, outputs: Sequence["np.ndarray"]) -> dict[str, Any]:
    """What Paddle gives for `seeded_inputs(inputs, seed)`, for checks where there is no Paddle.

    `outputs` are flat lists in fetch order, of at most REFERENCE_VALUES values; `shapes` are whole.
    """
    return {
        "seed": seed,
        "generator": GENERATOR,
        "shapes": [list(one.shape) for one in outputs],
        # nine digits tell every float32 from its neighbours
        "outputs": [
            [float(f"{value:.9g}") for value in one.ravel()[:REFERENCE_VALUES]] for one in outputs
        ],
    }


def load_models(paths: Sequence[Path]) -> list[NbModel]:
    """The models in `paths` (`.nb` files or folders of them), each content once.

    Several of one name for one target (one network with other weights, inputs or precision) are
    called by their files, with as much of the folders as tells them apart, so that results and
    references mean one of them.

    Raises InputError for a file that is no `.nb` or has no valid sidecar.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        found = sorted(path.glob("*.nb")) if path.is_dir() else [path]
        if not found:
            raise InputError(f"{path}: no .nb file in this folder; convert a model into it first")
        files += found
    if not files:
        raise InputError("no model to time; give .nb files or folders that hold them")
    models: dict[str, NbModel] = {}
    for file in files:
        info = inspect_nb(file)
        models.setdefault(info.content_sha256, _read(file, info))
    alike: dict[tuple[str, str], list[Path]] = collections.defaultdict(list)
    for model in models.values():
        alike[model.name, model.info.target].append(model.path)
    return [
        replace(model, name=_distinct(model, alike[model.name, model.info.target]))
        for model in models.values()
    ]


def _distinct(model: NbModel, alike: list[Path]) -> str:
    """A name that no other of the files `alike` gets."""
    if len(alike) == 1:
        return model.name
    paths = [path.resolve().with_suffix("").parts for path in alike]
    depth = 1
    while len({parts[-depth:] for parts in paths}) < len(set(paths)):
        depth += 1
    return "/".join(model.path.resolve().with_suffix("").parts[-depth:])


def read_inputs(nb: Path) -> dict[str, list[int]] | None:
    """Declared shapes by input name; None if `nb` has no sidecar. Raises InputError."""
    if not sidecar_path(nb).is_file():
        return None
    return {one["name"]: one["shape"] for one in _read(nb, inspect_nb(nb)).inputs}


def _read(file: Path, info: NbInfo) -> NbModel:
    sidecar = sidecar_path(file)
    if not sidecar.is_file():
        raise InputError(f"{file}: no {sidecar.name} beside it; convert with `ppghost convert`")
    described = read_json(sidecar)
    try:
        content = described["content_sha256"]
        model = NbModel(
            path=file,
            name=str(described["model"]),
            info=info,
            **{key: described.get(key) for key in _OPTIONAL},
            inputs=[
                {"name": str(one["name"]), "shape": [int(size) for size in one["shape"]]}
                for one in described["inputs"]
            ],
            output_check=described["output_check"],
        )
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{sidecar}: not a description of a .nb; convert again") from None
    if content != info.content_sha256:
        raise InputError(f"{sidecar}: describes another file than {file.name}; convert again")
    return model
