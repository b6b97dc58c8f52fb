"""Whether the boxes of a detector tell something of a converted file, or rounding decides them."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ppghost.deploy.conversion.paddle_runtime import Runner
from ppghost.deploy.nb import output_check
from ppghost.deploy.nb.box_check import CHECK_BOXES

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

#: inputs are changed by this share to see which boxes rounding decides; runtimes differ as much
_NUDGE = 1e-5
#: boxes are compared where this share of them stays the same in Paddle itself
_STEADY = 0.95


def least_boxes(
    runner: Runner,
    inputs: "Mapping[str, np.ndarray]",
    outputs: "Sequence[np.ndarray]",
    detections: Sequence[int],
    what: str,
) -> float:
    """The share of boxes to ask for: none where nearly equal ones suppress each other.

    In a detector that was never trained all scores are, and the last bit decides what is left.

    Args:
        runner: of the model in Paddle.
        inputs: by name.
        outputs: what Paddle computes for them.
        detections: which of these a suppression left.
        what: the model and the kind of input, for messages.
    """
    import numpy as np

    nudged = {
        name: values * np.float32(1 + _NUDGE) if values.dtype.kind == "f" else values
        for name, values in inputs.items()
    }
    steady = output_check.compare(
        runner(nudged), outputs, correlation=output_check.ANY, detections=detections, boxes=0
    ).get("equal", 1.0)
    if steady >= _STEADY:
        return CHECK_BOXES
    logger.info(
        "%s: rounding decides which boxes are left (%.0f %% stay in Paddle itself); what stands "
        "before the suppression is compared",
        what,
        100 * steady,
    )
    return 0.0
