"""Every picture of the docs, from the product's own commands: make pictures.

    python docs/pictures.py [NAME ...] [--chromium PROGRAM] [--output DIR]

Without names all are made: networks are timed, a detector is trained. What commands write is kept
in DIR (output/pictures), and a second run goes on from it. Before a report is photographed that
people will see, let nothing else run. Pages are shown by a Chromium without a window.
"""

import argparse
import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps

from ppghost.cli import demo_stages

DOCS = Path(__file__).resolve().parent
CONFIGS = DOCS.parent / "configs" / "demo"
#: of the report's curve; untrained, as latency does not depend on weights
NETWORKS = (*demo_stages.NETWORKS, "MobileNetV2", "PPLCNet_x1_0")
MAX_BYTES = 200_000


class Studio:
    """Where commands write, and what shows pages."""

    def __init__(self, output: Path, chromium: str) -> None:
        self.output, self.chromium = output.resolve(), chromium
        output.mkdir(parents=True, exist_ok=True)

    def ppghost(self, *words: object) -> None:
        """Run a command in `output`. CalledProcessError: it failed."""
        command = [sys.executable, "-m", "ppghost", *map(str, words)]
        environment = os.environ | {"PYTHONPATH": str(DOCS.parent)}
        subprocess.run(command, check=True, cwd=self.output, env=environment)

    def photograph(self, page: str, name: str, width: int, height: int) -> None:
        """The upper part of a page in `output` as docs/NAME, width x height pixels, few colours."""
        shot = self.output / name
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = [f"--window-size={width},{height}", f"--screenshot={shot}"]
        address = (self.output / page).as_uri()
        subprocess.run([self.chromium, *flags, *size, address], check=True)
        publish(Image.open(shot), name)


def publish(picture: Image.Image, name: str) -> None:
    """Write docs/NAME, in few colours. SystemExit: it is larger than pictures may be."""
    file = io.BytesIO()
    few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(file, "PNG", optimize=True)
    if len(file.getvalue()) > MAX_BYTES:
        raise SystemExit(f"{name}: {len(file.getvalue())} bytes, over {MAX_BYTES}")
    (DOCS / name).write_bytes(file.getvalue())


def latency(studio: Studio) -> Path:
    """The result of the campaign that both reports show."""
    if not (studio.output / "nb").exists():
        for name in NETWORKS:
            settings = ["-c", CONFIGS / "latency.yaml", "-o", f"Arch.name={name}"]
            studio.ppghost("export", *settings, "--random-weights", "--output", name)
        studio.ppghost("convert", *NETWORKS, "--target", "x86", "--output", "nb")
    result = studio.output / "latency.json"
    studio.ppghost("bench", "nb", "--device", "host", "--json", result.name, "--resume")
    return result


def report(studio: Studio) -> None:
    """The report, in English."""
    studio.ppghost("report", latency(studio).name, "--output", "report")
    studio.photograph("report/index.html", "report.png", 1000, 1290)


def report_zh(studio: Studio) -> None:
    """The report, in Chinese."""
    studio.ppghost("report", latency(studio).name, "--lang", "zh", "--output", "report_zh")
    studio.photograph("report_zh/index.html", "report_zh.png", 1000, 1290)


def analysis(studio: Studio) -> None:
    """A page of `analyze`."""
    studio.ppghost("analyze", "GhostNet_x1_0", "--output", "analysis")
    studio.photograph("analysis/index.html", "analysis.png", 1000, 1250)


def boxes(studio: Studio) -> None:
    """What `predict --draw` draws: the boxes of a detector in images that it has not seen."""
    studio.ppghost("demo", "--detection", "--output", "detection")
    images = "detection/shapes/images/val"
    studio.ppghost("predict", "detection/detector", images, "--draw", "drawn")
    drawn = [Image.open(file) for file in sorted((studio.output / "drawn").iterdir())[:8]]
    sheet = Image.new("RGB", (4 * 200, 2 * 200), "white")
    for number, image in enumerate(drawn):
        row, column = divmod(number, 4)
        tile = ImageOps.pad(image, (190, 190), color="white")
        sheet.paste(tile, (200 * column, 200 * row))
    publish(sheet, "boxes.png")


def labels(studio: Studio) -> None:
    """The page beside a teacher's labels."""
    studio.ppghost("demo", "--detection", "--output", "detection")
    settings = {
        "Global.pretrained_model": "detection/train/RetinaNet/best_model",
        "DataLoader.Train.dataset.dataset_dir": "detection/shapes",
        "DataLoader.Eval.dataset.dataset_dir": "detection/shapes",
    }
    words = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    words += ["--images", "detection/shapes/images/val", "--output", "labels/labels.json"]
    studio.ppghost("label", "-c", CONFIGS / "detector.yaml", *words)
    studio.photograph("labels/labels.html", "labels.png", 1000, 600)


def cifar10(studio: Studio) -> None:
    """The training runs of docs/cifar10.csv, drawn; their recipe is in docs/results.md."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "ppghost", "svg.fonttype": "none"}
    from matplotlib import pyplot

    with (DOCS / "cifar10.csv").open() as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) for row in rows]
    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
    for name, colour in (("ResNet20", "#4477aa"), ("GhostResNet20", "#cc6677")):
        top1 = [float(row[name]) for row in rows]
        axes.plot(epochs, top1, color=colour)
        above = 5 if name == "ResNet20" else -14
        axes.annotate(f"{name} {top1[-1]:.1f} %", (epochs[-1], top1[-1]), (-4, above),
                      textcoords="offset points", ha="right", color=colour)  # fmt: skip
    axes.set(xlabel="epoch (352 iterations of 128 images)", ylabel="top-1 on the 5,000 held out, %")
    axes.set_xticks(epochs[::2])
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(DOCS / "cifar10.svg", metadata={"Date": None})


PICTURES: dict[str, Callable[[Studio], None]] = {
    make.__name__: make for make in (report, report_zh, analysis, boxes, labels, cifar10)
}


def main() -> None:
    """Make those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *PICTURES], metavar="NAME")
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--output", type=Path, default=DOCS.parent / "output" / "pictures")
    args = parser.parse_args()
    studio = Studio(args.output, args.chromium)
    for name in args.names or PICTURES:
        PICTURES[name](studio)


if __name__ == "__main__":
    main()
