"""From the config's `DataLoader` section to a loader."""

import copy
import logging
from typing import Any

from ppghost.data.datasets import coco, voc
from ppghost.data.datasets.cifar import Cifar10, Cifar100
from ppghost.data.datasets.detection import DetectionDataSet
from ppghost.data.datasets.image_list import ImageNetDataset
from ppghost.data.datasets.mixed import MixedDataSet
from ppghost.data.datasets.user import REGISTERED, UserDataset
from ppghost.data.loader import Batches, Collate, Dataset, Loader, class_ids
from ppghost.data.mixed_sampler import MixedSampler
from ppghost.data.samplers import (
    DistributedBatchSampler,
    MultiScaleSampler,
    ProgressiveSampler,
    RASampler,
    Sampler,
    scaled_batches,
)
from ppghost.data.transforms import variants
from ppghost.data.transforms.batch import build_batch_transforms
from ppghost.data.transforms.compose import build_transforms
from ppghost.errors import InputError, at_key
from ppghost.i18n import tr
from ppghost.utils.text import nearest

logger = logging.getLogger(__name__)

#: what a config may name under dataset.name
DATASETS: dict[str, type] = {
    "ImageNetDataset": ImageNetDataset,
    "MultiScaleDataset": ImageNetDataset,
    "Cifar10": Cifar10,
    "Cifar100": Cifar100,
    "VOCDataSet": voc.VOCDataSet,
    "COCODataSet": coco.COCODataSet,
}
#: what reads the names and the category ids of a set with boxes
_CLASSES = {"VOCDataSet": voc.read_classes, "COCODataSet": coco.read_classes}


def make_loader(
    config: dict,
    mode: str,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    collate: Collate = class_ids,
) -> Loader:
    """The loader of `DataLoader.Train` or `DataLoader.Eval` for one of `world_size` processes.

    In training all ranks get equally many images, for which a few come up twice; in evaluation
    every image comes up once, so that sums over the ranks are exact. `collate` makes a batch's
    labels, by the config's task.

    Raises:
        InputError: a key is missing, an unknown data set, or bad lists and images.
    """
    where = f"DataLoader.{mode}"
    section = config["DataLoader"][mode]
    settings = dict(section["dataset"])
    batch_ops = settings.pop("batch_transform_ops", None)
    pseudo = settings.pop("pseudo", None)
    first, *others = _variants(config, mode)
    workers = section["loader"]["num_workers"]
    settings |= {"transform_ops": first}
    dataset = _make_dataset(settings, config, workers, f"{where}.dataset")
    _check_task(config, where, boxes=isinstance(dataset, DetectionDataSet), asked=collate)
    if pseudo:
        dataset = _with_pseudo(dataset, pseudo, config, f"{where}.dataset")
    datasets = [dataset, *(_under(ops, dataset, where) for ops in others)]
    mix = None
    if batch_ops:
        key = f"{where}.dataset.batch_transform_ops"
        mix = build_batch_transforms(batch_ops, key, config["Arch"]["class_num"])
    share = {"seed": seed, "rank": rank, "world_size": world_size}
    with at_key(f"{where}.sampler"):
        sampler = _make_sampler(config, mode, dataset, share)
    loader = Loader(Batches(datasets, sampler, mix, collate), **section["loader"])
    _check_shapes(loader, config, mode)
    return loader


def box_classes(config: dict) -> tuple[list[str], list[int]] | None:
    """Names and category ids of a detector's classes, as its evaluation data say.

    None where the data are not here; training may have been elsewhere.
    """
    settings = config["DataLoader"]["Eval"]["dataset"]
    try:
        return _CLASSES[settings["name"]](settings)
    except InputError as error:
        logger.info("the model has no class names: %s", error)
        return None


def mean_objects(config: dict) -> list[float]:
    """How many objects of each class an image of a detector's training set has, in the mean.

    Images without any count too; what a teacher has labelled does not.

    Raises:
        InputError: the set is not here, or bad.
    """
    settings = dict(config["DataLoader"]["Train"]["dataset"])
    for key in ("pseudo", "batch_transform_ops"):
        settings.pop(key, None)
    settings["allow_empty"] = True
    dataset: Any = _make_dataset(settings, config, 0, "DataLoader.Train.dataset")
    return (dataset.class_counts() / len(dataset)).tolist()


def _check_task(config: dict, where: str, *, boxes: bool, asked: Collate) -> None:
    """Raise InputError where the data set is for another task than the network."""
    dataset, arch = config["DataLoader"][where.rpartition(".")[2]]["dataset"], config["Arch"]
    if boxes != (asked is not class_ids):
        text = (
            tr("{where}.dataset: {name} has boxes, Arch.name {arch} takes one class an image")
            if boxes
            else tr("{where}.dataset: {name} has one class an image, Arch.name {arch} takes boxes")
        )
        raise InputError(text.format(where=where, name=dataset["name"], arch=arch["name"]))
    if boxes and (_is_progressive(config, "Train") or dataset.get("batch_transform_ops")):
        raise InputError(
            "{where}.dataset: Global.train_mode progressive and batch_transform_ops are "
            "for images of one class",
            where=where,
        )


def _variants(config: dict, mode: str) -> list[list]:
    """The data set's `transform_ops` for each of the sampler's variants."""
    section, where = config["DataLoader"][mode], f"DataLoader.{mode}"
    ops, key = section["dataset"]["transform_ops"], f"{where}.dataset.transform_ops"
    dataset, sampler = section["dataset"]["name"], section["sampler"]["name"]
    progressive = _is_progressive(config, mode)
    if (dataset == "MultiScaleDataset") != (sampler == "MultiScaleSampler"):
        raise InputError(
            "{where}: {dataset} does not go with {sampler}; MultiScaleDataset and "
            "MultiScaleSampler go together",
            where=where,
            dataset=dataset,
            sampler=sampler,
        )
    if progressive and sampler in ("MultiScaleSampler", "RASampler"):
        raise InputError(
            "{where}.sampler: Global.train_mode progressive has no {sampler}",
            where=where,
            sampler=sampler,
        )
    if sampler == "MultiScaleSampler":
        with at_key(f"{where}.sampler"):
            sizes = [size for size, _ in _scaled_batches(section["sampler"])]
        return variants.at_sizes(ops, sizes, key)
    return variants.at_stages(ops, key) if progressive else [ops]


def _under(ops: list, dataset: Dataset, where: str) -> Dataset:
    """The same data set, nothing read again, under other operations."""
    other = copy.copy(dataset)
    other.transforms = build_transforms(ops, f"{where}.dataset.transform_ops")
    return other


def _with_pseudo(dataset: Any, pseudo: dict, config: dict, where: str) -> Any:
    """The data set, and behind it the images that a teacher has labelled, alike transformed."""
    weight, ops = pseudo["weight"], config["DataLoader"]["Train"]["dataset"]["transform_ops"]
    settings = {key: value for key, value in pseudo.items() if key not in ("weight", "ratio")}
    settings |= {"name": "COCODataSet", "transform_ops": ops}
    any_classes = config | {"Arch": config["Arch"] | {"class_num": None}}  # names decide
    of_teacher: Any = _make_dataset(settings, any_classes, 0, f"{where}.pseudo")
    return MixedDataSet(dataset, of_teacher, weight, f"{where}.pseudo")


def _make_sampler(config: dict, mode: str, dataset: Any, share: dict) -> Sampler:
    settings = dict(config["DataLoader"][mode]["sampler"])
    name, images = settings.pop("name"), len(dataset)
    if isinstance(dataset, MixedDataSet):
        if name == "RASampler":
            raise InputError("dataset.pseudo goes with DistributedBatchSampler alone")
        ratio = config["DataLoader"][mode]["dataset"]["pseudo"]["ratio"]
        return MixedSampler(dataset.parts, ratio=ratio, **settings, **share)
    if name == "MultiScaleSampler":
        batches = _scaled_batches(settings)
        return MultiScaleSampler(images, batches, shuffle=settings["shuffle"], **share)
    if name == "RASampler":
        return RASampler(images, **settings, **share)
    if _is_progressive(config, mode):
        return ProgressiveSampler(images, epochs=config["Global"]["epochs"], **settings, **share)
    return DistributedBatchSampler(images, pad=mode == "Train", **settings, **share)


def _scaled_batches(settings: dict) -> list[tuple[int, int]]:
    keys = ("scales", "first_bs", "divided_factor", "is_training")
    return scaled_batches(*(settings[key] for key in keys))


def _is_progressive(config: dict, mode: str) -> bool:
    return mode == "Train" and config["Global"].get("train_mode") == "progressive"


def _make_dataset(settings: dict, config: dict, workers: int, where: str) -> Dataset:
    name = settings.pop("name")
    if name in REGISTERED:
        ops = settings.pop("transform_ops")
        return UserDataset(name, settings, ops, config["Arch"]["class_num"], workers, where)
    if name not in DATASETS:
        known = [*DATASETS, *REGISTERED]
        raise InputError(
            "{where}.name: {name!r} is unknown{nearest} (have: {known})",
            where=where,
            name=name,
            nearest=nearest(name, known),
            known=", ".join(known),
        )
    if DATASETS[name] is ImageNetDataset:
        for key in ("image_root", "cls_label_path"):
            if key not in settings:
                raise InputError(
                    "{where}.{key} is missing; say where the images are", where=where, key=key
                )
        settings["on_bad_image"] = config["Global"]["bad_images"]
    if issubclass(DATASETS[name], DetectionDataSet):
        settings["on_bad_image"] = config["Global"]["bad_images"]
        settings["on_bad_box"] = config["Global"]["bad_boxes"]
    return DATASETS[name](**settings, class_num=config["Arch"]["class_num"], where=where)


def _check_shapes(loader: Loader, config: dict, mode: str) -> None:
    """Compare what comes out of the transforms with `Global.image_shape`, the size of exports.

    Training, evaluation and export may have sizes of their own, as in PaddleClas; that is said.
    Their channels are the network's.

    Raises:
        InputError: another number of channels.
    """
    expected, key = list(config["Global"]["image_shape"]), f"DataLoader.{mode}.transform_ops"
    found = [list(shape) for shape in loader.image_shapes()]
    for shape in found:
        if shape[0] != expected[0]:
            raise InputError(
                "Global.image_shape is {expected}, but {key} make images of {shape}; "
                "change one of them",
                expected=expected,
                key=key,
                shape=shape,
            )
    sizes_of_its_own = config["DataLoader"][mode]["dataset"]["name"] == "MultiScaleDataset"
    if sizes_of_its_own or _is_progressive(config, mode) or found == [expected]:
        return
    logger.info(
        "%s make images of %s; exports take Global.image_shape, %s", key, found[0], expected
    )
