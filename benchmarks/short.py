"""The short form of the benchmarks that compare: what a person gains on their own machine.

    make benchmark [PADDLECLAS=CHECKOUT] [TORCH_PYTHON=PYTHON]

One table, in about five minutes: ours, the peer, how many times as good ours is, and the load as
it was measured. CHECKOUT is a clone of PaddleClas, PYTHON an interpreter with torch, torchvision
and timm; what is not given is named as missing. Images are drawn, of the size of ImageNet's. Each
figure comes from few repeats; the scripts by themselves take more.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
MISSING = {"PaddleClas": "PADDLECLAS=CHECKOUT", "torch": "TORCH_PYTHON=PYTHON"}
IMAGES = 64


class Job(NamedTuple):
    """A script, its arguments, and what it says of ours and of peers."""

    script: str
    arguments: list[str]
    figures: list["Figure"]


class Figure(NamedTuple):
    """A row of the table: patterns, with one group, of what the script prints."""

    name: str
    unit: str
    ours: str
    peers: dict[str, str]  # by the peer's name
    lower_is_better: bool = True


def jobs(images: Path, models: list[Path], peers: dict[str, Path]) -> list[Job]:
    """What is run, in this order.

    Args:
        images: a folder with images and their `list.txt`.
        models: two files for the x86 runtime.
        peers: what is installed of `MISSING`, by name.
    """
    listed = ["--images", str(images), "--list", str(images / "list.txt")]
    paddleclas = ["--paddleclas", str(peers["PaddleClas"])] if "PaddleClas" in peers else []
    torch = ["--torch-python", str(peers["torch"])] if "torch" in peers else []
    step, first, memory = (
        {
            engine: rf", {engine}: .*?{pattern}"
            for engine in ("PaddleClas", "ours", "torch, channels_last")
        }
        for pattern in (r"step ([\d.]+) s", r"after ([\d.]+) s", r"([\d.]+) MB")
    )
    return [
        Job(
            "train_step.py",
            [*listed, *paddleclas, *torch, "--rounds", "1", "--steps", "6", "--only", "ours",
             "torch, channels_last"],
            [
                Figure(name, unit, said["ours"], {
                    "PaddleClas": said["PaddleClas"], "torch": said["torch, channels_last"],
                })
                for name, unit, said in (
                    ("a training step of GhostNet_x1_0, batch 16", "s", step),
                    ("from the command to the end of its first step", "s", first),
                    ("its peak memory", "MB", memory),
                )
            ],
        ),
        Job(
            "input_pipeline.py",
            [*listed, *paddleclas, "--rounds", "2"],
            [Figure(
                "images decoded, cropped, flipped, normalised", "a second and core",
                r"reduced, to 224: whole +([\d.]+)",
                {"PaddleClas": r"one process: PaddleClas +([\d.]+)"}, lower_is_better=False,
            )],
        ),
        Job(
            "adb_overhead.py",
            [*map(str, models), "--rounds", "10"],
            [Figure("a phone idle between two samples", "ms", r"idle.*?median ([\d.]+)", {})],
        ),
        Job(
            "rack.py",
            [*map(str, models), "--rounds", "10"],
            [Figure("8 phones at once, of the slowest alone", "times", r"s, ([\d.]+) times", {})],
        ),
        Job(
            "interval_coverage.py",
            ["--campaigns", "20", "--rounds", "20"],
            [Figure("intervals that hold the truth, 1 % noise", "%", r"noise 1 % +([\d.]+)%", {})],
        ),
    ]  # fmt: skip


def row(figure: Figure, said: str, peers: dict[str, Path], load: float) -> list[str]:
    """The lines of the table that a figure makes, one a peer."""
    found = re.search(figure.ours, said)
    ours = float(found[1]) if found else None
    start = f"{figure.name} | {'failed' if ours is None else f'{ours:g} {figure.unit}'}"
    lines = []
    for peer, pattern in figure.peers.items() or {"": ""}.items():
        other = re.search(pattern, said) if peer in peers else None
        if not peer:
            end = "| "
        elif other is None or ours is None:
            end = f"{peer}: {'failed' if peer in peers else 'missing, ' + MISSING[peer]} | "
        else:
            theirs = float(other[1])
            ratio = theirs / ours if figure.lower_is_better else ours / theirs
            end = f"{peer}: {theirs:g} | {ratio:.2f}"
        lines.append(f"| {start} | {end} | {load:.1f} |")
    return lines


def draw_images(folder: Path) -> None:
    """Write JPEGs of 500x375, smooth shapes under some noise, and their list."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        coarse = rng.integers(0, 256, (12, 16, 3)).astype(np.float32)
        image = cv2.resize(coarse, (500, 375), interpolation=cv2.INTER_CUBIC)
        image = np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    names = [f"{number}.jpg {number}" for number in range(IMAGES)]
    (folder / "list.txt").write_text("\n".join(names) + "\n")


def make_models(folder: Path, run: Callable[[list[str]], str]) -> list[Path]:
    """Two untrained networks for the x86 runtime."""
    made = []
    for name in ("GhostNet_x0_5", "GhostNet_x1_0"):
        [config] = (ROOT / "configs").rglob(f"{name}.yaml")
        run(["-m", "ppghost", "export", "-c", str(config), "--random-weights", "--output",
             str(folder / name)])  # fmt: skip
        made.append(folder / f"{name}.nb")
        run(["-m", "ppghost", "convert", str(folder / name), "--target", "x86", "--output",
             str(made[-1])])  # fmt: skip
    return made


def run_python(words: list[str]) -> str:
    """What a Python program of ours printed; its last lines on standard error if it failed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - a list, no shell
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment, check=False,
    )  # fmt: skip
    if done.returncode:
        print("\n".join([f"{words} failed:", *done.stdout.splitlines()[-5:]]), file=sys.stderr)
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--paddleclas", type=Path, metavar="CHECKOUT")
    parser.add_argument("--torch-python", type=Path, metavar="PYTHON")
    arguments = parser.parse_args()
    given = {"PaddleClas": arguments.paddleclas, "torch": arguments.torch_python}
    peers = {name: path for name, path in given.items() if path}
    print("| what | ours | peer | ours is so many times as good | load |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw_images(folder)
        models = make_models(folder, run_python)
        for job in jobs(folder, models, peers):
            said = run_python([str(ROOT / "benchmarks" / job.script), *job.arguments])
            for figure in job.figures:
                lines = row(figure, said, peers, os.getloadavg()[0])
                print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
