"""CIFAR-10 and CIFAR-100 out of their official archives (PaddleClas `dataloader/cifar.py`)."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from ppghost.data.transforms.compose import build_transforms
from ppghost.data.transforms.operation import BadImage
from ppghost.data.transforms.parameters import flag, one_of
from ppghost.data.transforms.pixels import DecodeImage
from ppghost.errors import InputError, TrainingError
from ppghost.formats import paddle_pickle as pickles
from ppghost.i18n import message_of, tr
from ppghost.utils.download import download as download_file

_SHAPE = (3, 32, 32)
_SERVER = "https://dataset.bj.bcebos.com/cifar/"
#: bytes; the real members hold 31 MB, a hostile one may unpack to anything
_LARGEST = 1 << 26


class Cifar10:
    """The images of `cifar-10-python.tar.gz`, all in memory as HWC uint8 in RGB order.

    Args:
        data_file: the archive. It is read where it lies; nothing is unpacked to disk.
        mode: "train" or "test".
        download: without `data_file`, fetch the archive once from where Paddle does.
        backend: PaddleClas's choice between Pillow images and float arrays; operations here take
            arrays of 8 bits, so it is only checked.
        transform_ops: operations as in the config, without DecodeImage.
        class_num: labels must be below this; not checked if None.
        where: key of this data set in the config, for messages.

    Raises:
        InputError: no such archive, or not one of this data set; wrong operations or values.
    """

    archive = "cifar-10-python.tar.gz"
    md5 = "c58f30108f718f92721af3b95e74349a"
    label_key = "labels"
    parts = {  # noqa: RUF012
        "train": [f"data_batch_{number}" for number in range(1, 6)],
        "test": ["test_batch"],
    }

    def __init__(
        self,
        data_file: str | Path | None = None,
        mode: str = "train",
        download: bool = True,
        backend: str = "cv2",
        transform_ops: list[dict] | None = None,
        *,
        class_num: int | None = None,
        where: str = "DataLoader.Train.dataset",
    ) -> None:
        try:
            one_of("mode", mode, self.parts)
            one_of("backend", backend, ("cv2", "pil"))
            flag("download", download)
        except (TypeError, ValueError) as error:
            raise InputError("{where}: {error}", where=where, error=error) from error
        if data_file is None:
            if not download:
                raise InputError(
                    "{where}.data_file is missing; give the path of {archive}, or set "
                    "download: True",
                    where=where,
                    archive=self.archive,
                )
            data_file = self._fetch(f"{where}.data_file")
        self.data_file = Path(data_file)
        self.transforms = build_transforms(transform_ops or [], f"{where}.transform_ops")
        if any(isinstance(op, DecodeImage) for op in self.transforms.operations):
            raise InputError(
                "{where}.transform_ops: leave DecodeImage out, these are no files", where=where
            )
        self._images, self._labels = self._read(self.parts[mode], f"{where}.data_file")
        highest = int(self._labels.max())
        if class_num is not None and highest >= class_num:
            raise InputError(
                "{where}: class id {highest} is not in 0..{class_num}: correct Arch.class_num",
                where=where,
                highest=highest,
                class_num=class_num - 1,
            )

    def __len__(self) -> int:
        return len(self._images)

    def load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Transform image `index`: float32 [C, H, W] and its label.

        Raises:
            TrainingError: an operation does not fit these images.
        """
        try:
            return self.transforms(self._images[index], rng), int(self._labels[index])
        except BadImage as error:
            raise TrainingError(
                "{data_file}: image {index} {error}",
                data_file=self.data_file,
                index=index,
                error=error,
            ) from error

    def _fetch(self, key: str) -> Path:
        """Return where the archive lies after a download, which is where Paddle looks too."""
        target = Path.home() / ".cache/paddle/dataset/cifar" / self.archive
        return download_file(_SERVER + self.archive, target, self._check_md5, key)

    def _check_md5(self, path: Path) -> None:
        with path.open("rb") as file:
            digest = hashlib.md5(usedforsecurity=False)
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != self.md5:
            raise InputError(
                "its MD5 is {digest}, not {md5}", digest=digest.hexdigest(), md5=self.md5
            )

    def _read(self, parts: list[str], where: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the images uint8 [N, H, W, C] and labels of the archive's `parts`."""
        found = {}
        try:
            with tarfile.open(self.data_file) as archive:
                for member in archive:
                    name = PurePosixPath(member.name).name
                    if member.isfile() and name in parts:
                        found[name] = self._parse(archive.extractfile(member))
        except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                "{where}: {data_file} cannot be read ({reason})",
                where=where,
                data_file=self.data_file,
                reason=reason,
            ) from error
        if missing := [part for part in parts if part not in found]:
            raise InputError(
                "{where}: {data_file} has no {missing} in it: give {archive}",
                where=where,
                data_file=self.data_file,
                missing=missing[0],
                archive=self.archive,
            )
        pixels, labels = zip(*(found[part] for part in parts), strict=True)
        images = np.concatenate(pixels).reshape(-1, *_SHAPE).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images), np.concatenate(labels)

    def _parse(self, file) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels uint8 [N, 3072] and labels int64 [N]; ValueError for anything else."""
        try:
            content = pickles.load(io.BytesIO(file.read(_LARGEST)), pickles.NUMPY_CALLS)
        except pickles.DAMAGE as error:
            raise ValueError(message_of(error)) from error
        if not isinstance(content, dict) or not {"data", self.label_key} <= content.keys():
            raise ValueError(tr("no data and {label_key} in it").format(label_key=self.label_key))
        pixels, labels = content["data"], np.array(content[self.label_key])
        if getattr(pixels, "dtype", None) != np.uint8 or pixels.shape[1:] != (np.prod(_SHAPE),):
            raise ValueError(tr("its data are not rows of 3072 bytes"))
        if labels.shape != pixels.shape[:1] or labels.dtype.kind != "i" or labels.min() < 0:
            raise ValueError(tr("its labels are not a class number for each image"))
        return pixels, labels


class Cifar100(Cifar10):
    """The same for `cifar-100-python.tar.gz`, with its 100 fine labels."""

    archive = "cifar-100-python.tar.gz"
    md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    label_key = "fine_labels"
    parts = {"train": ["train"], "test": ["test"]}  # noqa: RUF012
