"""The detectors of configs/detection: each builds as it is, with all that training needs."""

import math

import pytest
from support import CONFIGS

from ppghost.config import loading
from ppghost.inference.export import build_inference
from ppghost.tasks.factory import make_task
from ppghost.training import optimizer, schedules

#: trained values and anchors by config, counted in the built Program
COUNTS = {
    "GhostNet_x0_5": (697_034, 3204),
    "GhostNet_x1_0": (2_569_962, 3204),
    "MobileNetV2": (1_876_842, 3204),
    "ResNet18": (11_263_082, 3204),
    "ResNet50": (32_242_559, 19206),
    "SlimNet_bn": (162_843, 3204),
    "SlimNet_gn": (162_843, 3204),
}


@pytest.mark.usefixtures("static")
@pytest.mark.parametrize("name", COUNTS)
def test_a_config_builds(name):
    settings = loading.load_config(CONFIGS / "detection" / f"RetinaNet_{name}.yaml")
    optimizer.check(settings)
    schedule = schedules.learning_rate(settings, settings["Global"]["epochs"], 15)
    assert schedule() == 0  # it warms up
    make_task(settings)
    graph = build_inference(settings, 1, exclude_post_process=True)
    trained = sum(math.prod(p.shape) for p in graph.network.parameters() if p.trainable)
    assert (trained, *graph.outputs["logits"].shape) == (COUNTS[name][0], 1, COUNTS[name][1], 3)


def test_no_config_is_left_out():
    found = {file.stem.removeprefix("RetinaNet_") for file in (CONFIGS / "detection").glob("*")}
    assert found == COUNTS.keys()
