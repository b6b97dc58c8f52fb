"""Labelled images from PaddleClas's list files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from ppghost.data.datasets.image_files import BadImages, are_files, read_file
from ppghost.data.datasets.list_files import Sample, check_labels, read_samples, relabelled
from ppghost.data.datasets.soft_labels import SoftLabels
from ppghost.data.transforms.compose import build_transforms
from ppghost.data.transforms.pixels import DecodeImage
from ppghost.errors import InputError, at_key
from ppghost.i18n import tr


class ImageNetDataset:
    """Images named by a list file, one `path label` per line, under a root folder.

    The whole list is checked here: a run must not end in its third hour over a line that could
    have been read in its first second. Only what needs decoding is found later, by `load`.

    Args:
        image_root: folder that the list's paths are relative to.
        cls_label_path: the list file.
        transform_ops: operations as in the config, DecodeImage first; none only decodes.
        delimiter: what separates path and label; a space if None.
        relabel: number the labels that occur 0, 1, ... in ascending order (PaddleClas numbers them
            as a Python set happens to give them: the same for 1..N, not for labels with gaps).
        soft_labels: a file that `ppghost label` has made with a classifier: images in it have the
            teacher's shares of the classes for a label, all others 1 for their own class.
        class_num: labels must be below this; not checked if None.
        on_bad_image: the config's Global.bad_images: "stop" ends the run at a missing or broken
            image, "skip" goes on without.
        where: key of this data set in the config, for messages.

    Raises:
        InputError: a missing root or list, a malformed line, a label that is no integer or out of
            range, no image at all, a missing image (unless skipped), wrong operations.
    """

    def __init__(
        self,
        image_root: str | Path,
        cls_label_path: str | Path,
        transform_ops: list[dict] | None = None,
        delimiter: str | None = None,
        relabel: bool = False,
        soft_labels: str | Path | None = None,
        *,
        class_num: int | None = None,
        on_bad_image: str = "stop",
        where: str = "DataLoader.Train.dataset",
    ) -> None:
        self.bad_images = BadImages(on_bad_image)
        self.image_root = Path(image_root)
        self.list_file = Path(cls_label_path)
        if not self.image_root.is_dir():
            raise InputError(
                "{where}.image_root: {image_root} is not a folder",
                where=where,
                image_root=image_root,
            )
        ops = transform_ops or [{"DecodeImage": None}]
        self.transforms = build_transforms(ops, f"{where}.transform_ops")
        if not isinstance(self.transforms.operations[0], DecodeImage):
            raise InputError(
                "{where}.transform_ops.0: give DecodeImage first, these are files", where=where
            )
        with at_key(f"{where}.cls_label_path"):
            samples = read_samples(self.list_file, delimiter)
        if relabel:
            samples = relabelled(samples)
        check_labels(samples, class_num, self.list_file)
        samples = self._present(samples)
        if not samples:
            raise InputError(
                "{where}.cls_label_path: {list_file} names no image",
                where=where,
                list_file=self.list_file,
            )
        # in arrays: a million tuples take seconds, and 350 MB, on their way to each worker
        self._paths = np.array([os.fsencode(sample.path) for sample in samples])
        self._labels = np.array([sample.label for sample in samples])
        self._lines = np.array([sample.line for sample in samples])
        self._soft: SoftLabels | None = None
        if soft_labels is not None:
            with at_key(f"{where}.soft_labels"):
                names = [sample.path for sample in samples]
                self._soft = SoftLabels(Path(soft_labels), names, self._labels, class_num)

    def __len__(self) -> int:
        return len(self._paths)

    def files(self) -> list[str]:
        """The images' full paths, in their order."""
        root = os.path.abspath(self.image_root)
        return [os.path.join(root, os.fsdecode(path)) for path in self._paths.tolist()]

    def fingerprint(self) -> str:
        """The images' names and labels in their order, as a short hash; not where they lie."""
        names = b"\n".join(os.path.basename(path) for path in self._paths.tolist())
        soft = self._soft.digest() if self._soft else b""
        return hashlib.sha256(names + self._labels.tobytes() + soft).hexdigest()[:16]

    def _sample(self, index: int) -> Sample:
        path = os.fsdecode(self._paths[index])
        return Sample(path, int(self._labels[index]), int(self._lines[index]))

    def load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int | np.ndarray]:
        """Read, decode and transform image `index`: float32 [C, H, W] and its label.

        With `soft_labels` it is the shares of the classes, float32 [class_num].

        A broken image ends the run or, with on_bad_image "skip", gives its place to the next good
        one in the list (see `BadImages`).

        Raises:
            TrainingError: the image cannot be used and is not to be skipped, or too many in a row
                cannot be used.
        """
        return self.bad_images.first_good(
            index,
            len(self),
            lambda place: self._read(place, rng),
            lambda place: self._place(self._sample(place)),
        )

    def _read(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int | np.ndarray]:
        sample = self._sample(index)
        data = read_file(self.image_root / sample.path)
        return self.transforms(data, rng), self._soft[index] if self._soft else sample.label

    def _place(self, sample: Sample) -> str:
        return tr("{list_file}:{line}: image {image_root}").format(
            list_file=self.list_file, line=sample.line, image_root=self.image_root / sample.path
        )

    def _present(self, samples: list[Sample]) -> list[Sample]:
        """Return the samples whose file exists; InputError over others unless they are skipped."""
        exists = are_files(self.image_root, [sample.path for sample in samples])
        missing = [sample for sample, there in zip(samples, exists, strict=True) if not there]
        self.bad_images.leave_out(
            [tr("{place} does not exist").format(place=self._place(sample)) for sample in missing],
            len(samples),
            missing=True,
        )
        return [sample for sample, there in zip(samples, exists, strict=True) if there]
