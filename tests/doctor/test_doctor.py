"""`ppghost doctor`: what will go wrong, before it does."""

import copy
import json
import shutil
from xml.etree import ElementTree

import pytest
import yaml
from support.detectors import detector_config

from ppghost.config.loading import load_config
from ppghost.doctor.data_checks import check_data


@pytest.fixture
def doctor(run, config_file):
    """(exit code, {check: (ok, message)}) of the config with overrides."""

    def call(*overrides):
        options = [part for override in overrides for part in ("-o", override)]
        code, out, _ = run("doctor", "-c", config_file, *options, "--json", "-")
        result = json.loads(out)
        assert all(list(entry) == ["check", "ok", "message"] for entry in result)
        return code, {entry["check"]: (entry["ok"], entry["message"]) for entry in result}

    return call


def test_a_good_config_passes_and_nothing_is_written(doctor, shapes_dir, tmp_path):
    apart = tmp_path / "other"
    shutil.copytree(shapes_dir, apart)
    good = [
        "Optimizer.lr.learning_rate=0.005",
        f"DataLoader.Eval.dataset.image_root={apart}",
        f"Global.output_dir={tmp_path / 'none'}",
    ]
    code, checks = doctor(*good)
    assert (code, [name for name, (ok, _) in checks.items() if not ok]) == (0, [])
    assert checks.keys() >= {
        "config", "training list", "evaluation images", "batches", "training step",
        "evaluation step", "export", "disk",
    }  # fmt: skip
    assert not (tmp_path / "none").exists()


def test_each_problem_is_a_line_of_its_own(doctor, trained):
    code, checks = doctor(
        "Global.tuned_batch_size=64",
        "Arch.class_num=5",
        "DataLoader.Train.sampler.batch_size=11",
        f"Global.pretrained_model={trained}",
        "Arch.name=GhostNet_x0_5",
        "Infer.transforms=[{ResizeImage: {size: 40}}]",
    )
    assert code == 1
    wrong = {name: message for name, (ok, message) in checks.items() if not ok}
    assert "6 images are in both lists" in wrong["classes"]
    assert "2 of 5 classes have no image to train on, for instance 3" in wrong["classes"]
    assert "the last batch of an epoch has one image" in wrong["batches"]
    assert "tuned for a batch of 64, here it is 11" in wrong["learning rate"]
    assert "not the weights of GhostNet_x0_5" in wrong["network and weights"]
    assert "make [3, 40, 40] of an image of 32x32" in wrong["export"]


def test_without_images_the_rest_is_looked_at(doctor):
    code, checks = doctor("DataLoader.Train.dataset.cls_label_path=none.txt")
    assert code == 1
    assert "none.txt: cannot be read" in checks["training list"][1]
    assert checks["network and weights"] == (True, "TinyGhostNet, untrained")
    assert checks["export"][0]


def test_a_config_that_cannot_be_read_is_the_only_line(doctor):
    code, checks = doctor("Global.epoch=3")
    assert (code, list(checks)) == (1, ["config"])
    assert "did you mean epochs?" in checks["config"][1]


def test_objects_that_anchors_cannot_serve_are_told(tmp_path, box_images):
    """Of thirteen objects on one spot the first one takes all anchors."""
    small = {"octave_base_scale": 2, "scales_per_octave": 2}

    def anchors(images):
        config = tmp_path / "detector.yaml"
        config.write_text(yaml.safe_dump(detector_config(images, tmp_path / "out", anchors=small)))
        checks, _ = check_data(load_config(config))
        return next(check for check in checks if check.check == "anchors")

    assert anchors(box_images).ok
    crowded = tmp_path / "set"
    shutil.copytree(box_images, crowded)
    for file in crowded.rglob("*.xml"):
        tree = ElementTree.parse(file)  # noqa: S314 - ours
        first = tree.find("object")
        for _ in range(12):
            tree.getroot().append(copy.deepcopy(first))
        tree.write(file)
    found = anchors(crowded)
    assert not found.ok
    assert f" {12 * 12} have no anchor of their own" in found.message
