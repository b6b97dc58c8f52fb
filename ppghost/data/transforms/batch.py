"""Operations on a whole batch, which mix images and their labels (`batch_transform_ops`).

All take images float32 [N, C, H, W] and labels int64 [N, 1] (or a teacher's soft ones) and give new
images and soft labels, float32 [N, class_num], whose rows sum to 1: `lam` of one image's class, the
rest of the other's.
These are PaddleClas's labels, so that its CELoss is the same on them: smoothing (`epsilon`) is the
loss's part, and cross entropy is linear in the label. When OpSampler leaves a batch alone its
labels are one-hot all the same, where PaddleClas hands on class numbers: with `epsilon` the loss is
equal, and a static program gets one kind of label. (Without `epsilon` PaddleClas's CELoss puts soft
labels, and only these, through another softmax.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ppghost.data.transforms.construct import construct, one_entry
from ppghost.data.transforms.parameters import flag, number, whole_number
from ppghost.errors import InputError
from ppghost.i18n import tr

Mixed = tuple[np.ndarray, np.ndarray]


class BatchOperation(Protocol):
    """Maps a batch to a batch with soft labels."""

    def __call__(
        self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
    ) -> Mixed: ...


def one_hot(labels: np.ndarray, class_num: int) -> np.ndarray:
    """Turn class numbers, int64 [N, 1], into float32 [N, class_num]; soft labels are that."""
    if labels.dtype == np.float32:
        return labels
    rows = np.zeros((len(labels), class_num), np.float32)
    np.put_along_axis(rows, labels, 1, axis=1)
    return rows


def _mix_labels(labels: np.ndarray, partners: np.ndarray, lam: float, class_num: int) -> np.ndarray:
    rows = one_hot(labels, class_num)
    return rows * np.float32(lam) + rows[partners] * np.float32(1 - lam)


class MixupOperator:
    """Blend every image with another of the batch, by a share drawn from Beta(alpha, alpha)
    (arXiv:1710.09412).
    """

    def __init__(self, class_num: int, alpha: float = 1.0) -> None:
        self.class_num = whole_number("class_num", class_num)
        self.alpha = _positive("alpha", alpha)

    def __call__(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Mixed:
        partners = rng.permutation(len(images))
        lam = rng.beta(self.alpha, self.alpha)
        mixed = images[partners]
        mixed *= np.float32(1 - lam)
        mixed += images * np.float32(lam)
        return mixed, _mix_labels(labels, partners, lam, self.class_num)


class CutmixOperator:
    """Put a rectangle of another image of the batch into every image (arXiv:1905.04899).

    The share of its area is drawn from Beta(alpha, alpha), its centre uniformly; what reaches over
    the edge is cut off, and the labels follow the area that is left.
    """

    def __init__(self, class_num: int, alpha: float = 0.2) -> None:
        self.class_num = whole_number("class_num", class_num)
        self.alpha = _positive("alpha", alpha)

    def __call__(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Mixed:
        partners = rng.permutation(len(images))
        side_share = math.sqrt(1 - rng.beta(self.alpha, self.alpha))
        height, width = images.shape[2:]
        rows = _stretch(height, side_share, rng)
        columns = _stretch(width, side_share, rng)
        mixed = images.copy()
        mixed[:, :, rows, columns] = images[partners, :, rows, columns]
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        lam = 1 - area / (height * width)
        return mixed, _mix_labels(labels, partners, lam, self.class_num)


def _stretch(side: int, share: float, rng: np.random.Generator) -> slice:
    """Return the part of `side` pixels that a `share` of it covers around a random pixel."""
    centre = int(rng.integers(side))
    reach = int(side * share) // 2
    return slice(max(0, centre - reach), min(side, centre + reach))


class FmixOperator:
    """Take every pixel from one of two images, by a mask out of low frequencies
    (arXiv:2002.12047).

    Amplitudes fall with frequency to the power of `decay_power`; `max_soft` is the share of pixels
    in a soft edge; `reformulate` draws the share from Beta(alpha + 1, alpha).
    """

    def __init__(
        self,
        class_num: int,
        alpha: float = 1,
        decay_power: float = 3,
        max_soft: float = 0.0,
        reformulate: bool = False,
    ) -> None:
        self.class_num = whole_number("class_num", class_num)
        self.alpha = _positive("alpha", alpha)
        self.decay_power = number("decay_power", decay_power, 0)
        self.max_soft = number("max_soft", max_soft, 0, 0.5)
        self.reformulate = flag("reformulate", reformulate)

    def __call__(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Mixed:
        partners = rng.permutation(len(images))
        lam = rng.beta(self.alpha + self.reformulate, self.alpha)
        relief = self._draw_relief(images.shape[2], images.shape[3], rng)
        mask = self._draw_mask(relief, lam, rng)
        mixed = mask * images + (1 - mask) * images[partners]
        return mixed, _mix_labels(labels, partners, lam, self.class_num)

    def _draw_relief(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """Return a smooth random surface [height, width].

        As in the published code, two lines of the spectrum are laid side by side where the paper
        has real and imaginary parts: the surface is smooth all the same.
        """
        down = np.fft.fftfreq(height)[:2, np.newaxis]
        across = np.fft.fftfreq(width)[: width // 2 + 1 + width % 2]
        frequency = np.maximum(np.hypot(down, across), 1 / max(height, width))
        noise = rng.standard_normal((2, len(across), 2))
        lines = noise / frequency[..., np.newaxis] ** self.decay_power
        return np.fft.irfftn(lines[0] + 1j * lines[1], (height, width))

    def _draw_mask(self, relief: np.ndarray, lam: float, rng: np.random.Generator) -> np.ndarray:
        """Return 1 where the first image stays, the highest `lam` of the surface, else 0."""
        size = relief.size
        ones = math.ceil(lam * size) if rng.random() > 0.5 else math.floor(lam * size)
        soft = int(size * min(self.max_soft, lam, 1 - lam))
        mask = np.zeros(size, np.float32)
        highest_first = relief.ravel().argsort()[::-1]
        mask[highest_first[: ones - soft]] = 1
        mask[highest_first[ones - soft : ones + soft]] = np.linspace(1, 0, 2 * soft)
        return mask.reshape(relief.shape)


class OpSampler:
    """Apply one of `operations` to a batch, by their chances, or none by what is left to 1."""

    def __init__(
        self, class_num: int, operations: Sequence[BatchOperation], chances: Sequence[float]
    ) -> None:
        self.class_num = class_num
        self.operations = operations
        self._bounds = np.cumsum(chances)
        if len(chances) and self._bounds[-1] > 1 + 1e-9:
            raise ValueError(
                tr("the operations' prob sum to {bounds:g}: give at most 1").format(
                    bounds=self._bounds[-1]
                )
            )

    def __call__(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Mixed:
        drawn = int(np.searchsorted(self._bounds, rng.random(), side="right"))
        if drawn == len(self.operations):
            return images, one_hot(labels, self.class_num)
        return self.operations[drawn](images, labels, rng)


def _positive(name: str, value: object) -> float:
    result = number(name, value, 0)
    if result == 0:
        raise ValueError(tr("{name} is 0: give more than 0").format(name=name))
    return result


#: what a config may name under batch_transform_ops, beside OpSampler
BATCH_OPS: dict[str, type] = {
    op.__name__: op for op in (MixupOperator, CutmixOperator, FmixOperator)
}


def build_batch_transforms(ops: list[dict], where: str, class_num: int) -> BatchOperation:
    """Build the one operation of a config list such as `[{"MixupOperator": {"alpha": 0.2}}]`.

    Args:
        ops: one mapping of an operation's name to its parameters. More than one cannot be: an
            operation takes class numbers and gives soft labels.
        where: the list's key in the config, for messages.
        class_num: the number of classes, `Arch.class_num`.

    Raises:
        InputError: not such a list, an unknown operation or parameter, a refused value.
    """
    if not isinstance(ops, list) or len(ops) != 1:
        raise InputError(
            "{where} is {ops!r}: give a list of one operation (OpSampler chooses among several)",
            where=where,
            ops=ops,
        )
    name, parameters = one_entry(ops[0], f"{where}.0")
    if name == "OpSampler":
        return _build_sampler(parameters, f"{where}.0.OpSampler", class_num)
    return construct(BATCH_OPS, name, parameters, f"{where}.0", class_num=class_num)


def _build_sampler(entries: object, where: str, class_num: int) -> OpSampler:
    if not isinstance(entries, dict) or not entries:
        raise InputError(
            "{where} is {entries!r}: give operations by name, each with its prob",
            where=where,
            entries=entries,
        )
    operations, chances = [], []
    for name, parameters in entries.items():
        # without its prob PaddleClas would never apply the operation
        if not isinstance(parameters, dict) or "prob" not in parameters:
            raise InputError(
                "{where}.{name} has no prob: say how often it is to be applied",
                where=where,
                name=name,
            )
        rest = {key: value for key, value in parameters.items() if key != "prob"}
        operations.append(construct(BATCH_OPS, name, rest, where, class_num=class_num))
        try:
            chances.append(number("prob", parameters["prob"], 0, 1))
        except (TypeError, ValueError) as error:
            raise InputError(
                "{where}.{name}: {error}", where=where, name=name, error=error
            ) from error
    try:
        return OpSampler(class_num, operations, chances)
    except ValueError as error:
        raise InputError("{where}: {error}", where=where, error=error) from error
