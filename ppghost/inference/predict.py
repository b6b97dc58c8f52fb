"""Class and score for images, from an exported model and nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ppghost.errors import CheckFailed, InputError
from ppghost.formats.exported import open_model
from ppghost.formats.program_desc import declared_shape, feed_names
from ppghost.inference.input_shape import misfit
from ppghost.inference.labels import check_count, read_labels
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
        threshold: the score that class 1 of two must have to be the answer, with ThreshOutput.

    Raises:
        InputError: a file is missing or damaged, or the program holds an operator that does more
            than compute.
    """

    def __init__(self, model_dir: str | Path) -> None:
        model_dir = Path(model_dir)
        self._read = ImageReader(model_dir)
        post = next(iter(self._read.description["PostProcess"].values()), None) or {}
        self.default_topk: int = post.get("topk", 5)
        self.labels: list[str | None] = post.get("label_list") or []
        self.threshold: float | None = post.get("threshold")
        self._model_dir, model = model_dir, open_model(model_dir)
        names = feed_names(model.program)
        if len(names) != 1:
            raise InputError(f"{model_dir}: takes {len(names)} inputs; only one can be an image")
        [self._input] = names
        batch, *self._shape = declared_shape(model.program, self._input)
        self._batch = max(1, batch)  # of more than one, all are the same image
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
        if misfit(tensor.shape, self._shape):
            name = "image" if isinstance(image, np.ndarray) else image
            raise InputError(
                f"{name}: the model's transform_ops make {list(tensor.shape)} of it, the model "
                f"takes {self._shape}"
            )
        try:
            return self._engine({self._input: np.repeat(tensor[None], self._batch, 0)})[0][0]
        except EngineError as error:
            raise InputError(f"{self._model_dir}: the model cannot be run: {error}") from error

    def topk(self, image: str | Path | np.ndarray, k: int | None = None) -> list[Prediction]:
        """The classes with the highest scores, best first.

        Args:
            image: as for a call.
            k: how many; `default_topk` if None. With a `threshold` there then is one: class 1 if
                its score reaches it, else class 0 with the rest.

        Raises:
            InputError: as for a call.
            CheckFailed: the scores are no numbers.
        """
        scores = self(image)
        if np.isnan(scores).any():
            name = "image" if isinstance(image, np.ndarray) else image
            raise CheckFailed(f"{name}: the scores are NaN; are the model's weights?")
        if self.threshold is not None and k is None and len(scores) == 2:
            chosen = int(scores[1] >= self.threshold)
            score = scores[1] if chosen else 1 - scores[1]
            return [Prediction(chosen, float(score), self._label(chosen))]
        best = np.argsort(-scores, kind="stable")[: k or self.default_topk]
        return [
            Prediction(int(index), float(scores[index]), self._label(int(index))) for index in best
        ]

    def _label(self, index: int) -> str | None:
        return self.labels[index] if index < len(self.labels) else None

    @property
    def classes(self) -> int | None:
        """How many the model says that it has."""
        count = self._read.description.get("Global", {}).get("class_num")
        return count if isinstance(count, int) else None


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
        An image that cannot be answered has no class and "error", one line.

    Raises:
        InputError: no such model or label file; or images that cannot be answered, after all
            others were: its `result` is what would have been returned.
        CheckFailed: the same, where the scores of an image are no numbers.
    """
    predictor = Predictor(model_dir)
    if labels is not None:
        predictor.labels = read_labels(Path(labels))
        if predictor.classes is not None:
            check_count(predictor.labels, predictor.classes, labels)
    results: list[dict[str, Any]] = []
    failures: list[InputError | CheckFailed] = []
    for image in images:
        result: dict[str, Any] = {"image": str(image), "topk": []}
        try:
            result["topk"] = [found._asdict() for found in predictor.topk(image, topk)]
        except (InputError, CheckFailed) as error:
            failures.append(error)
            result["error"] = str(error)
        results.append(result)
    if failures:
        raise _summary(failures, results)
    return results


def _summary(
    failures: list[InputError | CheckFailed], results: list[dict[str, Any]]
) -> InputError | CheckFailed:
    """What is raised for images that could not be answered; scores of NaN count most."""
    worst = next((error for error in failures if isinstance(error, CheckFailed)), failures[0])
    count = f"{len(failures)} of {len(results)} images could not be answered, for instance "
    error = type(worst)(f"{count if len(results) > 1 else ''}{worst}")
    error.result = results
    return error
