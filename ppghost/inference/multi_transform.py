"""A teacher that looks at several forms of each image: several sizes, and mirrored."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ppghost import weights
from ppghost.data.transforms.operation import BadImage
from ppghost.data.transforms.pixels import DecodeImage
from ppghost.errors import CheckFailed, InputError
from ppghost.inference.detect import Detector
from ppghost.inference.export import describe, export, infer_transforms
from ppghost.inference.predict import Predictor
from ppghost.inference.voting import vote
from ppghost.static.program import image_shape, with_image_shape
from ppghost.tasks.factory import task_of
from ppghost.weights.pretrained import pretrained_path

#: image sizes of a detector over that of its config; a classifier has that one alone
SCALES = (0.75, 1.0, 1.25)
#: sizes are rounded to multiples of this
_STRIDE = 32
#: what says sizes in pixels in the transforms
_SIZES = {
    "Resize": ("target_size",),
    "Pad": ("size",),
    "ResizeImage": ("size", "resize_short", "resize_long"),
    "CropImage": ("size",),
}
#: boxes of a lower score, and classes of a smaller share, are forgotten
LEAST_SCORE, LEAST_SHARE = 0.05, 0.0001


class Answer(dict):
    """What a teacher says of an image, as JSON can hold it.

    "size" is its height and width. Of a detector "boxes" are [class, score, x1, y1, x2, y2] each,
    of a classifier "shares" [class, share] each, the largest first.
    """


class Teacher(Protocol):
    """Answers images."""

    def clone(self) -> "Teacher":
        """Another one for another thread, with the same weights in memory."""

    def __call__(self, image: Path) -> Answer:
        """Its answer. Raises InputError for a broken image, CheckFailed for scores of NaN."""


class DetectingTeacher:
    """A detector's boxes of all forms of an image, merged by `ppghost.inference.voting.vote`.

    Args:
        detectors: of each size.
        flip: look at the mirrored image too.
    """

    def __init__(self, detectors: Sequence[Detector], flip: bool) -> None:
        self.detectors, self._flip = detectors, flip

    def clone(self) -> "DetectingTeacher":
        """The same for another thread."""
        return DetectingTeacher([detector.clone() for detector in self.detectors], self._flip)

    def __call__(self, image: Path) -> Answer:
        """The boxes that cover at least a pixel."""
        pixels = _decode(image)
        height, width = pixels.shape[:2]
        found = [
            _mirrored(_rows(detector, form), width) if mirrored else _rows(detector, form)
            for form, mirrored in _forms(pixels, self._flip)
            for detector in self.detectors
        ]
        rows = vote(found)
        sides = rows[:, 4:] - rows[:, 2:4]
        rows = rows[(rows[:, 1] >= LEAST_SCORE) & (sides >= 1).all(axis=1)]
        boxes = [
            [int(kind), round(score, 6), *(round(value, 2) for value in box)]
            for kind, score, *box in rows.tolist()
        ]
        return Answer(size=[height, width], boxes=boxes)


class ClassifyingTeacher:
    """The mean of a classifier's scores over all forms of an image.

    Args:
        predictors: of each size.
        flip: look at the mirrored image too.
    """

    def __init__(self, predictors: Sequence[Predictor], flip: bool) -> None:
        self.predictors, self._flip = predictors, flip

    def clone(self) -> "ClassifyingTeacher":
        """The same for another thread."""
        return ClassifyingTeacher([one.clone() for one in self.predictors], self._flip)

    def __call__(self, image: Path) -> Answer:
        """The classes that have a share at all."""
        pixels = _decode(image)
        scores = np.mean(
            [one(form) for form, _ in _forms(pixels, self._flip) for one in self.predictors], axis=0
        )
        if not np.isfinite(scores).all():
            raise CheckFailed("{image}: the scores are NaN; are the model's weights?", image=image)
        best = np.argsort(-scores, kind="stable")
        told = best[: max(int((scores >= LEAST_SHARE).sum()), 1)].tolist()
        shares = [[index, round(float(scores[index]), 6)] for index in told]
        return Answer(size=list(pixels.shape[:2]), shares=shares)


def identify(configs: Sequence[dict[str, Any]], flip: bool) -> dict[str, Any]:
    """What makes a teacher the one that it is, in values that JSON has.

    Args:
        configs: of each size (`at_scale`); `Global.pretrained_model` names the weights.
        flip: as for `load_teacher`.

    Raises:
        InputError: the weights cannot be read, or the transforms do not fit the sizes.
    """
    described = [describe(config) for config in configs]
    arch = configs[0]["Arch"]
    return {
        "weights": _digest(weights.read_state(str(pretrained_path(configs[0])))),
        "network": {key: value for key, value in arch.items() if key != "pretrained"},
        "post-processing": described[0]["PostProcess"],
        "transforms": [description["PreProcess"] for description in described],
        "flip": flip,
    }


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def load_teacher(configs: Sequence[dict[str, Any]], flip: bool) -> Teacher:
    """The teacher of a config.

    Args:
        configs: of each size (`at_scale`); `Global.pretrained_model` names the weights.
        flip: look at mirrored images too.

    Raises:
        InputError: as for `ppghost.inference.export.export`.
    """
    detects = task_of(configs[0]) == "detection"
    models: list[Any] = []
    with tempfile.TemporaryDirectory(prefix="ppghost-") as folder:
        for number, config in enumerate(configs):
            place = Path(folder, str(number))
            export(config | {"Arch": config["Arch"] | {"infer_add_softmax": True}}, place)
            models.append(Detector(place) if detects else Predictor(place))
    return DetectingTeacher(models, flip) if detects else ClassifyingTeacher(models, flip)


def at_scale(config: dict[str, Any], scale: float) -> dict[str, Any]:
    """The config for images of another size, with the transforms of its inference."""
    ops = infer_transforms(config, task_of(config) == "detection")
    if scale != 1:
        channels, *sides = image_shape(config)
        config = with_image_shape(config, [channels, *(_scaled(side, scale) for side in sides)])
        ops = [_op_at_scale(*entry, scale) for op in ops for entry in op.items()]
    return config | {"Infer": config["Infer"] | {"transforms": ops}}


def _op_at_scale(name: str, settings: Any, scale: float) -> dict[str, Any]:
    if not isinstance(settings, dict):
        return {name: settings}
    sizes = _SIZES.get(name, ())
    return {name: {k: _scaled(v, scale) if k in sizes else v for k, v in settings.items()}}


def _scaled(size: Any, scale: float) -> Any:
    if isinstance(size, list | tuple):
        return [_scaled(side, scale) for side in size]
    if not isinstance(size, int) or size < 1:  # free, or not given
        return size
    return max(round(size * scale / _STRIDE), 1) * _STRIDE


def _decode(image: Path) -> np.ndarray:
    """RGB pixels, uint8 [H, W, 3], upright as data sets read them."""
    try:
        return DecodeImage().decode(image.read_bytes())
    except OSError as error:
        raise InputError(
            "{image}: cannot read the image: {strerror}", image=image, strerror=error.strerror
        ) from error
    except BadImage as error:
        raise InputError("{image}: {error}", image=image, error=error) from error


def _forms(pixels: np.ndarray, flip: bool) -> Iterator[tuple[np.ndarray, bool]]:
    """The image, and mirrored."""
    yield pixels, False
    if flip:
        yield np.ascontiguousarray(pixels[:, ::-1]), True


def _rows(detector: Detector, pixels: np.ndarray) -> np.ndarray:
    """What was found, [R, 6]: class, score, x1, y1, x2, y2."""
    rows = [(box.class_id, box.score, *box.bbox) for box in detector(pixels)]
    found = np.array(rows, np.float64).reshape(-1, 6)
    found[:, 4:] += found[:, 2:4]
    return found


def _mirrored(rows: np.ndarray, width: int) -> np.ndarray:
    """Rows of the mirrored image as they lie in the image itself."""
    return np.concatenate(
        [rows[:, :2], width - rows[:, [4]], rows[:, [3]], width - rows[:, [2]], rows[:, [5]]],
        axis=1,
    )
