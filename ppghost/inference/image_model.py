"""An exported model that takes images, loaded and ready, whatever is made of what it gives."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ppghost.errors import InputError
from ppghost.formats.exported import open_model
from ppghost.formats.onednn_ops import use_onednn_in
from ppghost.formats.program_desc import declared_shape, feed_names
from ppghost.inference.answers import Image, name_of
from ppghost.inference.input_shape import misfit
from ppghost.utils.paddle_inference import Engine, EngineError


class ImageModel:
    """A program with one input; convolutions and ReLUs are oneDNN's.

    Args:
        model_dir: the folder of an exported model.

    Attributes:
        engine: runs it; each thread needs a clone.
        batch: images that it takes at once, below 1 for any number.

    Raises:
        InputError: a file is missing or damaged, the program holds an operator that does more than
            compute, or it takes several inputs.
    """

    def __init__(self, model_dir: Path) -> None:
        model = open_model(model_dir)
        names = feed_names(model.program)
        if len(names) != 1:
            raise InputError(
                "{model_dir}: takes {count} inputs; only one can be an image",
                model_dir=model_dir,
                count=len(names),
            )
        [self._input] = names
        self._model_dir = model_dir
        self.batch, *self._shape = declared_shape(model.program, self._input)
        use_onednn_in(model.program)
        try:
            self.engine = Engine(model.program.SerializeToString(), model.params())
        except EngineError as error:
            raise InputError(
                "{model_dir}: the model cannot be loaded: {error}", model_dir=model_dir, error=error
            ) from error

    def check(self, tensor: np.ndarray, image: Image) -> np.ndarray:
        """The tensor [C, H, W] that was made of an image. InputError: it does not fit the model."""
        if misfit(tensor.shape, self._shape):
            raise InputError(
                "{name_of}: the model's transform_ops make {shape} of it, the model takes {shape2}",
                name_of=name_of(image),
                shape=list(tensor.shape),
                shape2=self._shape,
            )
        return np.ascontiguousarray(tensor)

    def run(self, engine: Engine, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Its outputs for tensors of one shape; where it takes more at once the last is repeated.

        Args:
            engine: the model's, or a clone of it.
            tensors: float32 [C, H, W] each, no more than it takes.

        Raises:
            InputError: Paddle cannot run it on them.
        """
        blank = max(self.batch - len(tensors), 0)
        images = np.stack([*tensors, *[tensors[-1]] * blank])
        try:
            return engine({self._input: images})
        except EngineError as error:
            raise InputError(
                "{model_dir}: the model cannot be run: {error}",
                model_dir=self._model_dir,
                error=error,
            ) from error
