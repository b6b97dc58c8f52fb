"""From the config's `DataLoader` section to a loader."""

from ppghost.config import nearest
from ppghost.data.dataset import DATASETS
from ppghost.data.loader import Loader
from ppghost.errors import InputError


def make_loader(config: dict, mode: str, seed: int = 0) -> Loader:
    """The loader of `DataLoader.Train` or `DataLoader.Eval`.

    Raises:
        InputError: no such section, an unknown data set, or bad lists and images.
    """
    where = f"DataLoader.{mode}"
    section = config.get("DataLoader", {}).get(mode)
    if not section or "dataset" not in section:
        raise InputError(f"{where}.dataset is missing; say where the images are")
    settings = dict(section["dataset"])
    name = settings.pop("name")
    if name not in DATASETS:
        raise InputError(
            f"{where}.dataset.name: {name!r} is unknown{nearest(name, DATASETS)} "
            f"(have: {', '.join(DATASETS)})"
        )
    for key in ("image_root", "cls_label_path"):
        if key not in settings:
            raise InputError(f"{where}.dataset.{key} is missing")
    dataset = DATASETS[name](
        **settings,
        class_num=config["Arch"]["class_num"],
        on_bad_image=config["Global"]["bad_images"],
        where=f"{where}.dataset",
    )
    sampler = section.get("sampler", {})
    return Loader(
        dataset,
        sampler["batch_size"],
        shuffle=sampler["shuffle"],
        drop_last=sampler["drop_last"],
        seed=seed,
        num_workers=section.get("loader", {}).get("num_workers", 0),
    )
