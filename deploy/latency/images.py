"""A real image as what models are timed on: the work of some depends on what they see.

Of noise a detector finds nothing, and its suppression has nothing to do.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ppghost.deploy.nb.model import Feed, NbModel
from ppghost.deploy.nb.sidecar import Preprocess
from ppghost.errors import InputError
from ppghost.formats.program_desc import input_dtype
from ppghost.utils.files import sha256

if TYPE_CHECKING:
    import numpy as np

    #: an image file -> a network's input, float32 [C, H, W]
    ReadImage: TypeAlias = Callable[[Preprocess, Path], np.ndarray]


def feed_image(
    models: Sequence[NbModel], image: Path | None, read_image: "ReadImage | None"
) -> list[NbModel]:
    """The models with an image for their input, each by its own preprocessing.

    Args:
        models: to be timed.
        image: the file; None: they stay as they are.
        read_image: makes an input of it.

    Raises:
        InputError: the image cannot be read, or a model does not say how it becomes its input.
    """
    if image is None:
        return list(models)
    if read_image is None:
        raise InputError("image: give read_image too, which makes an input of it")
    if not image.is_file():
        raise InputError("image: no file {image}", image=image)
    digest = sha256(image)
    return [
        replace(model, feed=Feed(image.name, digest, _inputs(model, image, read_image)))
        for model in models
    ]


def _inputs(model: NbModel, image: Path, read_image: "ReadImage") -> "dict[str, np.ndarray]":
    import numpy as np

    if model.preprocess is None:
        raise InputError(
            "{path}: does not say how an image becomes its input; convert it again, from a "
            "model with an inference.yml that says it",
            path=model.path,
        )
    if len(model.inputs) != 1:
        raise InputError(
            "{path}: takes {count} inputs; only one can be an image",
            path=model.path,
            count=len(model.inputs),
        )
    [spec] = model.inputs
    array = read_image(model.preprocess, image)
    if list(array.shape) != spec["shape"][1:]:
        raise InputError(
            "{path}: its transform_ops make {shape} of {image}, it takes {shape2}",
            path=model.path,
            shape=list(array.shape),
            image=image,
            shape2=spec["shape"][1:],
        )
    batch = np.broadcast_to(array, spec["shape"]).astype(input_dtype(spec))
    return {spec["name"]: np.ascontiguousarray(batch)}
