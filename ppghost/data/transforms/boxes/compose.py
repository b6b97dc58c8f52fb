"""From a config's list of operations to one function that turns an image and its boxes into input.

PaddleDetection's operations by their names, and those of PaddleClas's that move no pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ppghost.data.annotations import Objects
from ppghost.data.transforms import compose, pixels
from ppghost.data.transforms.boxes.color import (
    PADDLECLAS_PARAMETERS,
    NormalizeImage,
    RandomDistort,
)
from ppghost.data.transforms.boxes.crop import RandomCrop
from ppghost.data.transforms.boxes.geometry import (
    Pad,
    RandomExpand,
    RandomFlip,
    RandomResize,
    Resize,
)
from ppghost.data.transforms.boxes.operation import BoxOperation, OnImage, Sample, have_area
from ppghost.data.transforms.construct import construct, one_entry
from ppghost.data.transforms.operation import Operation
from ppghost.data.transforms.pixels import DecodeImage, ToCHWImage
from ppghost.errors import InputError
from ppghost.utils.text import nearest

#: those that change image and boxes
BOX_OPS: dict[str, Callable[..., BoxOperation]] = {
    "Pad": Pad,
    "RandomCrop": RandomCrop,
    "RandomExpand": RandomExpand,
    "RandomFlip": RandomFlip,
    "RandomResize": RandomResize,
    "Resize": Resize,
}
#: those of PaddleClas's that leave every pixel where it is
_STAYING = ("ColorJitter", "Cutout", "GridMask", "HideAndSeek", "PCALighting", "RandomErasing")
#: those that change values alone
IMAGE_OPS: dict[str, Callable[..., Operation]] = {
    "NormalizeImage": NormalizeImage,
    "Permute": ToCHWImage,
    "RandomDistort": RandomDistort,
    "ToCHWImage": ToCHWImage,
    **{name: compose.OPS[name] for name in _STAYING},
}
_PADDLECLAS: dict[str, Callable[..., Operation]] = {"NormalizeImage": pixels.NormalizeImage}
_DECODERS: dict[str, Callable[..., DecodeImage]] = {
    "Decode": lambda: DecodeImage(),
    "DecodeImage": DecodeImage,
}


class BoxCompose:
    """Decodes, applies operations in order, and hands out CHW float32.

    Objects of which nothing is left are dropped at the end. As in `Compose` the layout is changed
    to CHW at the end unless an operation has changed it.
    """

    def __init__(self, decoder: DecodeImage, operations: Sequence[BoxOperation]) -> None:
        self.decoder = decoder
        self.operations = list(operations)
        if not any(_gives_chw(op) for op in self.operations):
            self.operations.append(OnImage(ToCHWImage()))

    def __call__(
        self, image: bytes | np.ndarray, objects: Objects, rng: np.random.Generator
    ) -> tuple[np.ndarray, Objects, tuple[float, float]]:
        """Return the image as float32 [C, H, W], the objects in its pixels, and the scale.

        Args:
            image: a file's bytes, or RGB pixels, uint8 [H, W, 3].
            objects: in pixels of the image.
            rng: where all chance comes from.

        Returns:
            Image, objects, and (x, y): pixels of the result for one of the original.

        Raises:
            BadImage: the image cannot be decoded or an operation does not fit it.
        """
        return self.transform(self.decoder.decode(image), objects, rng)

    def transform(
        self, pixels: np.ndarray, objects: Objects, rng: np.random.Generator
    ) -> tuple[np.ndarray, Objects, tuple[float, float]]:
        """The same for what `decoder` has decoded already, uint8 [H, W, 3]."""
        sample = Sample(pixels, objects)
        for operation in self.operations:
            sample = operation(sample, rng)
        objects = sample.objects.select(have_area(sample.objects.boxes))
        return np.asarray(sample.image, dtype=np.float32), objects, sample.scale


def _gives_chw(operation: BoxOperation) -> bool:
    return isinstance(operation, OnImage) and isinstance(operation.operation, ToCHWImage)


def build_box_transforms(ops: list[dict], where: str) -> BoxCompose:
    """Build the operations of a config list such as `[{"Decode": None}, {"Resize": {...}}]`.

    Args:
        ops: one mapping of one operation name to its parameters (or None) per entry.
        where: the list's key in the config, for messages.

    Raises:
        InputError: not such a list, the first does not decode, an unknown operation, one that would
            leave boxes behind, an unknown parameter, a refused value.
    """
    if not isinstance(ops, list):
        raise InputError(
            "{where} is {type}: give a list of operations", where=where, type=type(ops).__name__
        )
    entries = [one_entry(entry, f"{where}.{place}") for place, entry in enumerate(ops)]
    if not entries or entries[0][0] not in _DECODERS:
        raise InputError("{where}.0: give Decode first, these are files", where=where)
    decoder = construct(_DECODERS, *entries[0], f"{where}.0")
    if decoder.channel_first or decoder.reduced:
        raise InputError(
            "{where}.0.DecodeImage: with boxes there is no channel_first and no reduced",
            where=where,
        )
    rest = [
        _build(name, parameters, f"{where}.{place}")
        for place, (name, parameters) in enumerate(entries[1:], start=1)
    ]
    return BoxCompose(decoder, rest)


def _build(name: str, parameters: object, where: str) -> BoxOperation:
    if name in BOX_OPS:
        return construct(BOX_OPS, name, parameters, where)
    if name in IMAGE_OPS:
        paddleclas = name in _PADDLECLAS and _has_any(parameters, PADDLECLAS_PARAMETERS)
        table = _PADDLECLAS if paddleclas else IMAGE_OPS
        return OnImage(construct(table, name, parameters, where))
    if name in _DECODERS:
        raise InputError("{where}: {name} stands first, and only there", where=where, name=name)
    known = [*BOX_OPS, *IMAGE_OPS]
    if name in compose.OPS:
        raise InputError(
            "{where}: {name} moves pixels but no boxes; with boxes there are {box_ops}",
            where=where,
            name=name,
            box_ops=", ".join(BOX_OPS),
        )
    raise InputError(
        "{where}: unknown operation {name!r}{nearest}",
        where=where,
        name=name,
        nearest=nearest(name, known),
    )


def _has_any(parameters: object, keys: set[str]) -> bool:
    return isinstance(parameters, dict) and not keys.isdisjoint(parameters)
