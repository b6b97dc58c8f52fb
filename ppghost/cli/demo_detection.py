"""Detection from end to end: images with boxes, a slim detector, its file, figures, and a page."""

import logging
from pathlib import Path

import ppghost
from ppghost.cli.demo_chain import (
    MADE,
    convert_for_phone_and_host,
    nb_file,
    time_and_report,
    train_and_export,
)
from ppghost.cli.stages import Stages, forget_other_code
from ppghost.data.datasets.shapes import write_shapes
from ppghost.errors import CheckFailed
from ppghost.i18n import Message, say, tr
from ppghost.inference.detect import detect
from ppghost.inference.images import find_images
from ppghost.inference.label_page import write_page
from ppghost.training import evaluation

logger = logging.getLogger(__name__)

CONFIG = Path(ppghost.__file__).with_name("configs") / "demo" / "detector.yaml"
#: images to write, and their longer side in pixels
IMAGES, SIZE = 400, 160
#: average precision at an overlap of a half; less means that something broke
EXPECTED_AP50 = 0.8
#: least score of the boxes on the page
SHOWN = 0.5
BENCH_ROUNDS = 20


def demo(output: Path) -> dict:
    """Run every stage into `output`; returns their results by name.

    Raises:
        CheckFailed: the trained network is worse than it must be, or outputs differ.
        InputError, DeviceError, ConversionError, TrainingError: as the stages raise them.
    """
    forget_other_code(output, MADE)
    stages = Stages(output / "stages", total=8)
    shapes, model, page = output / "shapes", output / "detector", output / "boxes.html"
    best = output / "train" / "RetinaNet" / "best_model"
    stages.run(
        "shapes",
        tr("write images with boxes"),
        lambda: write_shapes(shapes, IMAGES, SIZE, one_class=True),
        [shapes / "val.txt"],
    )
    title, settings = tr("train a slim detector on them"), training_settings(output, shapes)
    train_and_export(stages, title, CONFIG, settings, best, model, _check_precision)
    convert_for_phone_and_host(stages, output, model)
    files = [nb_file(output, model.name, "x86")]
    command = "ppghost demo --detection"
    time_and_report(stages, output, files, BENCH_ROUNDS, tr("time it on this host"), command)
    stages.run("boxes", tr("find the shapes in images"), lambda: _page(page, model, shapes), [page])
    return stages.results


def training_settings(output: Path, shapes: Path) -> list[str]:
    """What the config is overridden with."""
    places = [f"DataLoader.{mode}.dataset.dataset_dir={shapes}" for mode in ("Train", "Eval")]
    return [f"Global.output_dir={output / 'train'}", *places]


def summary(results: dict) -> str:
    """What a person wants to know at the end."""
    report, boxes = (
        Path(page).resolve().as_uri()
        for page in (results["report"]["index"], results["boxes"]["page"])
    )
    return Message("\n").join(
        [
            tr("shapes: {metrics}").format(metrics=evaluation.describe(results["eval"])),
            tr("report: {index}").format(index=report),
            tr("boxes: {page}").format(page=boxes),
        ]
    )


def _check_precision(metrics: dict) -> None:
    if metrics["AP50"] < EXPECTED_AP50:
        raise CheckFailed(
            "the shapes were learnt to an AP50 of {ap50:.4f}, expected {expected_ap50} at "
            "least; delete the output directory and run again",
            ap50=metrics["AP50"],
            expected_ap50=EXPECTED_AP50,
        )


def _page(page: Path, model: Path, shapes: Path) -> dict:
    """Draw what the exported model finds in the images that it was not trained on."""
    images = find_images([shapes / "images" / "val"])
    found = detect(model, images)
    shown = []
    for result in found:
        boxes = [box for box in result["boxes"] if box["score"] >= SHOWN]
        shown.append((Path(result["image"]), boxes, say("{count} found", count=len(boxes))))
    count = sum(len(boxes) for _, boxes, _ in shown)
    rows = [{"name": "shape", "labels": count, "threshold": SHOWN}]
    write_page(page, say("What the demo's detector found"), rows, shown)
    return {"page": str(page), "images": len(images), "boxes": count}
