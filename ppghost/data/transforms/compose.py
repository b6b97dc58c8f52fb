"""From a config's list of operations to one function that turns an image into network input."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from ppghost.data.transforms.autoaugment import AutoAugment
from ppghost.data.transforms.color import ColorJitter, PCALighting
from ppghost.data.transforms.crop import (
    CropImage,
    CropImageAtRatio,
    CropWithPadding,
    RandCropImage,
    RandCropImageV2,
    RandomCropImage,
)
from ppghost.data.transforms.erasing import Cutout, GridMask, HideAndSeek, RandomErasing
from ppghost.data.transforms.geometry import Pad, RandFlipImage, RandomRotation, ResizeImage
from ppghost.data.transforms.operation import Operation
from ppghost.data.transforms.pixels import DecodeImage, NormalizeImage, ToCHWImage
from ppghost.data.transforms.randaugment import RandAugment, RandAugmentV2, RandAugmentV3
from ppghost.data.transforms.timm_autoaugment import TimmAutoAugment
from ppghost.errors import InputError
from ppghost.utils.text import nearest

T = TypeVar("T")

#: what a config may name under transform_ops
OPS: dict[str, type] = {
    op.__name__: op
    for op in (
        AutoAugment,
        ColorJitter,
        CropImage,
        CropImageAtRatio,
        CropWithPadding,
        Cutout,
        DecodeImage,
        GridMask,
        HideAndSeek,
        NormalizeImage,
        PCALighting,
        Pad,
        RandAugment,
        RandAugmentV2,
        RandAugmentV3,
        RandCropImage,
        RandCropImageV2,
        RandFlipImage,
        RandomCropImage,
        RandomErasing,
        RandomRotation,
        ResizeImage,
        TimmAutoAugment,
        ToCHWImage,
    )
}


class Compose:
    """Applies operations in order and hands out CHW float32.

    Training configs of PaddleClas name no ToCHWImage: its data sets transpose what comes out,
    while its predictor does not, so that its inference configs do name it. Here the rule stands in
    one place: the layout is changed at the end unless an operation has changed it.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = list(operations)
        gives_chw = any(
            isinstance(op, ToCHWImage) or (isinstance(op, DecodeImage) and op.channel_first)
            for op in self.operations
        )
        if not gives_chw:
            self.operations.append(ToCHWImage())

    def __call__(self, image: bytes | np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the image as float32 [C, H, W], possibly a strided view: stacking copies it.

        Raises:
            BadImage: the image cannot be decoded or an operation does not fit it.
        """
        made: object = image
        for operation in self.operations:
            made = operation(made, rng)
        return np.asarray(made, dtype=np.float32)


def build_transforms(ops: list[dict], where: str) -> Compose:
    """Build the operations of a config list such as `[{"ResizeImage": {"size": 32}}, ...]`.

    Args:
        ops: one mapping of one operation name to its parameters (or None) per entry.
        where: the list's key in the config, for messages.

    Raises:
        InputError: not such a list, an unknown operation or parameter, a refused value.
    """
    if not isinstance(ops, list):
        raise InputError(f"{where} is {type(ops).__name__}: give a list of operations")
    return Compose([_build(entry, f"{where}.{index}") for index, entry in enumerate(ops)])


def _build(entry: dict, where: str) -> Operation:
    name, parameters = one_entry(entry, where)
    return construct(OPS, name, parameters, where)


def one_entry(entry: object, where: str) -> tuple[str, object]:
    """Split `{name: parameters}`; InputError for anything else."""
    if not isinstance(entry, dict) or len(entry) != 1:
        raise InputError(f"{where} is {entry!r}: give one operation, as in `- ResizeImage:`")
    [(name, parameters)] = entry.items()
    return name, parameters


def construct(
    table: Mapping[str, Callable[..., T]],
    name: str,
    parameters: object,
    where: str,
    **given: object,
) -> T:
    """Make the operation `name` of `table` from a config's parameters.

    Args:
        where: the key under which the operation stands, for messages.
        given: parameters that come from elsewhere, and that the config may not name.

    Raises:
        InputError: no such operation, an unknown, missing or refused parameter.
    """
    if name not in table:
        raise InputError(f"{where}: unknown operation {name!r}{nearest(name, table)}")
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, dict):
        raise InputError(f"{where}.{name} is {parameters!r}: give its parameters by name")
    known = {k: p for k, p in inspect.signature(table[name]).parameters.items() if k not in given}
    for key in parameters:
        if key not in known:
            raise InputError(f"{where}.{name}: unknown parameter {key!r}{nearest(key, known)}")
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in parameters:
            raise InputError(f"{where}.{name}: {key} is missing and has no default")
    try:
        return table[name](**given, **parameters)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}.{name}: {error}") from error
