"""Programs of one operator, or of a few that converters join: what operator_sweep.py measures.

`sections()` gives, by section and name, a `Case`. A network is written with Paddle's static API;
its parameters are drawn by the sweep.
"""

from operator_cases import (
    activations,
    arithmetic,
    convolutions,
    joined_convolutions,
    networks,
    pooling,
    reductions,
    resizing,
    scales,
    shapes,
)
from operator_cases.common import Case

Cases = dict[str, Case]


def sections() -> dict[str, Cases]:
    """Every section with its cases."""
    return {
        "Activations and functions of one number": dict(activations.activations()),
        "Scales": dict(scales.scales()),
        "Powers": dict(scales.powers()),
        "Pooling": dict(pooling.pooling()),
        "Convolutions": dict(convolutions.convolutions()),
        "Convolutions that share parameters": dict(joined_convolutions.sharing()),
        "Two convolutions": dict(joined_convolutions.pairs()),
        "Transposed convolutions": dict(joined_convolutions.transposed()),
        "Normalisation": dict(pooling.normalisation()),
        "Resizing and rearranging": dict(resizing.resizing()),
        "Slicing, joining, shapes": dict(shapes.shapes()),
        "Padding": dict(shapes.padding()),
        "Elementwise": dict(arithmetic.elementwise()),
        "Products of matrices": dict(arithmetic.products()),
        "Reductions and searches": dict(reductions.reductions()),
        "Types and comparisons": dict(reductions.types()),
        "Blocks of networks": dict(networks.blocks()),
        "Open sizes, several inputs and outputs": dict(networks.programs()),
    }
