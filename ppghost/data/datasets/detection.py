"""Images with boxes: what data sets of VOC's and COCO's form share."""

from __future__ import annotations

import hashlib
import logging
import os
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from ppghost.data.annotations import Annotation, Objects, Target
from ppghost.data.datasets.box_labels import BoxLabels, good_boxes
from ppghost.data.datasets.image_files import BadImages, are_files, read_file
from ppghost.data.transforms.boxes.compose import build_box_transforms
from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError
from ppghost.i18n import tr

logger = logging.getLogger(__name__)

#: classes in a message
_NAMED = 5
#: EXIF orientations of an image that lies on its side
_LYING = range(5, 9)


class DetectionDataSet(ABC):
    """Images with boxes, from PaddleDetection's annotation files and with its keys.

    Everything that the annotations say is checked here; only what needs decoding is found later,
    by `load`: a broken image, and one of another size than its annotation says.

    Args:
        dataset_dir: folder that the other paths are relative to.
        anno_path: the annotation file.
        image_dir: folder of the images below `dataset_dir`; that one itself if None.
        allow_empty: keep images without boxes; else they are left out, as in PaddleDetection.
        transform_ops: operations as in the config, Decode first; none only decodes.
        class_num: how many classes the network has.
        on_bad_image: the config's Global.bad_images, "stop" or "skip".
        on_bad_box: the config's Global.bad_boxes: "stop" or "skip", at boxes without area, outside
            of their image, or of an unknown class. Boxes that reach over an edge are cut there.
        where: key of this data set in the config, for messages.

    Raises:
        InputError: missing or malformed files, an image named twice, bad images or boxes (unless
            skipped), another number of classes, no image at all, wrong operations.
    """

    #: pixels before the right and lower edge at which boxes are cut
    margin = 0
    #: whether a network is trained on what an evaluation ignores
    trains_on_ignored = True

    class_names: list[str]
    #: what results call the classes
    category_ids: list[int]

    def __init__(
        self,
        dataset_dir: str | Path,
        anno_path: str | Path,
        image_dir: str | Path | None = None,
        allow_empty: bool = False,
        transform_ops: list[dict] | None = None,
        *,
        class_num: int | None = None,
        on_bad_image: str = "stop",
        on_bad_box: str = "stop",
        where: str = "DataLoader.Train.dataset",
    ) -> None:
        if on_bad_box not in ("stop", "skip"):
            raise ValueError(
                tr("on_bad_box is {on_bad_box!r}, neither stop nor skip").format(
                    on_bad_box=on_bad_box
                )
            )
        self.bad_images = BadImages(on_bad_image)
        self.skips_boxes = on_bad_box == "skip"
        self.anno_file = Path(dataset_dir) / anno_path
        self.image_root = Path(dataset_dir) / (image_dir or "")
        self._check_places(Path(dataset_dir), where)
        ops = transform_ops or [{"Decode": None}]
        self.transforms = build_box_transforms(ops, f"{where}.transform_ops")
        labels = self._known_sizes(self._present(self._read()))
        self._check_class_num(class_num)
        self._check_names(labels)
        labels = good_boxes(labels, self.margin, self.skips_boxes)
        self._keep(labels if allow_empty else self._with_objects(labels))

    @abstractmethod
    def _read(self) -> BoxLabels:
        """What the annotation file says; sets `class_names` and `category_ids`."""

    @abstractmethod
    def _where(self, key: int) -> str:
        """Where the image of this line or id stands."""

    def _check_places(self, dataset_dir: Path, where: str) -> None:
        for key, folder in (("dataset_dir", dataset_dir), ("image_dir", self.image_root)):
            if not folder.is_dir():
                raise InputError(
                    "{where}.{key}: {folder} is not a folder", where=where, key=key, folder=folder
                )
        if not self.anno_file.is_file():
            raise InputError(
                "{where}.anno_path: {anno_file} is not a file",
                where=where,
                anno_file=self.anno_file,
            )

    def _present(self, labels: BoxLabels) -> BoxLabels:
        exists = np.array(are_files(self.image_root, labels.paths), bool)
        problems = [
            tr("{where}: image {image_root} does not exist").format(
                where=self._where(labels.keys[place]),
                image_root=self.image_root / labels.paths[place],
            )
            for place in np.flatnonzero(~exists)
        ]
        self.bad_images.leave_out(problems, len(exists), missing=True)
        return labels.with_images(exists)

    def _known_sizes(self, labels: BoxLabels) -> BoxLabels:
        """With the sizes that the annotations do not say, out of the images' headers."""
        sizes, problems = labels.sizes.copy(), []
        for place in np.flatnonzero((labels.sizes <= 0).any(axis=1)):
            path = self.image_root / labels.paths[place]
            try:
                sizes[place] = _size_in_header(path)
            except BadImage as error:
                problems.append(
                    tr("{where}: image {path} {error}").format(
                        where=self._where(labels.keys[place]), path=path, error=error
                    )
                )
                sizes[place] = 0
        self.bad_images.leave_out(problems, len(sizes))
        return labels._replace(sizes=sizes).with_images((sizes > 0).all(axis=1))

    def _check_class_num(self, class_num: int | None) -> None:
        if class_num is not None and len(self.class_names) != class_num:
            names = ", ".join(self.class_names[:_NAMED]) + ", ..." * (
                len(self.class_names) > _NAMED
            )
            raise InputError(
                "{anno_file}: {count} classes ({names}), but Arch.class_num is {class_num}",
                anno_file=self.anno_file,
                count=len(self.class_names),
                names=names,
                class_num=class_num,
            )

    def _check_names(self, labels: BoxLabels) -> None:
        seen: dict[str, int] = {}
        for path, key in zip(labels.paths, labels.keys.tolist(), strict=True):
            if (first := seen.setdefault(path, key)) != key:
                raise InputError(
                    "{where}: image {path} has been named before, at {first_where}: remove "
                    "one of them",
                    where=self._where(key),
                    path=path,
                    first_where=self._where(first),
                )

    def _with_objects(self, labels: BoxLabels) -> BoxLabels:
        """Without the images that have nothing to learn from."""
        learnt = labels.owners if self.trains_on_ignored else labels.owners[~labels.ignored]
        found = np.bincount(learnt, minlength=len(labels.paths)) > 0
        if not found.all():
            logger.info(
                "%s: %d of %d images have no box and are left out (allow_empty keeps them)",
                self.anno_file, (~found).sum(), len(found),
            )  # fmt: skip
        return labels.with_images(found)

    def _keep(self, labels: BoxLabels) -> None:
        if not labels.paths:
            raise InputError("{anno_file}: no image in it that has a box", anno_file=self.anno_file)
        self._paths = np.array([os.fsencode(path) for path in labels.paths])
        self._keys, self._sizes = labels.keys, labels.sizes
        #: boxes of image i are those from _starts[i] to _starts[i + 1]
        self._starts = np.searchsorted(labels.owners, np.arange(len(labels.paths) + 1))
        self._boxes = Objects.of(labels.corners, labels.classes, labels.ignored)

    def __len__(self) -> int:
        return len(self._paths)

    @property
    def image_ids(self) -> list[int]:
        """What results call the images: COCO's ids, VOC's lines in the list."""
        return self._keys.tolist()

    def class_counts(self) -> np.ndarray:
        """How many objects there are of each class, without those to ignore: int64 [class_num]."""
        counted = self._boxes.classes[~self._boxes.ignored]
        return np.bincount(counted, minlength=len(self.class_names))

    def files(self) -> list[str]:
        """The images' full paths, in their order."""
        root = os.path.abspath(self.image_root)
        return [os.path.join(root, os.fsdecode(path)) for path in self._paths.tolist()]

    def fingerprint(self) -> str:
        """The images' names and objects in their order, as a short hash; not where they lie."""
        digest = hashlib.sha256(b"\n".join(map(os.path.basename, self._paths.tolist())))
        objects = self._boxes
        for values in (self._starts, objects.boxes, objects.classes, objects.ignored):
            digest.update(values.tobytes())
        return digest.hexdigest()[:16]

    def _objects(self, index: int) -> Objects:
        start, end = self._starts[index : index + 2]
        return self._boxes.select(np.arange(start, end))

    def _path(self, index: int) -> Path:
        return self.image_root / os.fsdecode(self._paths[index])

    def ground_truth(self, index: int) -> Annotation:
        """What is known of image `index`, in pixels of the original."""
        height, width = self._sizes[index].tolist()
        where = self._where(int(self._keys[index]))
        return Annotation(self._path(index), (height, width), self._objects(index), where)

    def load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, Target]:
        """Read, decode and transform image `index`: float32 [C, H, W] and its target.

        A broken image, or one of another size than its annotation says, ends the run or, with
        on_bad_image "skip", gives its place to the next good one in the list (see `BadImages`).

        Raises:
            TrainingError: the image cannot be used and is not to be skipped, or too many in a row
                cannot be used.
        """
        return self.bad_images.first_good(
            index, len(self), lambda place: self._load(place, rng), self._image_place
        )

    def _image_place(self, index: int) -> str:
        return tr("{where}: image {path}").format(
            where=self._where(int(self._keys[index])), path=self._path(index)
        )

    def _load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, Target]:
        height, width = self._sizes[index].tolist()
        pixels = self.transforms.decoder.decode(read_file(self._path(index)))
        if pixels.shape[:2] != (height, width):
            turned = pixels.shape[:2] == (width, height)
            raise BadImage(
                tr("is {shape}x{shape2}, but its annotation says {width}x{height}").format(
                    shape=pixels.shape[1], shape2=pixels.shape[0], width=width, height=height
                )
                + (tr(": its EXIF data turn it") if turned else "")
            )
        objects = self._objects(index)
        if not self.trains_on_ignored:
            objects = objects.select(~objects.ignored)
        image, objects, scale = self.transforms.transform(pixels, objects, rng)
        return image, Target(objects, index, scale, (height, width))


def _size_in_header(path: Path) -> tuple[int, int]:
    """Height and width of an image as OpenCV decodes it; nothing is decoded. Raises BadImage."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            lies = image.getexif().get(ExifTags.Base.Orientation) in _LYING
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadImage("cannot be read ({error})", error=error) from error
    return (width, height) if lies else (height, width)
