"""The main job from end to end on real images, with this host as the device."""

import logging
from functools import partial
from pathlib import Path

import ppghost
from ppghost.cli.stages import Stages, forget_other_code
from ppghost.config import loading as config
from ppghost.data.datasets.digits import write_digits
from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.devices.discovery import find_devices
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.runner import run_campaign
from ppghost.deploy.reporting.write import report
from ppghost.errors import CheckFailed
from ppghost.inference import export
from ppghost.inference.predict import predict
from ppghost.training import evaluation, loop

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
#: what stages leave in the output folder and later runs go on from
MADE = ("stages", "train", "latency.json")


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
    best = output / "train" / "GhostNet_x0_5" / "best_model"
    file, settings = CONFIGS / "demo" / "GhostNet_x0_5_digits.yaml", _digits_config(output, digits)
    untrained = config.load_config(file, settings)
    trained = config.load_config(file, [*settings, f"Global.pretrained_model={best}"])
    stages.run(
        "digits",
        "write scikit-learn's digits",
        lambda: write_digits(digits),
        [digits / "val_list.txt"],
    )
    stages.run(
        "train",
        "train GhostNet_x0_5 on them",
        lambda: loop.train(untrained, resume="auto"),
        [best.with_suffix(".pdparams")],
    )
    stages.run("eval", "evaluate", lambda: evaluation.evaluate(trained), [])
    _check_accuracy(stages.results["eval"])
    stages.run(
        "export",
        "export",
        lambda: export.export(trained, model).to_json(),
        [model / "inference.yml"],
    )
    stages.run("predict", "predict a few images", lambda: _predict(model, digits), [])
    stages.run(
        "convert",
        "convert to arm and x86, compare x86 with Paddle",
        lambda: [_convert(output, model, target) for target in ("arm", "x86")],
        [_nb(output, model.name, t) for t in ("arm", "x86")],
    )


def _latency_stages(stages: Stages, output: Path) -> None:
    """The networks of the curve, timed on this host, and the report."""
    results = output / "latency.json"
    for name in NETWORKS:
        stages.run(
            f"network-{name}",
            f"export and convert {name} at 224x224",
            partial(_network, output, name),
            [_nb(output, name, "x86")],
        )
    stages.run(
        "bench",
        "time them on this host",
        lambda: run_campaign(
            Campaign(
                models=tuple(_nb(output, name, "x86") for name in NETWORKS), rounds=BENCH_ROUNDS
            ),
            find_devices(["host"]),
            output=results,
            resume=True,
            command="ppghost demo",
        ).to_json(),
        [results],
    )
    stages.run(
        "report",
        "report",
        lambda: report([results], output / "report").to_json(),
        [output / "report" / "index.html"],
    )


def summary(results: dict) -> str:
    """What a person wants to know at the end."""
    accuracy, page = results["eval"], Path(results["report"]["index"]).resolve()
    return f"digits: {evaluation.describe(accuracy)}\nreport: {page.as_uri()}"


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
            f"the digits were learnt to top-1 {figures['top1']:.4f}, expected {EXPECTED_TOP1} at "
            "least; delete the output directory and run again"
        )


def _nb(output: Path, name: str, target: str) -> Path:
    return output / "nb" / target / f"{name}.nb"


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
    return _convert(output, model, "x86")


def _convert(output: Path, model: Path, target: str) -> dict:
    return convert(model, target, _nb(output, model.name, target)).to_json()
