"""Exported models run by Paddle: what `.nb` files and int8 models are judged by.

Never in a process that has loaded paddlelite.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ppghost.errors import ConversionError
from ppghost.formats.exported import ExportedModel
from ppghost.utils.paddle_inference import Engine, EngineError

if TYPE_CHECKING:
    import numpy as np


class Runner:
    """An exported model in Paddle's own runtime, in plain kernels.

    Args:
        model: its program as it is now.
        threads: of the CPU's kernels.

    Raises:
        ConversionError: Paddle cannot load it.
    """

    def __init__(self, model: ExportedModel, threads: int = 1) -> None:
        with _conversion_errors("load"):
            self._engine = Engine(
                model.program.SerializeToString(), model.params(), threads=threads
            )

    def __call__(self, inputs: Mapping[str, "np.ndarray"]) -> list["np.ndarray"]:
        """Run it once.

        Args:
            inputs: float32 arrays by the names of the model's inputs.

        Returns:
            The outputs in fetch order.

        Raises:
            ConversionError: Paddle cannot run it on them.
        """
        with _conversion_errors("run"):
            return self._engine(inputs)


def reference_outputs(
    model: ExportedModel, inputs: Mapping[str, "np.ndarray"]
) -> list["np.ndarray"]:
    """What Paddle gives for `inputs`, which are by name, in fetch order.

    Raises:
        ConversionError: Paddle cannot run the model or gets NaN.
    """
    import numpy as np

    outputs = Runner(model)(inputs)
    if not all(np.isfinite(output).all() for output in outputs):
        raise ConversionError("Paddle itself computes NaN or infinity from normal noise")
    return outputs


@contextlib.contextmanager
def _conversion_errors(verb: str) -> Iterator[None]:
    """Say in one line what Paddle could not do."""
    try:
        yield
    except EngineError as error:
        raise ConversionError(
            f"Paddle itself cannot {verb} this model ({error}); export it again"
        ) from error
