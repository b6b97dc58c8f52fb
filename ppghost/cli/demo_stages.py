"""The main job from end to end on real images, with this host as the device."""

import logging
from functools import partial
from pathlib import Path

import ppghost
from ppghost.cli.demo_chain import (
    MADE,
    convert_for_phone_and_host,
    convert_to,
    nb_file,
    time_and_report,
    train_and_export,
)
from ppghost.cli.stages import Stages, forget_other_code
from ppghost.config import loading as config
from ppghost.data.datasets.digits import write_digits
from ppghost.errors import CheckFailed
from ppghost.i18n import Message, tr
from ppghost.inference import export
from ppghost.inference.predict import predict
from ppghost.training import evaluation

logger = logging.getLogger(__name__)

CONFIGS = Path(ppghost.__file__).with_name("configs")
#: timed side by side
NETWORKS = (
    "GhostNet_x0_5",
    "GhostNet_x1_0",
    "GhostNet_x1_3",
    "MobileNetV3_large_x1_0",
    "MobileNetV3_large_x0_5",
    "MobileNetV3_small_x1_0",
)
#: what the digits reach with every seed tried; less means that something broke
EXPECTED_TOP1 = 0.97
PREDICTED_IMAGES = 5
BENCH_ROUNDS = 40


def demo(output: Path) -> dict:
    """Run every stage into `output`; returns their results by name.

    Raises:
        CheckFailed: the trained network is worse than it must be, or outputs differ.
        InputError, DeviceError, ConversionError, TrainingError: as the stages raise them.
    """
    forget_other_code(output, MADE)
    stages = Stages(output / "stages", total=8 + len(NETWORKS))
    _digits_stages(stages, output)
    _latency_stages(stages, output)
    return stages.results


def _digits_stages(stages: Stages, output: Path) -> None:
    """Real images, a network trained on them, and that network converted."""
    digits, model = output / "digits", output / "GhostNet_x0_5_digits"
    file, settings = CONFIGS / "demo" / "GhostNet_x0_5_digits.yaml", _digits_config(output, digits)
    best = output / "train" / "GhostNet_x0_5" / "best_model"
    stages.run(
        "digits",
        tr("write scikit-learn's digits"),
        lambda: write_digits(digits),
        [digits / "val_list.txt"],
    )
    title = tr("train GhostNet_x0_5 on them")
    train_and_export(stages, title, file, settings, best, model, _check_accuracy)
    stages.run("predict", tr("predict a few images"), lambda: _predict(model, digits), [])
    convert_for_phone_and_host(stages, output, model)


def _latency_stages(stages: Stages, output: Path) -> None:
    """The networks of the curve, timed on this host, and the report."""
    files = [nb_file(output, name, "x86") for name in NETWORKS]
    for name, file in zip(NETWORKS, files, strict=True):
        title = tr("export and convert {name} at 224x224").format(name=name)
        stages.run(f"network-{name}", title, partial(_network, output, name), [file])
    time_and_report(
        stages, output, files, BENCH_ROUNDS, tr("time them on this host"), "ppghost demo"
    )


def summary(results: dict) -> str:
    """What a person wants to know at the end."""
    accuracy, page = results["eval"], Path(results["report"]["index"]).resolve()
    return Message("\n").join(
        [
            tr("digits: {metrics}").format(metrics=evaluation.describe(accuracy)),
            tr("report: {index}").format(index=page.as_uri()),
        ]
    )


def _digits_config(output: Path, digits: Path) -> list[str]:
    overrides = [f"Global.output_dir={output / 'train'}"]
    overrides.append(f"Infer.PostProcess.class_id_map_file={digits / 'label_list.txt'}")
    for mode, name in (("Train", "train_list.txt"), ("Eval", "val_list.txt")):
        overrides.append(f"DataLoader.{mode}.dataset.image_root={digits}")
        overrides.append(f"DataLoader.{mode}.dataset.cls_label_path={digits / name}")
    return overrides


def _check_accuracy(figures: dict) -> None:
    if figures["top1"] < EXPECTED_TOP1:
        raise CheckFailed(
            "the digits were learnt to top-1 {top1:.4f}, expected {expected_top1} at "
            "least; delete the output directory and run again",
            top1=figures["top1"],
            expected_top1=EXPECTED_TOP1,
        )


def _predict(model: Path, digits: Path) -> list[dict]:
    lines = (digits / "val_list.txt").read_text().splitlines()[:PREDICTED_IMAGES]
    images, labels = zip(*(line.split() for line in lines), strict=True)
    results = predict(model, [digits / image for image in images], topk=1)
    for result, label in zip(results, labels, strict=True):
        [best] = result["topk"]
        logger.info("  %s: %s %.3f (is %s)", result["image"], best["label"], best["score"], label)
    return results


def _network(output: Path, name: str) -> dict:
    """An untrained network as an x86 `.nb`: its latency does not depend on its weights."""
    settings = config.load_config(CONFIGS / "demo" / "latency.yaml", [f"Arch.name={name}"])
    model = output / "networks" / name
    export.export(settings, model, random_weights=True)
    return convert_to(output, model, "x86")
