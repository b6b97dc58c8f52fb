"""The images and their classes."""

import time
from collections.abc import Iterator, Sequence

import numpy as np

from ppghost.data.annotations import Target
from ppghost.data.build import make_loader
from ppghost.data.datasets.detection import DetectionDataSet
from ppghost.data.datasets.image_list import ImageNetDataset
from ppghost.data.datasets.mixed import MixedDataSet
from ppghost.data.loader import Dataset, Loader
from ppghost.doctor.check import Check, Look, looked_at, problems_of
from ppghost.errors import TrainingError
from ppghost.i18n import message_of, tr
from ppghost.tasks.detection.task import Detection
from ppghost.tasks.factory import make_task, task_of

#: images of each list that are opened, from all over it, and the time that this may take
_SAMPLE, _SECONDS = 64, 8.0
#: shares of objects that are told as a problem: those that are not learnt, those that have one
#: anchor instead of several
_UNSERVED, _LOOSE = 0.01, 0.25


def check_data(config: dict) -> tuple[list[Check], dict[str, Loader]]:
    """Both lists, a sample of their images, and the classes; the loaders that could be made."""
    loaders: dict[str, Loader] = {}
    checks = []
    for mode, listed, opened in (
        ("Train", tr("training list"), tr("training images")),
        ("Eval", tr("evaluation list"), tr("evaluation images")),
    ):
        if mode == "Eval" and not config["Global"]["eval_during_train"]:
            continue
        checks.append(looked_at(listed, _reads_list(config, mode, loaders)))
        if mode in loaders:
            targets: list = []
            checks.append(looked_at(opened, _opens_sample(loaders[mode], targets)))
            if mode == "Train" and task_of(config) == "detection":
                checks.append(
                    looked_at(tr("anchors"), _fits_anchors(config, loaders[mode], targets))
                )
    if "Train" in loaders:
        fine = tr("each of {class_num} classes has images").format(
            class_num=config["Arch"]["class_num"]
        )
        checks.append(
            looked_at(tr("classes"), lambda: problems_of(_class_problems(config, loaders), fine))
        )
    return checks, loaders


def _reads_list(config: dict, mode: str, loaders: dict[str, Loader]) -> Look:
    def look() -> tuple[bool, str]:
        collate = make_task(config).collate
        loaders[mode] = loader = make_loader(config, mode, collate=collate)
        sizes = ", ".join("x".join(map(str, shape)) for shape in loader.image_shapes())
        return True, tr("{images} images, {sizes} for the network").format(
            images=loader.sampler.images, sizes=sizes
        )

    return look


def _opens_sample(loader: Loader, targets: list) -> Look:
    """Whether images can be loaded and have one shape; what comes with them is put in `targets`."""

    def look() -> tuple[bool, str]:
        dataset = loader.batches.datasets[0]
        shapes, broken, opened = set(), [], 0
        end = time.monotonic() + _SECONDS
        started = time.monotonic()
        for index in np.linspace(0, len(dataset) - 1, min(_SAMPLE, len(dataset))).astype(int):
            try:
                image, target = dataset.load(int(index), np.random.default_rng(int(index)))
                shapes.add(image.shape)
                targets.append(target)
            except TrainingError as error:
                broken.append(message_of(error))
            opened += 1
            if time.monotonic() > end:
                break
        rate = opened / (time.monotonic() - started)
        if broken:
            return False, tr("{count} of {opened} cannot be used: {broken}").format(
                count=len(broken), opened=opened, broken=broken[0]
            )
        if len(shapes) > 1:
            sizes = ", ".join(str(list(shape)) for shape in sorted(shapes)[:3])
            return False, tr("differ in shape ({sizes}): let transform_ops end in one size").format(
                sizes=sizes
            )
        return True, tr("{opened} opened, {rate:.0f} a second in one process").format(
            opened=opened, rate=rate
        )

    return look


def _fits_anchors(config: dict, loader: Loader, targets: Sequence[Target]) -> Look:
    """Whether the objects of a sample have anchors that can learn them."""

    def look() -> tuple[bool, str]:
        fit, shape = Detection(config).collate.fit, loader.image_shapes()[0]
        found = [fit(target, shape) for target in targets]
        objects, unserved, loose = (sum(counts) for counts in zip(*found, strict=True))
        message = tr(
            "of {objects} objects in {images} images {unserved} have no anchor of their own, and "
            "{loose} none that overlaps by half"
        ).format(objects=objects, images=len(targets), unserved=unserved, loose=loose)
        if unserved > _UNSERVED * objects or loose > _LOOSE * objects:
            return False, message + tr(
                ": let Arch.levels begin lower, Arch.anchors have a smaller octave_base_scale or "
                "more scales and ratios, or Global.image_shape be larger"
            )
        return True, message

    return look


def _class_problems(config: dict, loaders: dict[str, Loader]) -> Iterator[str]:
    class_num = config["Arch"]["class_num"]
    sets = {mode: loader.batches.datasets[0] for mode, loader in loaders.items()}
    labels = {mode: _labels(dataset) for mode, dataset in sets.items()}
    trained = labels.get("Train")
    if trained is not None:
        absent = np.setdiff1d(np.arange(class_num), trained)
        if len(absent):
            yield (
                tr(
                    "{count} of {class_num} classes have no image to train on, for "
                    "instance {absent}: is Arch.class_num right?"
                ).format(count=len(absent), class_num=class_num, absent=absent[0])
            )
        if (evaluated := labels.get("Eval")) is not None:
            unknown = np.setdiff1d(evaluated, trained)
            if len(unknown):
                yield tr("{count} classes are evaluated and not trained, e.g. {unknown}").format(
                    count=len(unknown), unknown=unknown[0]
                )
    shared = _shared(sets)
    if shared:
        yield tr("{shared} images are in both lists: the accuracy would be too high").format(
            shared=shared
        )


def _labels(dataset: Dataset) -> np.ndarray | None:
    """The class ids that occur in a data set that keeps them together."""
    if isinstance(dataset, DetectionDataSet | MixedDataSet):
        return np.flatnonzero(dataset.class_counts())
    return getattr(dataset, "_labels", None)


def _shared(sets: dict[str, Dataset]) -> int:
    """How many files two lists have in common."""
    kinds = (ImageNetDataset, DetectionDataSet, MixedDataSet)
    listed = [dataset for dataset in sets.values() if isinstance(dataset, kinds)]
    if len(listed) < 2:
        return 0
    first, second = (set(dataset.files()) for dataset in listed)
    return len(first & second)
