"""PaddleClas 1.x configurations, in the 2.x form."""

import copy
import logging

import pytest
import yaml

from ppghost.config import loading as config
from ppghost.errors import InputError


def old_config(**changes):
    """A small 1.x recipe with one key of each kind."""
    transforms = [
        {"DecodeImage": {"to_rgb": True, "to_np": False, "channel_first": False}},
        {"NormalizeImage": {"scale": "1./255.", "order": ""}},
        {"ToCHWImage": None},
    ]
    reader = {
        "num_workers": 4,
        "file_list": "list.txt",
        "data_dir": "images",
        "shuffle_seed": 0,
        "transforms": transforms,
    }
    return {
        "mode": "train",
        "ARCHITECTURE": {"name": "GhostNet_x0_5"},
        "pretrained_model": "",
        "model_save_dir": "out",
        "classes_num": 10,
        "total_images": 1000,
        "save_interval": 2,
        "validate": True,
        "valid_interval": 3,
        "epochs": 9,
        "topk": 5,
        "image_shape": [3, 32, 32],
        "ls_epsilon": 0.1,
        "LEARNING_RATE": {"function": "CosineWarmup", "params": {"lr": 0.4, "warmup_epoch": 2}},
        "OPTIMIZER": {
            "function": "Momentum",
            "params": {"momentum": 0.9},
            "regularizer": {"function": "L2", "factor": 4e-5},
        },
        "TRAIN": {"batch_size": 64, **copy.deepcopy(reader)},
        "VALID": {"batch_size": 20, **copy.deepcopy(reader)},
    } | changes


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a 1.x config, some of its keys changed, overridden, in a run of so many processes."""
    monkeypatch.delenv("PADDLE_TRAINERS_NUM", raising=False)

    def call(*overrides, **changes):
        path = tmp_path / "old.yaml"
        path.write_text(yaml.safe_dump(old_config(**changes)))
        return config.load_config(path, overrides)

    return call


def test_a_recipe_is_read_in_the_2x_form(load):
    new = load()
    wanted = {
        "pretrained_model": None,
        "output_dir": "out",
        "save_interval": 2,
        "eval_during_train": True,
        "eval_interval": 3,
        "epochs": 9,
        "image_shape": [3, 32, 32],
        "device": "cpu",
        "tuned_batch_size": 64,
    }
    assert {key: new["Global"][key] for key in wanted} == wanted
    assert new["Arch"] == {"name": "GhostNet_x0_5", "class_num": 10}
    smoothed = [{"CELoss": {"weight": 1.0, "epsilon": 0.1}}]
    assert new["Loss"] == {"Train": smoothed, "Eval": smoothed}
    assert new["Metric"]["Eval"] == [{"TopkAcc": {"topk": [1, 5]}}]
    assert new["Optimizer"]["regularizer"] == {"name": "L2", "coeff": 4e-5}
    train, evaluation = new["DataLoader"]["Train"], new["DataLoader"]["Eval"]
    assert train["dataset"]["image_root"] == "images"
    assert train["dataset"]["cls_label_path"] == "list.txt"
    assert train["sampler"] == {
        "name": "DistributedBatchSampler",
        "batch_size": 64,
        "drop_last": True,  # 1.x never hands out a batch that is not full
        "shuffle": True,
    }
    assert (evaluation["sampler"]["batch_size"], evaluation["sampler"]["drop_last"]) == (20, False)
    assert train["loader"]["num_workers"] == 4


def test_operations_are_those_that_2x_takes(load):
    """Its data sets change the layout themselves, and its predictor does not."""
    new = load()
    decode = {"DecodeImage": {"to_rgb": True, "channel_first": False}}
    normalize = {"NormalizeImage": {"scale": "1./255.", "order": ""}}
    assert new["DataLoader"]["Train"]["dataset"]["transform_ops"] == [decode, normalize]
    assert new["Infer"]["transforms"] == [decode, normalize, {"ToCHWImage": None}]


@pytest.mark.parametrize(
    ("number", "name"), [(-1, None), (0, "nearest"), (2, "bicubic"), (4, "lanczos")]
)
def test_opencv_s_numbers_of_filters_become_names(load, number, name):
    crop = {"RandCropImage": {"size": 32, "interpolation": number}}
    new = load(TRAIN={**old_config()["TRAIN"], "transforms": [crop]})
    [translated] = new["DataLoader"]["Train"]["dataset"]["transform_ops"]
    assert translated["RandCropImage"]["interpolation"] == name


def test_what_is_translated_reads_back_as_2x(load, tmp_path):
    new = load()
    path = tmp_path / "new.yaml"
    path.write_text(config.dump(new))
    assert config.load_config(path) == new


@pytest.mark.parametrize(
    ("function", "params", "lr"),
    [
        ("Cosine", {"lr": 0.1}, {"name": "Cosine", "learning_rate": 0.1, "by_epoch": True}),
        ("CosineWarmup", {"lr": 0.1}, {"name": "Cosine", "warmup_epoch": 5, "by_epoch": False}),
        (
            "Piecewise",
            {"lr": 0.1, "decay_epochs": [3, 6], "gamma": 0.5},
            {"name": "MultiStepDecay", "milestones": [3, 6], "gamma": 0.5, "learning_rate": 0.1},
        ),
        (
            "ExponentialWarmup",
            {"lr": 0.1},
            {"name": "Step", "step_size": 2.4, "gamma": 0.97, "warmup_epoch": 5},
        ),
    ],
)
def test_learning_rates_keep_their_schedule(load, function, params, lr):
    read = load(LEARNING_RATE={"function": function, "params": params})["Optimizer"]["lr"]
    assert {key: read[key] for key in lr} == lr


def test_a_batch_is_the_total_over_the_processes(load, monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "4")
    new = load()
    assert new["DataLoader"]["Train"]["sampler"]["batch_size"] == 16
    assert new["DataLoader"]["Eval"]["sampler"]["batch_size"] == 5
    assert new["Global"]["tuned_batch_size"] == 64
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "3")
    with pytest.raises(InputError, match=r"TRAIN\.batch_size: 64 images.* among 3 processes"):
        load()


def test_mixing_names_its_operations_and_has_no_training_accuracy(load):
    train = old_config()["TRAIN"] | {"mix": [{"MixupOperator": {"alpha": 0.2}}]}
    mixed = load(use_mix=True, TRAIN=train)
    dataset = mixed["DataLoader"]["Train"]["dataset"]
    assert dataset["batch_transform_ops"] == [{"MixupOperator": {"alpha": 0.2}}]
    assert mixed["Metric"]["Train"] == []
    unmixed = load(use_mix=False, TRAIN=train)["DataLoader"]["Train"]["dataset"]
    assert "batch_transform_ops" not in unmixed
    with pytest.raises(InputError, match=r"use_mix is on, but TRAIN\.mix names no operation"):
        load(use_mix=True)


def test_sections_for_averages_and_half_precision(load):
    new = load(use_ema=True, ema_decay=0.99, use_fp16=True, amp_scale_loss=128, use_gpu=True)
    assert new["EMA"] == {"decay": 0.99}
    assert (new["AMP"]["use_amp"], new["AMP"]["scale_loss"]) == (True, 128)
    assert new["Global"]["device"] == "gpu"
    assert load().keys().isdisjoint({"EMA", "AMP"})


def test_a_negative_epsilon_smooths_nothing(load):
    assert load(ls_epsilon=-1)["Loss"]["Train"] == [{"CELoss": {"weight": 1.0, "epsilon": None}}]


def test_googlenet_has_its_own_loss(load):
    new = load(ARCHITECTURE={"name": "GoogLeNet"}, ls_epsilon=-1)
    assert new["Loss"]["Train"] == [{"GoogLeNetLoss": {"weight": 1.0}}]
    assert new["Metric"]["Eval"] == [{"GoogLeNetTopkAcc": {"topk": [1, 5]}}]
    with pytest.raises(InputError, match="ls_epsilon and use_mix: GoogLeNet's loss takes neither"):
        load(ARCHITECTURE={"name": "GoogLeNet"})


def test_arguments_of_the_network_are_kept(load):
    params = {"is_test": False, "override_params": {"drop_connect_rate": 0.1}}
    arch = load(ARCHITECTURE={"name": "EfficientNetB0", "params": params})["Arch"]
    assert arch["override_params"] == {"drop_connect_rate": 0.1}
    assert "is_test" not in arch


def test_overrides_of_either_version(load):
    new = load("Global.epochs=3", "TRAIN.batch_size=32", "Arch.class_num=4")
    assert new["Global"]["epochs"] == 3
    assert new["DataLoader"]["Train"]["sampler"]["batch_size"] == 32
    assert new["Global"]["tuned_batch_size"] == 64  # as the file was written
    assert new["Arch"]["class_num"] == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"Global": {"epochs": 1}},
            r"ARCHITECTURE is a key of PaddleClas 1\.x and Global one of 2\.x",
        ),
        ({"epoch": 3}, r"epoch: unknown key, did you mean epochs\?"),
        ({"TRAIN": {"batch_sise": 3}}, r"TRAIN\.batch_sise: unknown key, did you mean batch_size"),
        ({"TRAIN": {}}, r"TRAIN\.batch_size is missing"),
        ({"epochs": "ten"}, r"epochs: expected int, got 'ten'"),
        ({"use_distillation": True}, "is for knowledge distillation, which is not supported"),
        (
            {"LEARNING_RATE": {"function": "Cosinewarmup"}},
            r"'Cosinewarmup' is none of .*, did you mean CosineWarmup\?",
        ),
        (
            {"LEARNING_RATE": {"function": "Cosine", "params": {"rate": 1}}},
            r"LEARNING_RATE\.params\.rate: unknown key of Cosine",
        ),
        ({"pretrained_model": ["a", "b"]}, "several files are not supported"),
        ({"OPTIMIZER": {"params": {"rho": 1}}}, r"Optimizer\.rho: unknown key of Momentum"),
    ],
)
def test_bad_files_are_named(load, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        load(**changes)
    assert "old.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_2x_file_does_not_take_keys_of_1x(tmp_path):
    path = tmp_path / "new.yaml"
    path.write_text("Arch: {name: A}\n")
    with pytest.raises(InputError, match=r"TRAIN is a key of PaddleClas 1\.x and Arch one of 2"):
        config.load_config(path, ["TRAIN.batch_size=3"])


def test_what_is_said_of_a_1x_file(load, caplog):
    with caplog.at_level(logging.INFO):
        load()
    told = "\n".join(caplog.messages)
    assert told.count("a PaddleClas 1.x configuration, read in the 2.x form") == 1
    for key in ("mode", "total_images"):
        assert told.count(f"{key} has no effect here") == 1
