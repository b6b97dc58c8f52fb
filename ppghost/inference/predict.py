"""Class and score for images, from an exported model and nothing else."""

import copy
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ppghost.errors import CheckFailed, InputError
from ppghost.inference.answers import Image, answer_or_error, collect, name_of
from ppghost.inference.image_model import ImageModel
from ppghost.inference.labels import check_count, read_labels
from ppghost.inference.preprocess import ImageReader
from ppghost.utils.paddle_inference import Engine, run_in_threads

#: images at once in each thread: more take more memory and no less time (docs/results.md)
BATCH_SIZE = 4


class Prediction(NamedTuple):
    """A class and its score; `label` is None where the class has no known name."""

    class_id: int
    score: float
    label: str | None


class Predictor:
    """An exported model, ready for images; it needs neither of Paddle's modes and changes none.

    Convolutions and ReLUs are oneDNN's (`ppghost.formats.onednn_ops`), as in training: scores
    differ from those of Paddle's own kernels in the last digits, and so may those of one image in
    batches of different sizes.

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
        self._model_dir, self._model = model_dir, ImageModel(model_dir)
        self._engine = self._model.engine

    def clone(self) -> "Predictor":
        """The same for another thread, with the same weights in memory."""
        other = copy.copy(self)
        other._engine = self._engine.clone()
        return other

    def __call__(self, image: Image) -> np.ndarray:
        """Scores of one image.

        Args:
            image: an image file, or RGB pixels, uint8 [H, W, 3], of any size.

        Returns:
            float32 [class_num]; softmax has been applied to them by what `ppghost export` writes.

        Raises:
            InputError: not an image that can be read, or one that the model does not take.
        """
        return self._scores(self._engine, [self._tensor(image)])[0]

    def topk(self, image: Image, k: int | None = None) -> list[Prediction]:
        """The classes with the highest scores, best first.

        Args:
            image: as for a call.
            k: how many; `default_topk` if None. With a `threshold` there then is one: class 1 if
                its score reaches it, else class 0 with the rest.

        Raises:
            InputError: as for a call.
            CheckFailed: the scores are no numbers.
        """
        return self._best(image, self(image), k)

    def topk_of_each(
        self,
        images: Sequence[Image],
        k: int | None = None,
        *,
        batch_size: int = BATCH_SIZE,
        threads: int = 1,
    ) -> Iterator[list[Prediction] | InputError | CheckFailed]:
        """`topk` of many images, in their order, several at once.

        Args:
            images: each as for a call.
            k: as for `topk`.
            batch_size: how many images the network gets at once, if it takes any number.
            threads: each reads a batch and computes it; each has activations of its own, the
                weights are in memory once.

        Yields:
            For each image what `topk` returns, or the error that it would raise.
        """

        def answer(
            engine: Engine, batch: Sequence[Image]
        ) -> list[list[Prediction] | InputError | CheckFailed]:
            return list(self._answers(engine, batch, k))

        size = self._model.batch if self._model.batch > 0 else batch_size
        batches = [images[start : start + size] for start in range(0, len(images), size)]
        answers = run_in_threads(self._engine, threads, answer, batches)
        yield from itertools.chain.from_iterable(answers)

    def _answers(
        self, engine: Engine, images: Sequence[Image], k: int | None
    ) -> Iterator[list[Prediction] | InputError | CheckFailed]:
        """What `topk` says of each image of a batch, or why it cannot."""
        tensors = [answer_or_error(self._tensor, image) for image in images]
        for image, scores in zip(images, self._scores_or_errors(engine, tensors), strict=True):
            if isinstance(scores, InputError):
                yield scores
            else:
                yield answer_or_error(self._best, image, scores, k)

    def _tensor(self, image: Image) -> np.ndarray:
        """An image as the network's input, float32 [C, H, W]; InputError as for a call."""
        return self._model.check(self._read(image), image)

    def _scores_or_errors(
        self, engine: Engine, tensors: Sequence[np.ndarray | InputError]
    ) -> Iterator[np.ndarray | InputError]:
        """Scores of each tensor; images of one size are computed together."""
        for shape, group in itertools.groupby(tensors, key=_shape_or_none):
            members = list(group)
            scores = members if shape is None else answer_or_error(self._scores, engine, members)
            if not isinstance(scores, InputError):
                yield from scores
            elif len(members) == 1:
                yield scores
            else:  # for which of them is it?
                for tensor in members:
                    yield from self._scores_or_errors(engine, [tensor])

    def _scores(self, engine: Engine, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Scores of tensors of one shape, [class_num] each; InputError where that fails."""
        scores = self._model.run(engine, tensors)[0]
        if len(scores) < len(tensors):
            raise InputError(
                "{model_dir}: gives {shape} for {count} images",
                model_dir=self._model_dir,
                shape=list(scores.shape),
                count=len(tensors),
            )
        return list(scores[: len(tensors)])

    def _best(self, image: Image, scores: np.ndarray, k: int | None) -> list[Prediction]:
        if np.isnan(scores).any():
            raise CheckFailed(
                "{name_of}: the scores are NaN; are the model's weights?", name_of=name_of(image)
            )
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


def _shape_or_none(tensor: np.ndarray | InputError) -> tuple[int, ...] | None:
    return None if isinstance(tensor, InputError) else tensor.shape


def predict(
    model_dir: str | Path,
    images: Sequence[str | Path],
    topk: int | None = None,
    labels: str | Path | None = None,
    *,
    batch_size: int | None = None,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """The best classes of image files, as `ppghost predict` tells them.

    Args:
        model_dir: the folder of an exported model.
        images: image files.
        topk: how many classes of each; what inference.yml says if None.
        labels: a file of class names in place of those of inference.yml.
        batch_size: images at once, where the model takes any number; BATCH_SIZE if None.
        threads: of the CPU; as many as this process may use if None.

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
    threads = threads or len(os.sched_getaffinity(0))
    size = batch_size or BATCH_SIZE
    answers = predictor.topk_of_each(images, topk, batch_size=size, threads=threads)
    return collect(images, answers, "topk", Prediction._asdict)
