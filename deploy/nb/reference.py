"""Seeded inputs, and what Paddle computes for them: what a `.nb` is checked by without Paddle.

One kind of input is not enough: a wrong bound of an activation shows at large values only, a
division by zero only where all is zero, an overflow only in the range of real images.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from ppghost.formats.program_desc import InputSpec, input_dtype
from ppghost.i18n import tr

if TYPE_CHECKING:
    import numpy as np

#: kinds of input, and how the arrays of those that are images or features are made, one after the
#: other; `rng` is `numpy.random.default_rng(seed)`
GENERATORS: dict[str, str] = {
    tr("noise"): "numpy.random.default_rng(seed).standard_normal(shape, dtype=numpy.float32)",
    tr("large noise"): "5 * rng.standard_normal(shape, dtype=numpy.float32)",
    tr("spikes"): "0, and 50 * rng.standard_normal(shape) where rng.random(shape) < 0.01",
    tr("picture"): "low to high by rng.random() for each block of 16x16, per channel",
}
#: a classifier's scores are kept whole; of a larger output its beginning tells enough
MAX_VALUES = 2000
#: sides of a picture's blocks, in pixels
_BLOCK = 16


class _Seeded(TypedDict):
    kind: str
    seed: int


class InputKind(_Seeded, total=False):
    """How inputs are made: a key of `GENERATORS`, a seed, and a picture's least and largest value.

    `low` and `high` are what black and white pixels become in the model's own preprocessing, per
    channel.
    """

    low: list[float]
    high: list[float]


class _Outputs(TypedDict):
    generator: str
    shapes: list[list[int]]
    outputs: list[list[float]]


class Reference(InputKind, _Outputs, total=False):
    """The right outputs for `check_inputs(inputs, reference)`, in fetch order.

    `outputs` are flat lists of at most MAX_VALUES values; `shapes` are those of whole outputs.
    `by` is what computed them: "paddle", or "x86" for a file of rounded weights, which is to
    compute what the same weights do there. `correlation` is the least that is right, where kernels
    round; `detections` are the outputs, by their place, that a suppression of boxes left (True in
    older sidecars: all), `boxes` is the least share of these that is right, where it is another
    than usual.
    """

    by: str
    correlation: float
    detections: list[int] | bool
    boxes: float


def check_inputs(inputs: Sequence[InputSpec], how: InputKind) -> "dict[str, np.ndarray]":
    """Arrays by input name, the same for the same `how`.

    Whole numbers, and the factors and sizes that detectors of PaddleDetection ask for, are what
    they would be of a real image: factor 1, the image's height and width, ids 0 and 1.
    """
    import numpy as np

    rng = np.random.default_rng(how["seed"])
    sizes = next((spec["shape"][2:] for spec in inputs if len(spec["shape"]) == 4), [1, 1])
    arrays = {}
    for spec in inputs:
        name, shape, dtype = spec["name"], spec["shape"], np.dtype(input_dtype(spec))
        if name == "scale_factor":
            arrays[name] = np.ones(shape, dtype)
        elif name == "im_shape":
            arrays[name] = np.broadcast_to(np.array(sizes, dtype), shape).copy()
        elif dtype.kind != "f":
            arrays[name] = rng.integers(0, 2, shape).astype(dtype)
        else:
            arrays[name] = _values(rng, shape, how).astype(dtype, copy=False)
    return arrays


def _values(rng: "np.random.Generator", shape: list[int], how: InputKind) -> "np.ndarray":
    import numpy as np

    if how["kind"] == "picture" and len(shape) == 4:
        return _picture(rng, shape, how)
    noise = rng.standard_normal(shape, dtype=np.float32)
    if how["kind"] == "large noise":
        return 5 * noise
    if how["kind"] == "spikes":
        return np.where(rng.random(shape) < 0.01, 50 * noise, np.float32(0))
    return noise


def _picture(rng: "np.random.Generator", shape: list[int], how: InputKind) -> "np.ndarray":
    import numpy as np

    n, c, height, width = shape
    blocks = rng.random((n, c, -(-height // _BLOCK), -(-width // _BLOCK)), np.float32)
    pixels = blocks.repeat(_BLOCK, 2).repeat(_BLOCK, 3)[:, :, :height, :width]
    low, high = (np.array(how[key], np.float32).reshape(1, -1, 1, 1) for key in ("low", "high"))
    return low + (high - low) * pixels


def describe_reference(
    how: InputKind,
    outputs: Sequence["np.ndarray"],
    *,
    by: str = "paddle",
    correlation: float | None = None,
    detections: Sequence[int] = (),
    boxes: float | None = None,
) -> Reference:
    """The right `outputs` for the inputs of `how`, in the form that a sidecar keeps."""
    reference: Reference = {
        **how,
        "generator": GENERATORS[how["kind"]],
        "shapes": [list(output.shape) for output in outputs],
        # nine digits tell every float32 from its neighbours
        "outputs": [
            [float(f"{value:.9g}") for value in output.ravel()[:MAX_VALUES].tolist()]
            for output in outputs
        ],
        "by": by,
    }
    if correlation is not None:
        reference["correlation"] = correlation
    if detections:
        reference["detections"] = list(detections)
    if boxes is not None:
        reference["boxes"] = boxes
    return reference
