"""Our input pipeline against PaddleClas's own, on the same images, interleaved.

    python benchmarks/input_pipeline.py --images ROOT --list LIST [--paddleclas CHECKOUT]

CHECKOUT is a clone of PaddleClas (its PyPI package holds no data pipeline), LIST a list file of
JPEGs of ImageNet's size under ROOT. Shown without it:

- reduced: one process, to 224 and to 112, with `DecodeImage: {reduced: true}` and without.

And with it:

- pixels: decoded images, and images ready for evaluation, compared value by value;
- one process: decode, random crop to 224, flip, normalise, CHW, into batches of 16;
- loaders: the same from the files with 2 workers, against `paddle.io.DataLoader`.

Each round measures both sides one after the other, and the ratio is taken per round.
"""

import argparse
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import ppghost  # noqa: F401 (zlib before paddle)

import cv2  # isort: skip
import numpy as np  # isort: skip

from ppghost.data.build import make_loader
from ppghost.data.loader import Batches, Loader
from ppghost.data.samplers import DistributedBatchSampler
from ppghost.data.transforms.compose import build_transforms

BATCH = 16
REPEATS = 4  # of the list, in an epoch of the loaders
_NORMALIZE = {
    "NormalizeImage": {
        "scale": "1.0/255.0",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "order": "",
    }
}
_DECODE = {"DecodeImage": {"to_rgb": True, "channel_first": False}}
TRAINING = [
    _DECODE,
    {"RandCropImage": {"size": 224}},
    {"RandFlipImage": {"flip_code": 1}},
    _NORMALIZE,
]
EVALUATION = [
    _DECODE,
    {"ResizeImage": {"resize_short": 256}},
    {"CropImage": {"size": 224}},
    _NORMALIZE,
]


class Theirs:
    """PaddleClas's operations and loader, out of a checkout."""

    def __init__(self, checkout: Path):
        sys.path.insert(0, str(checkout))
        from ppcls.data import build_dataloader
        from ppcls.data.dataloader.common_dataset import create_operators
        from ppcls.data.preprocess import transform
        from ppcls.utils import logger

        logger.init_logger(log_level=logging.ERROR)
        self.create_operators, self.transform = create_operators, transform
        self.build_dataloader = build_dataloader
        cv2.setNumThreads(0)  # as ours: one core each

    def pipeline(self, ops: list[dict]) -> Callable[[bytes], np.ndarray]:
        operators = self.create_operators(ops)
        return lambda data: self.transform(data, operators).transpose((2, 0, 1))

    def loader(self, config: dict):
        import paddle
        from ppcls.utils.config import AttrDict

        def attributes(node):
            if isinstance(node, dict):
                return AttrDict({key: attributes(value) for key, value in node.items()})
            return [attributes(item) for item in node] if isinstance(node, list) else node

        section = attributes(config["DataLoader"])
        return self.build_dataloader(section, "Train", paddle.set_device("cpu"))


def compare_pixels(files: list[bytes], theirs: Theirs) -> None:
    """Print how far our images are from OpenCV's and from PaddleClas's."""
    decode, chance = build_transforms([_DECODE], "").operations[0], np.random.default_rng(0)
    equal = sum(
        np.array_equal(
            decode(data, chance),
            cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), 1), cv2.COLOR_BGR2RGB),
        )
        for data in files
    )
    print(f"decoded: {equal} of {len(files)} images equal OpenCV's bit for bit")
    ours, other = build_transforms(EVALUATION, ""), theirs.pipeline(EVALUATION)
    a = np.stack([ours(data, chance) for data in files])
    b = np.stack([other(data) for data in files])
    print(f"ready for evaluation, against PaddleClas: largest difference {np.abs(a - b).max():.2g}")
    for name, images in (("ours", a), ("theirs", b)):
        means, deviations = (f((0, 2, 3), np.float64) for f in (images.mean, images.std))
        print(f"  {name:6} mean {np.round(means, 5)}, deviation {np.round(deviations, 5)}")


class InMemory:
    """Files that need not be read, for our loader."""

    def __init__(self, files: list[bytes], ops: Sequence[dict] = TRAINING):
        self.files, self.transforms = files, build_transforms(list(ops), "")

    def __len__(self) -> int:
        return len(self.files)

    def load(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        return self.transforms(self.files[index], rng), 0


def stack_batches(pipeline: Callable[[bytes], np.ndarray], files: list[bytes]) -> None:
    """Make batches as Paddle's loader does."""
    for start in range(0, len(files), BATCH):
        np.stack([pipeline(data) for data in files[start : start + BATCH]])


def measure(
    name: str, sides: dict[str, Callable[[], object]], images: int, rounds: int, clock
) -> None:
    """Print images per second of each side and the ratio of the first to the second."""
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for run in sides.values():
        run()  # warm-up
    for _ in range(rounds):
        for side, run in sides.items():
            started = clock()
            run()
            rates[side].append(images / (clock() - started))
    ratios = [one / other for one, other in zip(*rates.values(), strict=True)]
    for side, values in rates.items():
        print(f"{name}: {side:10} {statistics.median(values):7.1f} images/s {_range(values, 1)}")
    print(f"{name}: ratio {statistics.median(ratios):.2f} {_range(ratios, 2)}, {rounds} rounds")


def _range(values: list[float], digits: int) -> str:
    return f"({min(values):.{digits}f} to {max(values):.{digits}f})"


def run_through(files: list[bytes], ops: Sequence[dict] = TRAINING) -> Callable[[], int]:
    """What makes batches of all files, in this process."""
    order = {"shuffle": False, "drop_last": False, "seed": 0}
    batches = Batches([InMemory(files, ops)], DistributedBatchSampler(len(files), BATCH, **order))
    loader = Loader(batches)
    return lambda: sum(len(batch[0]) for batch in loader.epoch(0))


def reduced_decoding(files: list[bytes], rounds: int) -> None:
    """Print what decoding at a reduced size gains."""
    for size in (224, 112):
        crop = [{"RandCropImage": {"size": size}}, *TRAINING[2:]]
        sides = {
            "reduced": run_through(files, [{"DecodeImage": {"reduced": True}}, *crop]),
            "whole": run_through(files, [{"DecodeImage": None}, *crop]),
        }
        measure(f"reduced, to {size}", sides, len(files), rounds, time.process_time)


def one_process(files: list[bytes], theirs: Theirs, rounds: int) -> None:
    other = theirs.pipeline(TRAINING)
    sides = {
        "ppghost": run_through(files),
        "PaddleClas": lambda: stack_batches(other, files),
    }
    random.seed(0)
    # processor time: what the images cost a core, whatever else runs on the machine
    measure("one process", sides, len(files), rounds, time.process_time)


def loaders(root: Path, list_file: Path, theirs: Theirs, rounds: int) -> None:
    images = len(list_file.read_text().splitlines())
    dataset = {"name": "ImageNetDataset", "image_root": str(root), "cls_label_path": str(list_file)}
    part = {
        "dataset": dataset | {"transform_ops": TRAINING},
        "sampler": {
            "name": "DistributedBatchSampler",
            "batch_size": BATCH,
            "drop_last": False,
            "shuffle": True,
        },
        "loader": {"num_workers": 2, "use_shared_memory": True},
    }
    config = {
        "Global": {"image_shape": [3, 224, 224], "bad_images": "stop"},
        "Arch": {"class_num": 1000},
        "DataLoader": {"Train": part},
    }
    ours, other = make_loader(config, "Train"), theirs.loader(config)
    sides = {
        "ppghost": lambda: sum(len(batch) for batch, _ in ours.epoch(0)),
        "PaddleClas": lambda: sum(len(batch[0]) for batch in other()),
    }
    measure("loader, 2 workers", sides, images, rounds, time.perf_counter)
    ours.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--paddleclas", type=Path, metavar="CHECKOUT")
    parser.add_argument("--images", type=Path, required=True, metavar="ROOT")
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    text = arguments.list.read_text()
    files = [(arguments.images / line.split(" ")[0]).read_bytes() for line in text.splitlines()]
    reduced_decoding(files, arguments.rounds)
    if arguments.paddleclas is None:
        return
    theirs = Theirs(arguments.paddleclas)
    compare_pixels(files, theirs)
    one_process(files, theirs, arguments.rounds)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as longer:
        # PaddleClas starts its workers anew for each epoch: let an epoch be long enough
        longer.write(f"{text.rstrip()}\n" * REPEATS)
        longer.flush()
        loaders(arguments.images, Path(longer.name), theirs, arguments.rounds)


if __name__ == "__main__":
    main()
