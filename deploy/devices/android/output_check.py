"""Whether a model computes on a phone what Paddle computed on the same seeded input."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ppghost.deploy.devices.notes import Note
from ppghost.deploy.nb import output_check
from ppghost.deploy.nb.box_check import CHECK_BOXES
from ppghost.deploy.nb.difference import Difference
from ppghost.deploy.nb.model import NbModel
from ppghost.deploy.nb.reference import Reference, check_inputs
from ppghost.errors import ConversionError, DeviceError, OutputMismatch

if TYPE_CHECKING:
    import numpy as np

#: kernels that round: held to what files of weights as coarse are held to, where the reference does
#: not say more
_AS_COARSE_AS = {"fp16": "int16", "int8": "int8"}


def input_texts(model: NbModel, reference: Reference) -> list[str]:
    """The seeded inputs as benchmark_bin reads them.

    Args:
        model: whose inputs.
        reference: how the inputs are made.

    Returns:
        A text for each input, in their order: numbers between blanks.
    """
    return array_texts(check_inputs(model.inputs, reference))


def array_texts(arrays: "Mapping[str, np.ndarray]") -> list[str]:
    """Arrays as benchmark_bin reads them, a text for each."""
    # nine digits tell every float32 from its neighbours
    return [" ".join(f"{value:.9g}" for value in array.ravel()) + "\n" for array in arrays.values()]


def numbers(text: str, what: str) -> list[float]:
    """The numbers in a text.

    Args:
        text: with blanks or commas between them.
        what: what the text is, for messages.

    Raises:
        DeviceError: it holds something else.
    """
    try:
        return [float(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise DeviceError("{what} holds something else than numbers", what=what) from error


def compare(model: NbModel, reference: Reference, outputs: Sequence[Sequence[float]]) -> Difference:
    """What a phone computed against what is right.

    Args:
        model: what was run.
        reference: the right outputs; of a large one the beginning only.
        outputs: the phone's, flat, in fetch order.

    Returns:
        How far they are apart.

    Raises:
        OutputMismatch: they differ by more than the file's precision explains.
    """
    shapes = zip(outputs, reference["outputs"], reference["shapes"], strict=True)
    pairs = [_shaped(found, right, shape) for found, right, shape in shapes]
    try:
        return output_check.compare(
            [found for found, _ in pairs],
            [right for _, right in pairs],
            correlation=_least_correlation(model, reference),
            detections=reference.get("detections", ()),
            boxes=reference.get("boxes", CHECK_BOXES),
        )
    except ConversionError as error:
        raise OutputMismatch("{error}; convert it again", error=error) from error


def _shaped(
    found: Sequence[float], right: Sequence[float], shape: Sequence[int]
) -> tuple["np.ndarray", "np.ndarray"]:
    """Both as arrays: rows of boxes where they are whole, else flat and as long as is known."""
    import numpy as np

    known, values = np.array(right, np.float32), np.array(found, np.float32)
    if len(shape) == 2 and known.size == math.prod(shape) and not values.size % max(shape[1], 1):
        return values.reshape(-1, shape[1]), known.reshape(shape)
    # what is too short stays so, and is refused for its shape
    return values[: known.size], known


def _least_correlation(model: NbModel, reference: Reference) -> float | None:
    """None where a file is to compute the same as its reference, but for the last bits."""
    if "correlation" in reference:
        return reference["correlation"]
    if reference.get("by") == "x86":
        return None
    rounded = model.options["weights"] or _AS_COARSE_AS.get(model.info.precision)
    return output_check.CHECK_CORRELATION[rounded] if rounded else None


def shown(text: str, index: int) -> str:
    """The numbers of an output that --show_output_elem printed, between blanks.

    Args:
        text: what the program printed.
        index: the output's.
    """
    return " ".join(re.findall(rf"^out\[{index}\]\[\d+\]:(\S+)", text, re.MULTILINE))


def unchecked(why: Note) -> dict[str, Any]:
    """The result of a check that cannot be made.

    Args:
        why: it cannot.
    """
    return {"max_abs_diff": None, "ok": None, "why": why, "where": "device"}
