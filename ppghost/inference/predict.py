"""Class and score for images, from an exported model and nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ppghost.errors import InputError
from ppghost.formats.exported import open_model
from ppghost.formats.program_desc import feed_names
from ppghost.inference.labels import read_labels
from ppghost.inference.preprocess import ImageReader
from ppghost.utils.paddle_inference import Engine, EngineError


class Prediction(NamedTuple):
    """A class and its score; `label` is None where the class has no known name."""

    class_id: int
    score: float
    label: str | None


class Predictor:
    """An exported model, ready for images; it needs neither of Paddle's modes and changes none.

    Args:
        model_dir: the folder of an exported model with its inference.yml.

    Attributes:
        labels: class names by class id; empty where inference.yml has none.
        default_topk: how many classes inference.yml asks for.

    Raises:
        InputError: a file is missing or damaged, or the program holds an operator that does more
            than compute.
    """

    def __init__(self, model_dir: str | Path) -> None:
        model_dir = Path(model_dir)
        self._read = ImageReader(model_dir)
        post = next(iter(self._read.description["PostProcess"].values()), None) or {}
        self.default_topk: int = post.get("topk", 5)
        self.labels: list[str] = post.get("label_list") or []
        self._model_dir, model = model_dir, open_model(model_dir)
        names = feed_names(model.program)
        if len(names) != 1:
            raise InputError(f"{model_dir}: takes {len(names)} inputs; only one can be an image")
        [self._input] = names
        try:
            self._engine = Engine(model.program.SerializeToString(), model.params())
        except EngineError as error:
            raise InputError(f"{model_dir}: the model cannot be loaded: {error}") from error

    def __call__(self, image: str | Path | np.ndarray) -> np.ndarray:
        """Scores of one image.

        Args:
            image: an image file, or RGB pixels, uint8 [H, W, 3], of any size.

        Returns:
            float32 [class_num]; softmax has been applied to them by what `ppghost export` writes.

        Raises:
            InputError: not an image that can be read, or one that the model does not take.
        """
        tensor = np.ascontiguousarray(self._read(image))
        try:
            return self._engine({self._input: tensor[None]})[0][0]
        except EngineError as error:
            raise InputError(f"{self._model_dir}: the model cannot be run: {error}") from error

    def topk(self, image: str | Path | np.ndarray, k: int | None = None) -> list[Prediction]:
        """The classes with the highest scores, best first.

        Args:
            image: as for a call.
            k: how many; `default_topk` if None.

        Raises:
            InputError: as for a call.
        """
        scores = self(image)
        best = np.argsort(-scores, kind="stable")[: k or self.default_topk]
        return [
            Prediction(
                int(index),
                float(scores[index]),
                self.labels[index] if index < len(self.labels) else None,
            )
            for index in best
        ]


def predict(
    model_dir: str | Path,
    images: Sequence[str | Path],
    topk: int | None = None,
    labels: str | Path | None = None,
) -> list[dict[str, Any]]:
    """The best classes of image files, as `ppghost predict` tells them.

    Args:
        model_dir: the folder of an exported model.
        images: image files.
        topk: how many classes of each; what inference.yml says if None.
        labels: a file of class names in place of those of inference.yml.

    Returns:
        [{"image", "topk": [{"class_id", "score", "label"}]}], best first; label null if unknown.

    Raises:
        InputError: no such model, image or label file.
    """
    predictor = Predictor(model_dir)
    if labels is not None:
        predictor.labels = read_labels(Path(labels))
    return [
        {
            "image": str(image),
            "topk": [prediction._asdict() for prediction in predictor.topk(image, topk)],
        }
        for image in images
    ]
