"""Images as an exported model wants them: what its inference.yml says, in one place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ppghost.data.annotations import Objects
from ppghost.data.datasets.list_files import read_list
from ppghost.data.transforms.boxes.compose import BoxCompose, build_box_transforms
from ppghost.data.transforms.compose import Compose, build_transforms
from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError
from ppghost.formats.exported import CONFIG_FILE, read_description
from ppghost.inference.answers import name_of

T = TypeVar("T")


def image_transforms(ops: list[dict], where: str) -> Compose:
    """The transforms of a list that may leave the decoding to others.

    Raises:
        InputError: see `build_transforms`.
    """
    if not any("DecodeImage" in op for op in ops):
        ops = [{"DecodeImage": {"to_rgb": True, "channel_first": False}}, *ops]
    return build_transforms(ops, where)


class BoxTransform:
    """A detector's transforms of images that have no boxes yet."""

    def __init__(self, compose: BoxCompose) -> None:
        self._compose = compose

    def __call__(self, image: bytes | np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The image as float32 [C, H, W]. Raises BadImage."""
        return self._compose(image, Objects.empty(), rng)[0]

    def with_scale(self, image: bytes | np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
        """The image, and its pixels (x, y) for one of the original. Raises BadImage."""
        made, _, scale = self._compose(image, Objects.empty(), np.random.default_rng(0))
        return made, scale


def box_transforms(ops: list[dict], where: str) -> BoxTransform:
    """A detector's transforms, of a list that may leave the decoding to others.

    Raises:
        InputError: see `build_box_transforms`.
    """
    if not any("Decode" in op or "DecodeImage" in op for op in ops):
        ops = [{"Decode": None}, *ops]
    return BoxTransform(build_box_transforms(ops, where))


class ImageReader:
    """Turns an image into the network's input, as the inference.yml of a folder says.

    Args:
        model_dir: the folder.

    Attributes:
        description: the content of inference.yml.

    Raises:
        InputError: there is no inference.yml, or it does not describe an exported model.
    """

    def __init__(self, model_dir: Path) -> None:
        self.description = read_model_description(model_dir)
        ops, where = self.description["PreProcess"]["transform_ops"], f"{model_dir / CONFIG_FILE}"
        make = box_transforms if detects(self.description) else image_transforms
        self._transform: Compose | BoxTransform = make(ops, f"{where}: transform_ops")

    def __call__(self, image: str | Path | np.ndarray) -> np.ndarray:
        """Read, decode and transform one image.

        Args:
            image: an image file, or RGB pixels, uint8 [H, W, 3].

        Returns:
            float32 [C, H, W].

        Raises:
            InputError: not an image that can be read.
        """
        # no op that inference.yml names is random; the generator is for the ops' signature
        return _apply(image, lambda data: self._transform(data, np.random.default_rng(0)))

    def with_scale(self, image: str | Path | np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
        """The same, and the input's pixels (x, y) for one of the image; of a detector.

        Raises:
            InputError: not an image that can be read.
        """
        assert isinstance(self._transform, BoxTransform)  # noqa: S101 - the caller's
        return _apply(image, self._transform.with_scale)


def read_input(ops: list[dict], image: str | Path | np.ndarray, *, boxes: bool) -> np.ndarray:
    """One image as a network's input, float32 [C, H, W].

    Args:
        ops: the `transform_ops` of its inference.yml.
        image: an image file, or RGB pixels, uint8 [H, W, 3].
        boxes: whether they are a detector's.

    Raises:
        InputError: operations that there are not, or not an image that can be read.
    """
    make = box_transforms if boxes else image_transforms
    transform: Compose | BoxTransform = make(ops, "transform_ops")
    return _apply(image, lambda data: transform(data, np.random.default_rng(0)))


def _apply(image: str | Path | np.ndarray, transform: Callable[[bytes | np.ndarray], T]) -> T:
    data = _pixels(image) if isinstance(image, np.ndarray) else _bytes(image)
    try:
        return transform(data)
    except BadImage as error:
        raise InputError("{name_of}: {error}", name_of=name_of(image), error=error) from error


def _pixels(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(
            "image of {dtype} {shape}: give RGB pixels, uint8 [H, W, 3]",
            dtype=image.dtype,
            shape=list(image.shape),
        )
    return image


def _bytes(image: str | Path) -> bytes:
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise InputError(
            "{image}: cannot read the image: {strerror}", image=image, strerror=error.strerror
        ) from error


def detects(description: dict[str, Any]) -> bool:
    """Whether an inference.yml is that of a detector."""
    return "MultiClassNMS" in description["PostProcess"]


class ListedImages:
    """The images of a list file as network inputs: (float32 [C, H, W], label or None) each.

    A line is `path` or `path label`; paths are relative to `root`, or else to the list's folder.

    Raises:
        InputError: no model, an unreadable or empty list, an image that is not there.
    """

    def __init__(self, model_dir: Path, list_file: Path, root: Path | None = None):
        self._read = ImageReader(model_dir)
        root = list_file.parent if root is None else root
        self._entries: list[tuple[Path, int | None]] = []
        for number, path, label in read_list(list_file):
            if not (root / path).is_file():
                raise InputError(
                    "{list_file}:{number}: no image {root}",
                    list_file=list_file,
                    number=number,
                    root=root / path,
                )
            self._entries.append((root / path, label))
        if not self._entries:
            raise InputError("{list_file}: names no image", list_file=list_file)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int | None]:
        path, label = self._entries[index]
        return self._read(path), label


def read_model_description(model_dir: Path) -> dict[str, Any]:
    """The content of an exported model's inference.yml. Raises InputError: there is none."""
    path = model_dir / CONFIG_FILE
    if not path.is_file():
        raise InputError(
            "{model_dir}: no exported model here, {name} is missing",
            model_dir=model_dir,
            name=path.name,
        )
    description = read_description(model_dir)
    try:
        description["PreProcess"]["transform_ops"], description["PostProcess"].values()
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "{path}: does not describe an exported model; export it again", path=path
        ) from error
    return description
