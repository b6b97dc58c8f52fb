"""Seeded inputs, and what Paddle computes for them: what a `.nb` is checked by without Paddle."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from ppghost.formats.program_desc import TensorShape

if TYPE_CHECKING:
    import numpy as np

#: how `seeded_inputs` makes its arrays, one after the other
GENERATOR = "numpy.random.default_rng(seed).standard_normal(shape, dtype=numpy.float32)"
#: a classifier's scores are kept whole; of a larger output its beginning tells enough
MAX_VALUES = 2000


class Reference(TypedDict):
    """Paddle's outputs for `seeded_inputs(inputs, seed)`, in fetch order.

    `outputs` are flat lists of at most MAX_VALUES values; `shapes` are those of whole outputs.
    """

    seed: int
    generator: str
    shapes: list[list[int]]
    outputs: list[list[float]]


def seeded_inputs(inputs: Sequence[TensorShape], seed: int) -> "dict[str, np.ndarray]":
    """Standard normal float32 arrays by input name, the same for a seed.

    Normal values, because that is what a normalised image looks like to a network.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    return {
        tensor["name"]: rng.standard_normal(tensor["shape"], dtype=np.float32) for tensor in inputs
    }


def describe_reference(seed: int, outputs: Sequence["np.ndarray"]) -> Reference:
    """Paddle's `outputs` for the inputs of `seed`, in the form that a sidecar keeps."""
    return {
        "seed": seed,
        "generator": GENERATOR,
        "shapes": [list(output.shape) for output in outputs],
        # nine digits tell every float32 from its neighbours
        "outputs": [
            [float(f"{value:.9g}") for value in output.ravel()[:MAX_VALUES]] for output in outputs
        ],
    }
