"""Data sets of a user's own, by name in a config."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ppghost.config.schema import add_dataset
from ppghost.data.transforms.compose import build_transforms
from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError, TrainingError


class Images(Protocol):
    """What a data set of one's own has to be."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[bytes | np.ndarray, int]:
        """An image, the bytes of a file or uint8 RGB pixels [H, W, 3], and its class id."""


#: constructors by name, of those that were registered
REGISTERED: dict[str, Callable[..., Images]] = {}


def register_dataset(name: str, constructor: Callable[..., Images] | None = None) -> Callable:
    """Make a data set of one's own known by name: `DataLoader.Train.dataset.name: NAME`.

    Also a decorator: `@register_dataset("MyImages")`. `transform_ops` and `batch_transform_ops` of
    the config work on it as on any other. With worker processes it goes to them through pickle, so
    that its class must stand in a module that they can import.

    Args:
        name: for configs.
        constructor: called with the other keys of that section; returns something with `len()`
            and `[index]` -> (image, class id), the image the bytes of a file or uint8 RGB pixels
            [H, W, 3].

    Returns:
        The constructor.

    Raises:
        InputError: there is a data set of that name.
    """
    if constructor is None:
        return lambda decorated: register_dataset(name, decorated)
    if REGISTERED.get(name) is not constructor:
        add_dataset(name, list(inspect.signature(constructor).parameters))
        REGISTERED[name] = constructor
    return constructor


class UserDataset:
    """A registered data set as a loader reads it.

    Args:
        name: as it was registered.
        arguments: of its constructor.
        transform_ops: operations as in the config.
        class_num: labels must be below this.
        workers: processes that it will be sent to.
        where: key of this data set in the config, for messages.

    Raises:
        InputError: arguments that the constructor does not take, no image, wrong operations, or a
            class that workers cannot import.
    """

    def __init__(
        self,
        name: str,
        arguments: dict[str, Any],
        transform_ops: list[dict],
        class_num: int,
        workers: int,
        where: str,
    ) -> None:
        self.name, self.class_num = name, class_num
        self.transforms = build_transforms(transform_ops, f"{where}.transform_ops")
        constructor = REGISTERED[name]
        try:
            inspect.signature(constructor).bind(**arguments)
        except TypeError as error:
            raise InputError(
                "{where}: {name}: {error}", where=where, name=name, error=error
            ) from error
        self.images = constructor(**arguments)
        if not len(self.images):
            raise InputError("{where}: {name} holds no image", where=where, name=name)
        if workers and type(self.images).__module__ == "__main__":
            raise InputError(
                "{where}: {name} is defined in the script that was started, where workers "
                "cannot import it; move it to a module, or set loader.num_workers to 0",
                where=where,
                name=name,
            )

    def __len__(self) -> int:
        return len(self.images)

    def load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Return image `index`, float32 [C, H, W], and its label.

        Raises:
            TrainingError: an image that cannot be used, or a label that is no class id.
        """
        image, label = self.images[index]
        if not 0 <= label < self.class_num:
            raise TrainingError(
                "{name}[{index}]: class id {label} is not in 0..{class_num}",
                name=self.name,
                index=index,
                label=label,
                class_num=self.class_num - 1,
            )
        try:
            return self.transforms(image, rng), int(label)
        except BadImage as error:
            raise TrainingError(
                "{name}[{index}]: {error}", name=self.name, index=index, error=error
            ) from error
