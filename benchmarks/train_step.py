"""Our training engine against PaddleClas's own, on the same config and images, interleaved.

    python benchmarks/train_step.py --images ROOT --list LIST [--paddleclas CHECKOUT]
        [--torch-python PYTHON]

Each round trains a config (GhostNet_x1_0, batch 16, unless another is named; one thread a process,
one worker for the data) for a few steps in a new process of each engine: PaddleClas's
`tools/train.py` in dygraph, ours with oneDNN's kernels, ours without them, and ours in two
processes with half the batch each. With `--torch-python`, an interpreter that has torch, timm and
torchvision, also the same network of theirs in both layouts (`torch_steps.py`). A step is timed by
the line that PaddleClas and torch print and by ours in `train.jsonl` (the launcher hands lines on
in lumps), from the third on; ratios are taken per round.
"""

import argparse
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml

from ppghost.config import loading as config

ROOT = Path(__file__).parents[1]
#: networks that timm or torchvision has, too
IN_TORCH = {
    "GhostNet_x0_5": "timm:ghostnet_050",
    "GhostNet_x1_0": "timm:ghostnet_100",
    "GhostNet_x1_3": "timm:ghostnet_130",
    "GhostNetV2_x1_0": "timm:ghostnetv2_100",
    "MobileNetV1": "timm:mobilenetv1_100",
    "MobileNetV2": "torchvision:mobilenet_v2",
    "MobileNetV3_large_x1_0": "torchvision:mobilenet_v3_large",
    "MobileNetV3_small_x1_0": "torchvision:mobilenet_v3_small",
    "ShuffleNetV2_x1_0": "torchvision:shufflenet_v2_x1_0",
    "SqueezeNet1_1": "torchvision:squeezenet1_1",
    "ResNet18": "torchvision:resnet18",
    "ResNet50": "torchvision:resnet50",
    "DenseNet121": "torchvision:densenet121",
    "VGG11": "torchvision:vgg11",
}
CONFIG = ROOT / "configs" / "ghostnet" / "GhostNet_x1_0.yaml"
#: steps that are not counted: memory is found, caches are filled
WARM_UP = 2
#: both engines print a line a step
_STEP = re.compile(r"\[Iter: *\d+/\d+\]")
#: PaddleClas's script as it is; zlib first, else Paddle's own breaks PNG and gzip
_THEIRS = (
    "import zlib, runpy, sys; sys.argv = sys.argv[1:]; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


class Run(NamedTuple):
    """What one process (or two) of an engine took."""

    step_s: float  # median
    start_s: float  # from the command to the end of the first step
    memory_mb: float  # the most that its processes held together


def measure(command: list[str], steps: int, directory: Path) -> Run:
    """Run an engine to its end. Raises SystemExit, with what it said, if it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    started, marks, said = time.time(), [], []
    with subprocess.Popen(  # noqa: S603 - a list, no shell
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        cwd=directory,
    ) as process:  # fmt: skip
        memory = _Memory(process.pid)
        for line in process.stdout:
            said.append(line)
            if _STEP.search(line):
                marks.append(time.time())
        peak = memory.stop()
    for run_log in directory.glob("output/*/train.jsonl"):
        entries = [json.loads(line) for line in run_log.read_text().splitlines()]
        marks = [entry["time"] for entry in entries if entry["phase"] == "train"]
        run_log.unlink()
    if process.returncode or len(marks) < steps:
        raise SystemExit(f"{command} ended with {process.returncode}\n{''.join(said[-20:])}")
    marks = marks[:steps]
    times = [after - before for before, after in itertools.pairwise(marks)]
    return Run(statistics.median(times[WARM_UP - 1 :]), marks[0] - started, peak)


class _Memory:
    """The most that a process and its children hold, looked at ten times a second."""

    def __init__(self, pid: int):
        self.process, self.peak, self.done = psutil.Process(pid), 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _watch(self) -> None:
        while not self.done.wait(0.1):
            try:
                all_ = [self.process, *self.process.children(recursive=True)]
                # memory that processes share counts once
                self.peak = max(self.peak, sum(p.memory_full_info().pss for p in all_) / 2**20)
            except psutil.NoSuchProcess:
                continue

    def stop(self) -> float:
        self.done.set()
        self.thread.join()
        return self.peak


def commands(arguments: argparse.Namespace, directory: Path) -> dict[str, list[str]]:
    """The engines by name, on one config."""
    overrides = [
        "Global.device=cpu", "Global.epochs=1", "Global.print_batch_step=1",
        "Global.eval_during_train=False", "Global.seed=0",
        "Global.save_interval=1000", f"Global.output_dir={directory / 'output'}",
        f"DataLoader.Train.dataset.image_root={arguments.images.resolve()}",
        f"DataLoader.Train.dataset.cls_label_path={directory / 'list.txt'}",
        f"DataLoader.Train.sampler.batch_size={arguments.batch}",
        "DataLoader.Train.loader.num_workers=1", "Arch.pretrained=False", *arguments.override,
    ]  # fmt: skip
    lines = arguments.list.read_text().splitlines()
    count = arguments.batch * arguments.steps
    lines = (lines * (count // len(lines) + 1))[:count]
    (directory / "list.txt").write_text("\n".join(lines) + "\n")
    settings = config.load_config(arguments.config, overrides)
    file = directory / "config.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    python = sys.executable
    theirs = {}
    if arguments.paddleclas:
        script = str(arguments.paddleclas.resolve() / "tools" / "train.py")
        theirs = {"PaddleClas": [python, "-c", _THEIRS, script, "-c", str(file)]}
    ours = ["-m", "ppghost", "train", "-c", str(file)]
    half = ["-o", f"DataLoader.Train.sampler.batch_size={arguments.batch // 2}"]
    launch = ["-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--log_dir", "log"]
    script = str(Path(python).with_name("ppghost"))
    torch = _torch_commands(arguments, settings, directory / "list.txt")
    return {
        **theirs,
        "ours": [python, *ours],
        "ours, plain kernels": [python, *ours, "-o", "Global.onednn=False"],
        "ours, 2 processes": [python, *launch, script, *ours[2:], *half],
        **torch,
    }


def _torch_commands(
    arguments: argparse.Namespace, settings: dict, images: Path
) -> dict[str, list[str]]:
    """The same network of timm or torchvision, in both layouts; none without an interpreter."""
    if arguments.torch_python is None:
        return {}
    name = settings["Arch"]["name"]
    if name not in IN_TORCH:
        raise SystemExit(f"{name}: neither timm nor torchvision has it; leave --torch-python out")
    command = [
        str(arguments.torch_python), str(Path(__file__).with_name("torch_steps.py")),
        IN_TORCH[name], str(images), str(arguments.images.resolve()),
        "--batch", str(arguments.batch), "--size", str(settings["Global"]["image_shape"][1]),
    ]  # fmt: skip
    return {"torch, channels_last": command, "torch, plain": [*command, "--plain-layout"]}


def _compare_with_torch(runs: dict[str, list[Run]]) -> None:
    """Say how we stand against the faster layout of torch, round by round."""
    peers = [own for name, own in runs.items() if name.startswith("torch")]
    if not peers or "ours" not in runs:
        return
    best = min(peers, key=lambda own: statistics.median(run.step_s for run in own))
    ratios = [b.step_s / o.step_s for b, o in zip(best, runs["ours"], strict=True)]
    print(
        f"ours: {statistics.median(ratios):.2f} times as fast as torch's faster layout "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--paddleclas", type=Path, metavar="CHECKOUT")
    parser.add_argument("--images", type=Path, required=True, metavar="ROOT")
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("-c", "--config", type=Path, default=CONFIG)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("-o", "--override", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--torch-python", type=Path, metavar="PYTHON", help="has torch, torchvision and timm"
    )
    parser.add_argument("--only", nargs="+", metavar="ENGINE", help="besides PaddleClas")
    arguments = parser.parse_args()
    runs: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as directory:
        engines = commands(arguments, Path(directory))
        for number in range(arguments.rounds):
            for name, command in engines.items():
                if arguments.only and name not in ("PaddleClas", *arguments.only):
                    continue
                run = measure(command, arguments.steps, Path(directory))
                runs.setdefault(name, []).append(run)
                load = os.getloadavg()[0]
                print(
                    f"round {number + 1}, {name}: step {run.step_s:.3f} s, first step after "
                    f"{run.start_s:.1f} s, {run.memory_mb:.0f} MB, load {load:.1f}",
                    flush=True,
                )
    base = runs.pop("PaddleClas", None)
    _compare_with_torch(runs)
    if base is None:
        return
    for name, own in runs.items():
        ratios = [b.step_s / o.step_s for b, o in zip(base, own, strict=True)]
        starts = [b.start_s / o.start_s for b, o in zip(base, own, strict=True)]
        print(
            f"{name}: {statistics.median(ratios):.2f} times as fast as PaddleClas "
            f"({min(ratios):.2f} to {max(ratios):.2f}), first step {statistics.median(starts):.2f} "
            f"times as soon, {statistics.median(o.memory_mb for o in own):.0f} MB against "
            f"{statistics.median(b.memory_mb for b in base):.0f}"
        )


if __name__ == "__main__":
    main()
