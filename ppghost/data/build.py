"""From the config's `DataLoader` section to a loader."""

import numpy as np

from ppghost.config import nearest
from ppghost.data.batch import build_batch_transforms
from ppghost.data.cifar import Cifar10, Cifar100
from ppghost.data.dataset import ImageNetDataset
from ppghost.data.loader import Batches, Dataset, Loader
from ppghost.errors import InputError

#: what a config may name under dataset.name
DATASETS: dict[str, type] = {
    dataset.__name__: dataset for dataset in (ImageNetDataset, Cifar10, Cifar100)
}


def make_loader(
    config: dict, mode: str, seed: int = 0, rank: int = 0, world_size: int = 1
) -> Loader:
    """The loader of `DataLoader.Train` or `DataLoader.Eval` for one of `world_size` processes.

    In training all ranks get equally many images, for which a few come up twice; in evaluation
    every image comes up once, so that sums over the ranks are exact.

    Raises:
        InputError: a key is missing, an unknown data set, or bad lists and images.
    """
    where = f"DataLoader.{mode}"
    section = config["DataLoader"][mode]
    settings = dict(section["dataset"])
    batch_ops = settings.pop("batch_transform_ops", None)
    dataset = _make_dataset(settings, config, f"{where}.dataset")
    _check_shape(dataset, config, where)
    mix = None
    if batch_ops:
        key = f"{where}.dataset.batch_transform_ops"
        mix = build_batch_transforms(batch_ops, key, config["Arch"]["class_num"])
    sampler = section["sampler"]
    batches = Batches(
        dataset,
        sampler["batch_size"],
        shuffle=sampler["shuffle"],
        drop_last=sampler["drop_last"],
        seed=seed,
        batch_transforms=mix,
        rank=rank,
        world_size=world_size,
        pad=mode == "Train",
    )
    loader = section["loader"]
    return Loader(
        batches,
        num_workers=loader["num_workers"],
        use_shared_memory=loader["use_shared_memory"],
        where=where,
    )


def _make_dataset(settings: dict, config: dict, where: str) -> Dataset:
    name = settings.pop("name")
    if name not in DATASETS:
        raise InputError(
            f"{where}.name: {name!r} is unknown{nearest(name, DATASETS)} "
            f"(have: {', '.join(DATASETS)})"
        )
    if name == "ImageNetDataset":
        for key in ("image_root", "cls_label_path"):
            if key not in settings:
                raise InputError(f"{where}.{key} is missing; say where the images are")
        settings["on_bad_image"] = config["Global"]["bad_images"]
    return DATASETS[name](**settings, class_num=config["Arch"]["class_num"], where=where)


def _check_shape(dataset: Dataset, config: dict, where: str) -> None:
    """Raise InputError if what comes out of the transforms is not what the network takes."""
    expected = list(config["Global"]["image_shape"])
    image, _ = dataset.load(0, np.random.default_rng(0))
    if list(image.shape) != expected:
        raise InputError(
            f"Global.image_shape is {expected}, but {where}.transform_ops make images of "
            f"{list(image.shape)}; change one of them"
        )
