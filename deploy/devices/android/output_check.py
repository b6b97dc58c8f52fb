"""Whether a model computes on a phone what Paddle computed on the same seeded input."""

import re
from collections.abc import Sequence
from typing import Any

from ppghost.deploy.devices.notes import Note
from ppghost.deploy.nb import output_check
from ppghost.deploy.nb.reference import Reference, seeded_inputs
from ppghost.deploy.nb.sidecar import NbModel
from ppghost.errors import ConversionError, DeviceError

#: kernels that round: held to what files of weights as coarse are held to (not tried on a phone)
_AS_COARSE_AS = {"fp16": "int16", "int8": "int8"}


def input_texts(model: NbModel, reference: Reference) -> list[str]:
    """The seeded inputs as benchmark_bin reads them.

    Args:
        model: whose inputs.
        reference: with the seed of Paddle's outputs.

    Returns:
        A text for each input, in their order: numbers between blanks.
    """
    # nine digits tell every float32 from its neighbours
    return [
        " ".join(f"{value:.9g}" for value in array.ravel()) + "\n"
        for array in seeded_inputs(model.inputs, reference["seed"]).values()
    ]


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
        raise DeviceError(f"{what} holds something else than numbers") from error


def compare(
    model: NbModel, reference: Reference, outputs: Sequence[Sequence[float]]
) -> dict[str, Any]:
    """What a phone computed against what Paddle did.

    Args:
        model: what was run.
        reference: Paddle's outputs; of a large one the beginning only.
        outputs: the phone's, flat, in fetch order.

    Returns:
        {"max_abs_diff", "ok": True, "where": "device"}.

    Raises:
        DeviceError: they differ by more than the file's precision explains.
    """
    import numpy as np

    expected = [np.array(values) for values in reference["outputs"]]
    # what is too short stays so, and is refused for its shape
    actual = [
        np.array(values)[: len(known)] for values, known in zip(outputs, expected, strict=True)
    ]
    rounded = model.options["weights"] or _AS_COARSE_AS.get(model.info.precision)
    try:
        return {**output_check.compare(actual, expected, rounded), "where": "device"}
    except ConversionError as error:
        raise DeviceError(f"{error}; convert it again") from error


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
