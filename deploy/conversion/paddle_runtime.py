"""Exported models run by Paddle: what `.nb` files and int8 models are judged by.

Never in a process that has loaded paddlelite.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ppghost.errors import ConversionError
from ppghost.formats.exported import ExportedModel
from ppghost.i18n import Message, tr
from ppghost.utils.paddle_inference import Engine, EngineError

if TYPE_CHECKING:
    import numpy as np


class Runner:
    """An exported model in Paddle's own runtime, in plain kernels on every core.

    Args:
        model: its program as it is now.
        program: another one for the model's parameters.

    Raises:
        ConversionError: Paddle cannot load it.
    """

    def __init__(self, model: ExportedModel, program: Any = None) -> None:
        program = model.program if program is None else program
        with _conversion_errors(
            tr("Paddle itself cannot load this model ({error}); export it again")
        ):
            self._engine = Engine(
                program.SerializeToString(), model.params(), threads=os.cpu_count() or 1
            )

    def __call__(self, inputs: Mapping[str, "np.ndarray"]) -> list["np.ndarray"]:
        """Run it once.

        Args:
            inputs: arrays by the names of the model's inputs.

        Returns:
            The outputs in fetch order.

        Raises:
            ConversionError: Paddle cannot run it on them.
        """
        with _conversion_errors(
            tr("Paddle itself cannot run this model ({error}); export it again")
        ):
            return self._engine(inputs)


def finite_outputs(runner: Runner, inputs: Mapping[str, "np.ndarray"]) -> list["np.ndarray"] | None:
    """What Paddle gives for `inputs`, which are by name, in fetch order; None if it gets NaN.

    Raises:
        ConversionError: Paddle cannot run the model.
    """
    import numpy as np

    outputs = runner(inputs)
    return outputs if all(np.isfinite(output).all() for output in outputs) else None


@contextlib.contextmanager
def _conversion_errors(text: Message) -> Iterator[None]:
    """Say in one line what Paddle could not do."""
    try:
        yield
    except EngineError as error:
        raise ConversionError(text.format(error=error)) from error
