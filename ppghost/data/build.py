"""From the config's `DataLoader` section to a loader."""

import numpy as np

from ppghost.config import nearest
from ppghost.data.batch import build_batch_transforms
from ppghost.data.dataset import DATASETS
from ppghost.data.loader import Loader
from ppghost.errors import InputError


def make_loader(config: dict, mode: str, seed: int = 0) -> Loader:
    """The loader of `DataLoader.Train` or `DataLoader.Eval`.

    Raises:
        InputError: a key is missing, an unknown data set, or bad lists and images.
    """
    where = f"DataLoader.{mode}"
    section = config["DataLoader"][mode]
    settings = dict(section["dataset"])
    name = settings.pop("name")
    if name not in DATASETS:
        raise InputError(
            f"{where}.dataset.name: {name!r} is unknown{nearest(name, DATASETS)} "
            f"(have: {', '.join(DATASETS)})"
        )
    for key in ("image_root", "cls_label_path"):
        if key not in settings:
            raise InputError(f"{where}.dataset.{key} is missing; say where the images are")
    batch_ops = settings.pop("batch_transform_ops", None)
    class_num = config["Arch"]["class_num"]
    dataset = DATASETS[name](
        **settings,
        class_num=class_num,
        on_bad_image=config["Global"]["bad_images"],
        where=f"{where}.dataset",
    )
    _check_shape(dataset, config, where)
    mix = None
    if batch_ops:
        key = f"{where}.dataset.batch_transform_ops"
        mix = build_batch_transforms(batch_ops, key, class_num)
    sampler = section["sampler"]
    return Loader(
        dataset,
        sampler["batch_size"],
        shuffle=sampler["shuffle"],
        drop_last=sampler["drop_last"],
        seed=seed,
        num_workers=section["loader"]["num_workers"],
        batch_transforms=mix,
    )


def _check_shape(dataset, config: dict, where: str) -> None:
    """Raise InputError if what comes out of the transforms is not what the network takes."""
    expected = list(config["Global"]["image_shape"])
    image, _ = dataset.load(0, np.random.default_rng(0))
    if list(image.shape) != expected:
        raise InputError(
            f"Global.image_shape is {expected}, but {where}.transform_ops make images of "
            f"{list(image.shape)}; change one of them"
        )
