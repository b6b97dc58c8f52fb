"""Detectors in the engine that classifiers have: training, resume, processes, evaluation."""

import json

import numpy as np
import pytest
from support.detectors import detector_config, write_detector_config
from support.runs import assert_same_parameters, ctrl_c_after_step, logged, make_trainer

from ppghost import weights
from ppghost.config import loading
from ppghost.errors import InputError
from ppghost.models import factory
from ppghost.training import loop
from ppghost.training.evaluation import evaluate

WITHOUT_EVALUATION = ["Global.eval_during_train=False"]


def load(settings, *overrides):
    return loading.load_config(settings, overrides)


@pytest.mark.usefixtures("static")
def test_a_detector_learns_and_is_evaluated(box_images, tmp_path):
    settings = load(detector_config(box_images, tmp_path), "Global.epochs=6")
    metrics = loop.train(settings)
    lines = [line for line in logged(tmp_path / "RetinaNet") if line["phase"] == "train_epoch"]
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]
    assert lines[0]["loss"] == pytest.approx(lines[0]["loss_cls"] + lines[0]["loss_box"], rel=1e-5)
    best = f"Global.pretrained_model={tmp_path / 'RetinaNet' / 'best_model'}"
    again = evaluate(load(detector_config(box_images, tmp_path), best))
    for name in ("AP", "AP50", "AP75", "class_agnostic_AP50", "VOC_AP_11point"):
        assert 0 <= again[name] <= 1
    assert (metrics["best_metric"], metrics["best"]) == ("AP", again["AP"])
    assert list(again["classes"]) == ["circle", "square", "triangle"]
    assert again["samples"] == 3


@pytest.mark.usefixtures("static")
def test_images_are_trained_on_at_another_size_than_exports_have(box_images, tmp_path):
    settings = load(detector_config(box_images, tmp_path), "Global.image_shape=[3, 96, 96]")
    trainer = make_trainer(settings)
    trainer.state.start_from(None)
    images, labels = next(iter(trainer.loader.epoch(1)))
    assert images.shape[2:] == (64, 64)
    metrics, _ = trainer.steps.run(images, labels)
    assert metrics["loss"] > 0


@pytest.mark.usefixtures("static")
def test_both_sets_number_their_classes_alike(box_images, tmp_path):
    other = detector_config(box_images, tmp_path)
    names = (box_images / "label_list.txt").read_text().splitlines()
    (tmp_path / "other.txt").write_text("\n".join(reversed(names)))
    other["DataLoader"]["Eval"]["dataset"]["label_list"] = str(tmp_path / "other.txt")
    with pytest.raises(InputError, match=r"circle, square, triangle.*triangle, square, circle"):
        make_trainer(load(other))


@pytest.mark.usefixtures("static")
def test_a_stopped_run_goes_on_bitwise(box_images, tmp_path, monkeypatch):
    def settings(directory):
        return load(detector_config(box_images, directory), *WITHOUT_EVALUATION)

    loop.train(settings(tmp_path / "whole"))
    with ctrl_c_after_step(4, monkeypatch):
        loop.train(settings(tmp_path / "stopped"))
    loop.train(settings(tmp_path / "stopped"), resume="auto")
    assert_same_parameters(*(tmp_path / d / "RetinaNet" for d in ("whole", "stopped")))


def test_two_processes_are_one_with_the_double_batch(box_images, tmp_path, start):
    """The objects of a batch are counted over all processes: theirs differ in number."""
    config = write_detector_config(
        tmp_path / "config.yaml", detector_config(box_images, tmp_path / "output")
    )
    half = ["-o", "DataLoader.Train.sampler.batch_size=2"]
    sgd = ["-o", "Optimizer={name: SGD, lr: {name: Constant, learning_rate: 0.05}}"]
    two = start(config, tmp_path / "two", *half, *sgd, processes=2, dump=tmp_path / "d")
    one = start(config, tmp_path / "one", *sgd)
    assert (one.end(), two.end()) == (0, 0), two.text()
    alone, together = (
        weights.read_state(tmp_path / d / "RetinaNet" / "latest") for d in ("one", "two")
    )
    for name, array in alone.items():
        np.testing.assert_allclose(together[name], array, rtol=0, atol=2e-6, err_msg=name)
    evaluations = [
        next(line for line in logged(tmp_path / d / "RetinaNet") if line["phase"] == "eval")
        for d in ("one", "two")
    ]
    assert evaluations[0]["samples"] == evaluations[1]["samples"] == 3
    assert evaluations[0]["AP"] == pytest.approx(evaluations[1]["AP"], abs=1e-3)


@pytest.mark.usefixtures("static")
def test_a_backbone_starts_from_its_classifiers_weights(box_images, tmp_path):
    with_boxes = detector_config(box_images, tmp_path)
    arch = with_boxes["Arch"] | {"backbone": {"name": "GhostNet_x0_5"}}
    specs = _classifier(tmp_path / "classifier.pdparams")
    arch["backbone"]["pretrained"] = str(tmp_path / "classifier.pdparams")
    trainer = make_trainer(load(with_boxes | {"Arch": arch}, *WITHOUT_EVALUATION))
    trainer.state.load_pretrained()
    own = {spec.structured: spec.parameter for spec in trainer.state.specs}
    taken = [name for name in specs if f"backbone.{name}" in own]
    assert len(taken) > 200
    for name in taken:
        [array] = trainer.state.fetch([own[f"backbone.{name}"]]).values()
        np.testing.assert_array_equal(array, specs[name], err_msg=name)
    left = {name.partition(".")[0] for name in own} - {"backbone"}
    assert left == {"neck", "head"}


def _classifier(path):
    """Weights of GhostNet_x0_5, no two tensors alike; by structured name."""
    from ppghost.weights.conversion import network

    specs = weights.tensor_specs(network("GhostNet_x0_5"))
    rng = np.random.default_rng(3)
    arrays = {s.parameter: rng.uniform(0.5, 1, s.shape).astype("float32") for s in specs}
    weights.write_state(path, arrays, specs)
    return {spec.structured: arrays[spec.parameter] for spec in specs}


@pytest.mark.usefixtures("static")
def test_other_classes_take_all_but_the_head_that_tells_them(box_images, tmp_path):
    loop.train(load(detector_config(box_images, tmp_path), "Global.epochs=1", *WITHOUT_EVALUATION))
    six = detector_config(box_images, tmp_path, class_num=6)
    (tmp_path / "six.txt").write_text("\n".join("abcdef"))
    network = factory.create("RetinaNet", **{k: v for k, v in six["Arch"].items() if k != "name"})
    assert network is not None
    found = weights.load(
        tmp_path / "RetinaNet" / "latest.pdparams", _built(six), "RetinaNet", new_head_classes=18
    )
    assert list(found.mismatched) == [
        "head.classes.predictor._conv.weight", "head.classes.predictor._conv.bias"
    ]  # fmt: skip


def _built(settings):
    from ppghost.inference.export import build_inference

    return build_inference(load(settings), 1).network


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Loss": {"Train": [{"CELoss": {}}]}}, "Loss.Train is CELoss: a RetinaNet takes"),
        ({"Arch.class_num": 4}, "3 classes"),
        ({"Metric": {"Eval": [{"TopkAcc": {}}]}}, "Metric.Eval is TopkAcc: a detector takes"),
        ({"Arch.levels": [1, 5]}, "Arch.levels is [1, 5]: give the first"),
        ({"Arch.backbone": "GhostNet"}, "'GhostNet' is none of"),
        ({"Infer": {"PostProcess": {"name": "ThreshOutput"}}}, "is for classifiers"),
        ({"Global.image_shape": [3, -1, -1]}, "anchors lie in images of one size"),
    ],
)
@pytest.mark.usefixtures("static")
def test_what_does_not_fit_is_one_line(box_images, tmp_path, change, message):
    settings = detector_config(box_images, tmp_path)
    for key, value in change.items():
        section, _, name = key.partition(".")
        if name:
            settings[section][name] = value
        else:
            settings[section] = settings.get(section, {}) | value
    with pytest.raises(InputError) as error:
        _built(settings) if "image_shape" in str(change) else make_trainer(load(settings))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("static")
def test_classifiers_and_boxes_do_not_go_together(box_images, tmp_path, config_file):
    with_boxes = detector_config(box_images, tmp_path)
    classifier = loading.load_config(config_file)
    mixed = classifier | {"DataLoader": load(with_boxes)["DataLoader"]}
    with pytest.raises(InputError, match="VOCDataSet has boxes, "):
        make_trainer(mixed)
    mixed = load(with_boxes) | {"DataLoader": classifier["DataLoader"]}
    with pytest.raises(InputError, match="ImageNetDataset has one class an image"):
        make_trainer(mixed)


def test_the_commands_speak_of_boxes(box_images, tmp_path, run):
    small = {"octave_base_scale": 2, "scales_per_octave": 2}
    settings = detector_config(box_images, tmp_path, anchors=small)
    config = write_detector_config(tmp_path / "c.yaml", settings)
    code, out, _ = run("doctor", "-c", config, "--json", "-")
    assert code == 0, out
    checks = {check["check"]: check["message"] for check in json.loads(out)}
    assert checks["classes"] == "each of 3 classes has images"
    assert checks["training list"] == "12 images, 3x64x64 for the network"
