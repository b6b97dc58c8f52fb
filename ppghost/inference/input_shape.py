"""Whether what the transforms make of an image is what a network takes."""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError
from ppghost.i18n import tr

logger = logging.getLogger(__name__)

#: height and width of the images that people have: photographs, on end too, panoramas, thumbnails
_SIZES = ((427, 640), (640, 427), (300, 900), (40, 40))


def misfit(made: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether a shape is another than the one wanted, in which sizes below 1 are free."""
    return len(made) != len(wanted) or any(
        size > 0 and size != other for size, other in zip(wanted, made, strict=True)
    )


def check_transforms(transform: Callable, wanted: Sequence[int], key: str) -> None:
    """Try the transforms on images of several sizes; warn where only some of them fit.

    Args:
        transform: from pixels, and a generator, to the network's input.
        wanted: [C, H, W] of the network's input, -1 where it is free.
        key: of the transforms, for messages.

    Raises:
        InputError: they do not even fit an image of the network's own size.
    """
    _, height, width = (size if size > 0 else 224 for size in wanted)
    for size in ((height, width), *_SIZES):
        try:
            made = list(transform(np.zeros((*size, 3), np.uint8), np.random.default_rng(0)).shape)
            if not misfit(made, wanted):
                continue
            outcome = tr("make {made} of an image of {size}x{size2} pixels").format(
                made=made, size=size[1], size2=size[0]
            )
        except BadImage as error:
            outcome = tr("fail on an image of {size}x{size2} pixels, which {error}").format(
                size=size[1], size2=size[0], error=error
            )
        problem = tr("{key} {outcome}, the exported model takes {wanted}").format(
            key=key, outcome=outcome, wanted=list(wanted)
        )
        if size == (height, width):
            raise InputError("{problem}; change them or Global.image_shape", problem=problem)
        logger.warning(
            "%s: such images cannot be predicted; ResizeImage with size, or CropImage at the end, "
            "makes one size of all",
            problem,
        )
        return
