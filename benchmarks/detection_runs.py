"""What the benchmarks of detectors share: configs on a set of images with boxes, and their runs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
BATCH = 8
NORMALIZE = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "is_scale": True}


def ppghost(*arguments: object) -> None:
    """Runs a command. Raises SystemExit if it fails."""
    command = [sys.executable, "-m", "ppghost", *map(str, arguments)]
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | os.environ
    if code := subprocess.call(command, env=environment):  # noqa: S603 - a list, no shell
        raise SystemExit(f"{' '.join(command)} ended with {code}")


class Recipe(NamedTuple):
    """What a detector is trained on and how.

    Attributes:
        folder: of the set, with test.txt (lines "image annotation", Pascal VOC), label_list.txt.
        classes: how many names label_list.txt has.
        size: pixels of a side of the network's input.
        rate: the learning rate, which falls along a cosine.
        train: keys of the data set that is learnt from.
    """

    folder: Path
    classes: int
    size: int
    rate: float
    train: dict


def settings(recipe: Recipe, arch: dict, batch: int = BATCH, **of_global: object) -> dict:
    """A config of a RetinaNet; `of_global` are keys of Global."""
    size, images = recipe.size, {"name": "VOCDataSet", "label_list": "label_list.txt"}
    images["dataset_dir"] = str(recipe.folder)
    look = [
        {"Resize": {"target_size": [size, size], "keep_ratio": False}},
        {"NormalizeImage": NORMALIZE},
        {"Permute": None},
    ]
    vary = [
        {"RandomDistort": None},
        {"RandomExpand": {"fill_value": [123.675, 116.28, 103.53]}},
        {"RandomCrop": None},
        {"RandomFlip": None},
    ]
    decode = {"Decode": None}
    test = images | {"anno_path": "test.txt", "transform_ops": [decode, *look]}
    return {
        "Global": {
            "image_shape": [3, size, size], "eval_during_train": False, "save_interval": -1,
            "print_batch_step": 25, **of_global,
        },
        "Arch": {"name": "RetinaNet", "class_num": recipe.classes, **arch},
        "Loss": {"Train": [{"RetinaNetLoss": None}], "Eval": [{"RetinaNetLoss": None}]},
        "Optimizer": {
            "name": "AdamW", "weight_decay": 0.0005,
            "lr": {"name": "Cosine", "learning_rate": recipe.rate, "warmup_epoch": 1},
        },
        "DataLoader": {
            "Train": {
                "dataset": images | {"transform_ops": [decode, *vary, *look]} | recipe.train,
                "sampler": {"batch_size": batch, "shuffle": True, "drop_last": True},
                "loader": {"num_workers": 1},
            },
            "Eval": {
                "dataset": test,
                "sampler": {"batch_size": BATCH, "shuffle": False},
                "loader": {"num_workers": 0},
            },
        },
        "Infer": {"transforms": test["transform_ops"]},
        "Metric": {"Eval": [{"COCOMetric": None}, {"VOCMetric": None}]},
    }  # fmt: skip


def write_config(folder: Path, config: dict) -> Path:
    """The config as a file of a folder that its run goes into."""
    folder.mkdir(parents=True, exist_ok=True)
    config["Global"]["output_dir"] = str(folder)
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file


def run(folder: Path, config: dict) -> dict:
    """Trains and evaluates, or goes on with it. Returns what `eval` said."""
    file, result = write_config(folder, config), folder / "eval.json"
    weights = folder / "RetinaNet" / "latest"
    if not result.exists():
        ppghost("train", "-c", file, "--resume", "auto")
        ppghost("eval", "-c", file, "-o", f"Global.pretrained_model={weights}", "--json", result)
    return json.loads(result.read_text())
