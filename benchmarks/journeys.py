"""One small task from images to predictions, as a user of ppghost, PaddleClas and timm does it.

    python benchmarks/journeys.py --paddleclas CHECKOUT --timm CHECKOUT --timm-python PYTHON \
        --json FILE [--rounds 2] [--epochs 3]

The task: GhostNet at half width from random weights on the digits of `ppghost data digits` (1,442
images to train on, 355 to evaluate), 32x32, batch 64, the same learning rate, schedule, weight
decay, label smoothing and dropout, no augmentation, on the CPU. ppghost and PaddleClas's own
dygraph engine read the same config file; timm's scripts get the same as options, and images sorted
into folders.

Each step is what one types: its commands and their words are counted, the seconds of the clock and
those of the processor are measured, each command a new process. In a round every step is done by
every tool in turn. Accuracies are what the tools print; of predictions, what their answers come to.
A command that fails is kept with its last line, and the journey goes on.
"""

import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ppghost.config.loading import load_config  # noqa: E402
from ppghost.utils.files import write_json  # noqa: E402

CONFIG = ROOT / "configs" / "demo" / "GhostNet_x0_5_digits.yaml"
STEPS = ("prepare", "train", "evaluate", "export", "predict", "predict, exported")
_ACCURACY = re.compile(r"\btop1\W+([\d.]+)|Prec@1 ([\d.]+)")
_ANSWER = re.compile(r"'class_ids': \[(\d+).*?'file_name': '([^']*)'")
#: what a user of timm writes to get a folder for each class
_SORT = """\
import pathlib, shutil, sys
source, target = map(pathlib.Path, sys.argv[1:])
for split in ("train", "val"):
    for line in (source / f"{split}_list.txt").open():
        path, label = line.split()
        folder = target / split / label
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / path, folder)
"""


class Step(NamedTuple):
    """A command line, and how to find the top-1 accuracy in what it printed, if it has one."""

    words: list[str]
    accuracy: Callable[[str], float | None] = lambda said: None


def printed(said: str) -> float | None:
    """The last top-1 accuracy in a tool's output, as a share."""
    found = [float(one or other) for one, other in _ACCURACY.findall(said)]
    return None if not found else found[-1] / (100 if found[-1] > 1 else 1)


def share_right(answers: list[tuple[str, str]]) -> float | None:
    """The share of (file name, class id) that are right: names end in `_<label>.png`."""
    right = [Path(name).stem.rpartition("_")[2] == answer for name, answer in answers]
    return sum(right) / len(right) if right else None


def in_csv(path: Path, name: str, answer: str) -> Callable[[str], float | None]:
    """Reads the answers of a CSV file, of several to an image the first."""

    def read(said: str) -> float | None:
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("rank", "1") == "1"]
        return share_right([(row[name], row[answer]) for row in rows])

    return read


def in_text(said: str) -> float | None:
    """Reads the answers that PaddleClas prints."""
    return share_right([(name, answer) for answer, name in _ANSWER.findall(said)])


class Task(NamedTuple):
    """Where everything is, in a round."""

    digits: Path
    folder: Path
    epochs: int

    def config(self, name: str) -> str:
        """The one config file of ppghost and PaddleClas; its path."""
        output = self.folder / name
        lists = {"Train": "train_list.txt", "Eval": "val_list.txt"}
        plain = ["DecodeImage: {to_rgb: True, channel_first: False}", "ResizeImage: {size: 32}",
                 "NormalizeImage: {scale: 1.0/255.0, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], "
                 "order: ''}"]  # fmt: skip
        own = [
            f"Global.epochs={self.epochs}",
            f"Global.output_dir={output}",
            f"Global.save_inference_dir={output / 'model'}",
            "Optimizer.lr.warmup_epoch=0",
            f"Infer.infer_imgs={self.digits / 'images' / 'val'}",
            "Infer.batch_size=64",
            f"Infer.PostProcess.class_id_map_file={self.digits / 'label_list.txt'}",
            "DataLoader.Train.dataset.transform_ops=[{" + "}, {".join(plain) + "}]",
        ]
        for mode, file in lists.items():
            key = f"DataLoader.{mode}.dataset"
            own += [
                f"{key}.image_root={self.digits}/",
                f"{key}.cls_label_path={self.digits / file}",
            ]
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(load_config(CONFIG, own), sort_keys=False))
        return str(path)


def ppghost(task: Task) -> dict[str, Step]:
    """Of ppghost."""
    config, output = task.config("ppghost"), task.folder / "ppghost"
    run = [sys.executable, "-m", "ppghost"]
    best = [
        "-c",
        config,
        "-o",
        f"Global.pretrained_model={output / 'GhostNet_x0_5' / 'best_model'}",
    ]
    table = task.folder / "ppghost.csv"
    answers = in_csv(table, "image", "class_id")
    images = str(task.digits / "images" / "val")
    return {
        "train": Step([*run, "train", "-c", config], printed),
        "evaluate": Step([*run, "eval", *best], printed),
        "export": Step([*run, "export", *best]),
        "predict": Step([*run, "predict", *best, "--output", str(table)], answers),
        "predict, exported": Step(
            [*run, "predict", str(output / "model"), images, "--output", str(table)], answers
        ),
    }


def paddleclas(task: Task, checkout: Path) -> dict[str, Step]:
    """Of PaddleClas's own scripts; prediction from an export has a config file of its own."""
    config, output = task.config("paddleclas"), task.folder / "paddleclas"
    best = ["-c", config, "-o", f"Global.pretrained_model={output / 'best_model'}"]
    deployed = task.folder / "inference.yaml"
    settings = yaml.safe_load((checkout / "deploy/configs/inference_cls.yaml").read_text())
    settings["Global"] |= {
        "infer_imgs": str(task.digits / "images" / "val"),
        "inference_model_dir": str(output / "model"),
        "batch_size": 64,
        "use_gpu": False,
        "enable_benchmark": False,
        "cpu_num_threads": int(os.environ["OMP_NUM_THREADS"]),
    }
    resize, _, normalise, chw = settings["PreProcess"]["transform_ops"]
    resize["ResizeImage"] = {"size": 32}
    normalise["NormalizeImage"] |= {"mean": [0.5] * 3, "std": [0.5] * 3}
    settings["PreProcess"]["transform_ops"] = [resize, normalise, chw]
    settings["PostProcess"]["Topk"]["class_id_map_file"] = str(task.digits / "label_list.txt")
    del settings["PostProcess"]["SavePreLabel"]
    deployed.write_text(yaml.safe_dump(settings))

    def run(script: str) -> list[str]:
        return [sys.executable, str(checkout / script)]

    return {
        "train": Step([*run("tools/train.py"), "-c", config], printed),
        "evaluate": Step([*run("tools/eval.py"), *best], printed),
        "export": Step([*run("tools/export_model.py"), *best]),
        "predict": Step([*run("tools/infer.py"), *best], in_text),
        "predict, exported": Step(
            [*run("deploy/python/predict_cls.py"), "-c", str(deployed)],
            lambda said: share_right(re.findall(r"(\S+\.png):\s+class id\(s\): \[(\d+)", said)),
        ),
    }


def timm(task: Task, checkout: Path, python: Path) -> dict[str, Step]:
    """Of timm's scripts. `onnx_export.py --input-size` fails, so it gets --img-size."""
    data, output = str(task.folder / "sorted"), task.folder / "timm"
    model = ["--model", "ghostnet_050", "--num-classes", "10"]
    pixels = options(
        "mean 0.5 0.5 0.5", "std 0.5 0.5 0.5", "interpolation bilinear", "crop-pct 1.0"
    )
    shape = [*model, *options("input-size 3 32 32"), *pixels]
    loader = options("batch-size 64", "workers 1", "device cpu")
    recipe = options(
        "no-aug", "drop 0.2", "opt momentum", "lr 0.05", "weight-decay 4e-5", "smoothing 0.1",
        "sched cosine", "sched-on-updates", "warmup-epochs 0", f"epochs {task.epochs}",
    )  # fmt: skip
    best = ["--checkpoint", str(output / "run" / "model_best.pth.tar")]
    onnx, table = str(task.folder / "model.onnx"), task.folder / "timm.csv"

    def run(script: str, *words: str) -> list[str]:
        return [str(python), str(checkout / script), *words]

    place = ["--output", str(output), "--experiment", "run"]
    answers = ["--results-file", str(table), "--include-index", "--no-console-results"]
    training = [data, "--val-split", "val", *shape, *loader, *recipe, *place]
    validation = [data, "--split", "val", *shape, *loader, *best]
    exported = [f"{data}/val", "--onnx-input", onnx, *options("img-size 32"), *pixels]
    return {
        "prepare": Step([str(python), "-c", _SORT, str(task.digits), data]),
        "train": Step(run("train.py", *training), printed),
        "evaluate": Step(run("validate.py", *validation), printed),
        "export": Step(run("onnx_export.py", onnx, *model, *options("img-size 32"), *best)),
        "predict": Step(
            run("inference.py", f"{data}/val", *shape, *loader, *best, *answers),
            in_csv(table, "filename", "index"),
        ),
        "predict, exported": Step(
            run("onnx_validate.py", *exported, *options("batch-size 1", "workers 1")), printed
        ),
    }


def options(*each: str) -> list[str]:
    """Options with their values, as words."""
    return [word for text in each for word in f"--{text}".split()]


def measure(step: Step, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run a step to its end, with those variables besides."""
    load, started = os.getloadavg()[0], time.monotonic()
    log = folder / "said"
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - a list, no shell
            step.words, stdout=file, stderr=subprocess.STDOUT, cwd=folder,
            env=os.environ | environment,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text(errors="replace")
    failed = process.returncode != 0
    return {
        "seconds": round(time.monotonic() - started, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "words": len(step.words),
        "exit_code": process.returncode,
        "top1": None if failed else step.accuracy(said),
        "error": said.strip().splitlines()[-1][:200] if failed else None,
        "load": round(load, 1),
    }


def show(rows: list[dict[str, Any]]) -> None:
    """A line for each step of each tool: medians over the rounds, and their range."""
    print(f"{'step':18} {'tool':11} words  seconds (range)         of the processor    top-1")
    for step in STEPS:
        for tool in dict.fromkeys(row["tool"] for row in rows):
            runs = [row for row in rows if (row["step"], row["tool"]) == (step, tool)]
            if runs:
                clock, cpu = (
                    _range([run[key] for run in runs]) for key in ("seconds", "cpu_seconds")
                )
                top1 = [f"{run['top1']:.4f}" for run in runs if run["top1"] is not None]
                end = next((run["error"] for run in runs if run["error"]), ", ".join(top1))
                print(f"{step:18} {tool:11} {runs[0]['words']:5}  {clock:22}  {cpu:18}  {end}")
    for tool in dict.fromkeys(row["tool"] for row in rows):
        own = [row for row in rows if row["tool"] == tool]
        first = [row for row in own if row["round"] == 1]
        totals = [
            _range([sum(r[key] for r in own if r["round"] == n) for n in {r["round"] for r in own}])
            for key in ("seconds", "cpu_seconds")
        ]
        print(
            f"{tool}: {len(first)} commands of {sum(row['words'] for row in first)} words, "
            f"{totals[0]} s, of the processor {totals[1]} s"
        )


def _range(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--paddleclas", type=Path, metavar="CHECKOUT")
    parser.add_argument("--timm", type=Path, metavar="CHECKOUT")
    parser.add_argument("--timm-python", type=Path, metavar="PYTHON", help="with torch and timm")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--json", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    #: only for ours: PaddleClas has a folder of the same name as one of ours
    path = {"PYTHONPATH": str(ROOT)}
    rows: list[dict[str, Any]] = []
    for number in range(1, arguments.rounds + 1):
        with tempfile.TemporaryDirectory(prefix="journeys-") as directory:
            folder = Path(directory)
            task = Task(folder / "digits", folder, arguments.epochs)
            command = [sys.executable, "-m", "ppghost", "data", "digits", str(task.digits)]
            subprocess.run(command, check=True, capture_output=True, env=os.environ | path)  # noqa: S603
            tools = {"ppghost": ppghost(task)}
            if arguments.paddleclas:
                tools["PaddleClas"] = paddleclas(task, arguments.paddleclas.resolve())
            if arguments.timm:
                # the link itself: its folder says which environment it is of
                python = arguments.timm_python.absolute()
                tools["timm"] = timm(task, arguments.timm.resolve(), python)
            for step in STEPS:
                for tool, steps in tools.items():
                    if step in steps:
                        row = {"round": number, "tool": tool, "step": step}
                        rows.append(
                            row | measure(steps[step], folder, path if tool == "ppghost" else {})
                        )
                        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
                        write_json(arguments.json, rows)
    show(rows)


if __name__ == "__main__":
    main()
