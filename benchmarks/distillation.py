"""What a teacher's labels are worth to a small detector, on a set of which few images are labelled.

    python benchmarks/distillation.py SET --output DIR [--one-class] [--backbone-weights FILE]
        [--labelled 40] [--steps 3000] [--seeds 0,1,2] [--arms alone,teacher,all]

SET is a folder with label_list.txt, train.txt and test.txt (lines "image annotation", Pascal VOC).
A teacher (MobileNetV2, begun with ImageNet's weights if they are given) learns from `--labelled`
images drawn at random, and `ppghost label` labels the rest. Then a small student is trained from
scratch, for the same number of steps and with the same transforms: on the labelled images alone, on
them and the teacher's labels, on them and the true labels of the rest; each with every seed. All
are judged by the weights of the last step on the test images; labels of the teacher by the true
ones, at an overlap of 0.5. Every stage is a `ppghost` command and is done once: the script goes on
where it was stopped. Figures stand in DIR/distillation.json.
"""

import argparse
import itertools
import json
import math
import random
import shutil
import statistics
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from detection_runs import BATCH, Recipe, ppghost, run, settings

from ppghost.tasks.detection.targets import overlaps

ARMS = ("alone", "teacher", "all")
#: pixels of a side that the two see
TEACHER_SIZE, STUDENT_SIZE = 224, 160
#: of a student's batch, what the teacher labelled
RATIO = 0.5


class Set:
    """A copy of the images, with lists of the labelled and the other ones; one class if wished."""

    def __init__(self, source: Path, folder: Path, labelled: int, one_class: bool) -> None:
        self.folder = folder
        lines = (source / "train.txt").read_text().splitlines()
        self.labelled = sorted(random.Random(0).sample(lines, labelled))  # noqa: S311 - a draw
        self.rest = sorted(set(lines) - set(self.labelled))
        self.test = (source / "test.txt").read_text().splitlines()
        names = (source / "label_list.txt").read_text().split()
        self.names = ["object"] if one_class else names
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            for line in itertools.chain(self.labelled, self.rest, self.test):
                _copy(source, partial, *line.split(), one_class)
            partial.rename(folder)
        (folder / "label_list.txt").write_text("\n".join(self.names) + "\n")
        self._write("test.txt", self.test)
        self._write("labelled.txt", self.labelled)
        self._write("all.txt", self.labelled + self.rest)
        self._write("rest.txt", [line.split()[0] for line in self.rest])

    def _write(self, name: str, lines: list[str]) -> None:
        (self.folder / name).write_text("\n".join(lines) + "\n")


def _copy(source: Path, folder: Path, image: str, annotation: str, one_class: bool) -> None:
    for name in (image, annotation):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / image, folder / image)
    tree = ElementTree.parse(source / annotation)  # noqa: S314 - a set that the caller chose
    for name in tree.iterfind("object/name") if one_class else ():
        name.text = "object"
    tree.write(folder / annotation)


def teach(data: Set, output: Path, steps: int, weights: Path | None) -> tuple[dict, Path]:
    """A teacher of the labelled images. Returns its evaluation, and its labels of the rest."""
    backbone = {"name": "MobileNetV2", "pretrained": str(weights) if weights else None}
    arch = {"backbone": backbone, "levels": [4, 7], "anchors": {"scales_per_octave": 2}}
    recipe = Recipe(
        data.folder, len(data.names), TEACHER_SIZE, 0.001, {"anno_path": "labelled.txt"}
    )
    epochs = math.ceil(steps / (len(data.labelled) // BATCH))
    config = settings(recipe, arch, seed=0, epochs=epochs)
    evaluated = run(output / "teacher", config)
    labels = output / "labels" / "labels.json"
    boxes = sum(len(_boxes(data.folder / line.split()[1])) for line in data.labelled)
    if not labels.exists():
        ppghost(
            "label", "-c", output / "teacher" / "config.yaml", "-o",
            f"Global.pretrained_model={output / 'teacher' / 'RetinaNet' / 'latest'}",
            "--images", data.folder / "rest.txt", "--output", labels,
            "--objects-per-image", boxes / len(data.labelled),
        )  # fmt: skip
    return evaluated, labels


def judge(data: Set, labels: Path) -> dict[str, float]:
    """Precision and recall of labels against the true ones, of the right class, overlap 0.5."""
    said = json.loads(labels.read_text())
    names = {category["id"]: category["name"] for category in said["categories"]}
    images = {image["file_name"]: image["id"] for image in said["images"]}
    found = {}
    for label in said["annotations"]:
        found.setdefault(label["image_id"], []).append(label)
    right = labelled = true = 0
    for image, annotation in (line.split() for line in data.rest):
        left = _boxes(data.folder / annotation)
        true += len(left)
        for label in sorted(found.get(images[image], ()), key=lambda label: -label.get("score", 1)):
            labelled += 1
            x, y, width, height = label["bbox"]
            box = np.array([[x, y, x + width, y + height]])
            same = [i for i, (name, _) in enumerate(left) if name == names[label["category_id"]]]
            if not same:
                continue
            overlap = overlaps(box, np.array([left[i][1] for i in same]))[0]
            if overlap.max() >= 0.5:
                left.pop(same[int(overlap.argmax())])
                right += 1
    if not labelled:
        raise SystemExit(f"{labels}: the teacher labelled nothing; give it more --teacher-steps")
    return {
        "labels": labelled, "true": true, "precision": right / labelled, "recall": right / true
    }  # fmt: skip


def _boxes(annotation: Path) -> list[tuple[str, list[float]]]:
    tree = ElementTree.parse(annotation)  # noqa: S314 - a set that the caller chose
    sides = ("xmin", "ymin", "xmax", "ymax")
    return [
        (item.findtext("name"), [float(item.findtext(f"bndbox/{side}")) for side in sides])
        for item in tree.iterfind("object")
    ]


def student(data: Set, output: Path, arm: str, seed: int, steps: int, labels: Path) -> dict:
    """A student of one arm and seed. Returns its evaluation."""
    lines, of_a_batch = (data.labelled, BATCH)
    train = {"anno_path": "labelled.txt"}
    if arm == "teacher":
        of_a_batch = BATCH - round(BATCH * RATIO)
        train["pseudo"] = {
            "dataset_dir": str(labels.parent), "anno_path": labels.name,
            "image_dir": str(data.folder), "ratio": RATIO, "weight": 1.0, "allow_empty": True,
        }  # fmt: skip
    elif arm == "all":
        lines, train = data.labelled + data.rest, {"anno_path": "all.txt"}
    arch = {
        "backbone": {"name": "SlimNet"}, "levels": [3, 6],
        "anchors": {"octave_base_scale": 4, "scales_per_octave": 2},
    }  # fmt: skip
    epochs = math.ceil(steps / (len(lines) // of_a_batch))
    recipe = Recipe(data.folder, len(data.names), STUDENT_SIZE, 0.003, train)
    config = settings(recipe, arch, seed=seed, epochs=epochs)
    return run(output / f"{arm}{seed}", config)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--one-class", action="store_true", help="all classes are one")
    parser.add_argument("--backbone-weights", type=Path, help="of MobileNetV2, for the teacher")
    parser.add_argument("--labelled", type=int, default=40)
    parser.add_argument("--steps", type=int, default=3000, help="of a student, at least")
    parser.add_argument("--teacher-steps", type=int, default=2000)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--arms", default=",".join(ARMS))
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    data = Set(arguments.set, output / "data", arguments.labelled, arguments.one_class)
    taught, labels = teach(data, output, arguments.teacher_steps, arguments.backbone_weights)
    figures = {"teacher": taught, "labels": judge(data, labels), "students": {}}
    print(json.dumps(figures, indent=1))
    for seed, arm in itertools.product(arguments.seeds.split(","), arguments.arms.split(",")):
        said = student(data, output, arm, int(seed), arguments.steps, labels)
        figures["students"].setdefault(arm, {})[seed] = said
        (output / "distillation.json").write_text(json.dumps(figures, indent=1) + "\n")
    print("| trained on | AP | AP50 | class-agnostic AP50 | seeds |\n|---|---|---|---|---|")
    for arm, by_seed in figures["students"].items():
        columns = [
            " ".join(f"{metrics[name]:.3f}" for metrics in by_seed.values())
            + f" (mean {statistics.mean(metrics[name] for metrics in by_seed.values()):.3f})"
            for name in ("AP", "AP50", "class_agnostic_AP50")
        ]
        print(f"| {arm} | {' | '.join(columns)} | {', '.join(by_seed)} |")


if __name__ == "__main__":
    main()
