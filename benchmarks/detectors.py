"""AP against latency of light RetinaNets, and what each rule of the slim one is worth.

    python benchmarks/detectors.py SET --output DIR [--backbone-weights MobileNetV2=FILE]
        [--train NAME,...] [--steps 1500] [--size 320] [--seed 0]

SET is a folder as `distillation.py` takes it. Every detector is exported, converted for x86 and
timed in one campaign on the first test image, with its suppression; those of `--train` (all but the
two ResNets unless given) are trained first, each for the same steps with the same transforms, and
have their AP in the report, DIR/report. The others have drawn weights, and no AP; nor do they find
anything, so that their suppression costs less. Rows `slim_...` are the slim network with one of the
article's rules undone, or with the group norm that it asks for. Every stage is a `ppghost` command
and is done once: the script goes on where it was stopped.
"""

import argparse
import json
import math
from pathlib import Path

from detection_runs import BATCH, Recipe, ppghost, run, settings, write_config

SLIM = {"backbone": {"name": "SlimNet"}, "levels": [4, 7], "anchors": {"scales_per_octave": 2}}


def _slim(**changed: object) -> dict:
    """The slim detector with other arguments of its backbone, or keys of its architecture."""
    own = {key: changed.pop(key) for key in ("norm", "dilated_stem", "shortcuts", "relus")
           if key in changed}  # fmt: skip
    return SLIM | {"backbone": SLIM["backbone"] | own} | changed


def _light(backbone: str) -> dict:
    return SLIM | {"backbone": {"name": backbone}}


DETECTORS: dict[str, dict] = {
    # the base: the paper's RetinaNet
    "ResNet50": {
        "backbone": {"name": "ResNet50"}, "levels": [3, 7], "anchors": {"scales_per_octave": 3},
        "neck": {"width": 256, "kernel": 3}, "head": {"width": 256, "convs": 4, "kernel": 3},
    },
    "ResNet18": _light("ResNet18"),
    "MobileNetV2": _light("MobileNetV2"),
    "GhostNet_x1_0": _light("GhostNet_x1_0"),
    "GhostNet_x0_5": _light("GhostNet_x0_5"),
    "slim": _slim(),
    "slim_group_norm": _slim(norm="gn"),
    "slim_plain_stem": _slim(dilated_stem=False),
    "slim_from_stride_8": _slim(levels=[3, 7]),
    "slim_head_256": _slim(head={"width": 256, "convs": 2, "kernel": 1}),
    "slim_shortcuts": _slim(shortcuts=True),
    "slim_relus": _slim(relus=True),
}  # fmt: skip
#: too slow to learn here from scratch
NOT_TRAINED = ("ResNet50", "ResNet18")
#: of drawn weights and of those that begin with ImageNet's
RATE, FINE_TUNING_RATE = 0.002, 0.0005


def prepare(name: str, arguments: argparse.Namespace) -> tuple[Path, Path | None]:
    """Train (or not), export and convert a detector. Returns its .nb and its evaluation."""
    folder = arguments.output / name
    backbone = dict(DETECTORS[name]["backbone"])
    if weights := arguments.backbone_weights.get(backbone["name"]):
        backbone["pretrained"] = str(weights)
    source = arguments.set.resolve()
    names = (source / "label_list.txt").read_text().split()
    rate = FINE_TUNING_RATE if weights else RATE
    recipe = Recipe(source, len(names), arguments.size, rate, {"anno_path": "train.txt"})
    steps = len((source / "train.txt").read_text().splitlines()) // BATCH
    config = settings(
        recipe, DETECTORS[name] | {"backbone": backbone},
        seed=arguments.seed, epochs=math.ceil(arguments.steps / steps),
    )  # fmt: skip
    trained = name in arguments.train
    evaluation = folder / "eval.json" if trained else None
    if trained:
        run(folder, config)
    model = folder / name
    if not model.exists():
        from_ = ["-o", f"Global.pretrained_model={folder / 'RetinaNet' / 'latest'}"]
        file = write_config(folder, config)
        ppghost("export", "-c", file, *(from_ if trained else ["--random-weights"]),
                "--output", model)  # fmt: skip
    nb = arguments.output / "nb" / f"{name}.nb"
    if not nb.exists():
        ppghost("convert", model, "--target", "x86", "--output", nb)
    return nb, evaluation


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--backbone-weights", default="", metavar="BACKBONE=FILE,...")
    parser.add_argument("--train", metavar="NAME,...")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    arguments.output = arguments.output.resolve()
    pairs = (pair.split("=", 1) for pair in arguments.backbone_weights.split(",") if pair)
    arguments.backbone_weights = {name: Path(file).resolve() for name, file in pairs}
    all_ = [name for name in DETECTORS if name not in NOT_TRAINED]
    arguments.train = all_ if arguments.train is None else arguments.train.split(",")
    prepared = [prepare(name, arguments) for name in DETECTORS]
    image = arguments.set / (arguments.set / "test.txt").read_text().split(maxsplit=1)[0]
    latency = arguments.output / "latency.json"
    ppghost("bench", *(nb for nb, _ in prepared), "--device", "host", "--image", image,
            "--rounds", arguments.rounds, "--resume", "--json", latency)  # fmt: skip
    evaluations = {str(nb): said for nb, said in prepared if said}
    accuracy = []
    for result in json.loads(latency.read_text())["results"]:
        if said := evaluations.get(result["nb"]):
            accuracy += ["--accuracy", f"{result['model']}={said}"]
    ppghost("report", latency, *accuracy, "--output", arguments.output / "report")
    print((arguments.output / "report" / "report.md").read_text())


if __name__ == "__main__":
    main()
