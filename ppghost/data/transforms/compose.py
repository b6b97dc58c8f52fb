"""From a config's list of operations to one function that turns an image into network input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ppghost.data.transforms.autoaugment import AutoAugment
from ppghost.data.transforms.color import ColorJitter, PCALighting
from ppghost.data.transforms.construct import construct, one_entry
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
        raise InputError(
            "{where} is {type}: give a list of operations", where=where, type=type(ops).__name__
        )
    operations = [_build(entry, f"{where}.{index}") for index, entry in enumerate(ops)]
    _check_reduced(operations, where)
    return Compose(operations)


def _check_reduced(operations: list[Operation], where: str) -> None:
    """Raise InputError where an image that is not decoded yet would meet what needs its pixels."""
    for index, op in enumerate(operations):
        if not (isinstance(op, DecodeImage) and op.reduced):
            continue
        following = operations[index + 1] if index + 1 < len(operations) else None
        if not isinstance(following, RandCropImage | ResizeImage) or following.averages:
            raise InputError(
                "{where}.{index}.DecodeImage.reduced: RandCropImage or ResizeImage comes "
                "next, without interpolation area",
                where=where,
                index=index,
            )


def _build(entry: dict, where: str) -> Operation:
    name, parameters = one_entry(entry, where)
    return construct(OPS, name, parameters, where)
