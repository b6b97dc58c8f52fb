"""Configurations: inheritance, overrides, validation."""

from pathlib import Path

import pytest
import yaml

from ppghost import config
from ppghost.errors import InputError

CONFIGS = Path(__file__).parents[1] / "configs"


def write(path, content):
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("name", "batch", "rate", "augmented"),
    [
        ("GhostNet_x0_5", 2048, 0.8, False),
        ("GhostNet_x1_0", 1024, 0.4, False),
        ("GhostNet_x1_3", 1024, 0.4, True),
    ],
)
def test_imagenet_recipes_are_the_articles(name, batch, rate, augmented):
    loaded = config.load(CONFIGS / "ghostnet" / f"{name}.yaml")
    train = loaded["DataLoader"]["Train"]
    ops = [next(iter(op)) for op in train["dataset"]["transform_ops"]]
    assert loaded["Arch"]["name"] == name
    assert train["sampler"]["batch_size"] * 4 == batch
    assert loaded["Optimizer"]["lr"]["learning_rate"] == rate
    assert loaded["Optimizer"]["lr"]["warmup_epoch"] == 5
    assert loaded["Optimizer"]["regularizer"] == {"name": "L2", "coeff": 4e-5}
    assert loaded["Global"]["epochs"] == 360
    assert loaded["Loss"]["Train"][0]["CELoss"]["epsilon"] == 0.1
    assert ("AutoAugment" in ops) == augmented


def test_base_is_merged_and_the_file_wins(tmp_path):
    write(tmp_path / "base.yaml", {"Global": {"epochs": 9, "seed": 4}, "Arch": {"name": "A"}})
    path = write(tmp_path / "a.yaml", {"_base_": "base.yaml", "Global": {"epochs": 2}})
    loaded = config.load(path)
    assert (loaded["Global"]["epochs"], loaded["Global"]["seed"]) == (2, 4)
    assert loaded["Arch"]["name"] == "A"
    assert loaded["Global"]["print_batch_step"] == 10  # a default


def test_base_that_leads_back_is_an_error(tmp_path):
    path = write(tmp_path / "a.yaml", {"_base_": "a.yaml"})
    with pytest.raises(InputError, match="leads back"):
        config.load(path)


@pytest.mark.parametrize(
    ("override", "where", "value"),
    [
        ("Global.epochs=3", ("Global", "epochs"), 3),
        ("Optimizer.lr.learning_rate=1e-3", ("Optimizer", "lr", "learning_rate"), 0.001),
        ("Global.output_dir=a=b", ("Global", "output_dir"), "a=b"),
        ("Loss.Train.0.CELoss.epsilon=0.2", ("Loss", "Train", 0, "CELoss", "epsilon"), 0.2),
        ("Global.pretrained_model=null", ("Global", "pretrained_model"), None),
        ("Arch.width=[1, 2]", ("Arch", "width"), [1, 2]),  # an argument of some network
    ],
)
def test_override(tmp_path, override, where, value):
    path = write(tmp_path / "a.yaml", {"Arch": {"name": "A"}, "Loss": {"Train": [{"CELoss": {}}]}})
    node = config.load(path, [override])
    for key in where:
        node = node[key]
    assert node == value


@pytest.mark.parametrize(
    ("content", "override", "message"),
    [
        ({"Global": {"epocs": 3}}, None, r"Global\.epocs: unknown key, did you mean epochs\?"),
        ({"Globall": {}}, None, r"Globall: unknown key, did you mean Global\?"),
        ({"Global": {"epochs": "three"}}, None, r"Global\.epochs: expected int, got 'three'"),
        ({"Global": {"epochs": True}}, None, r"Global\.epochs: expected int, got True"),
        ({"Global": {"epochs": 0}}, None, r"Global\.epochs: 0 is below 1"),
        ({"Global": []}, None, r"Global: expected a section, got \[\]"),
        ({"Optimizer": {"name": "Momentun"}}, None, r"did you mean Momentum\?"),
        ({"Optimizer": {"lr": {"learning_rate": "__import__('os')"}}}, None, "expected a number"),
        ({"Loss": {"Train": {"CELoss": {}}}}, None, r"Loss\.Train: expected a list"),
        ({"Loss": {"Train": [{"CELos": {}}]}}, None, r"did you mean CELoss\?"),
        ({"Metric": {"Train": ["TopkAcc"]}}, None, r"Metric\.Train\.0: expected one"),
        ({"Arch": {}}, "Global.epochs", "expected Key.sub=VALUE"),
        ({"Arch": {}}, "Global.epochs=[1", "not valid YAML"),
        ({"Loss": {"Train": []}}, "Loss.Train.0.CELoss.epsilon=1", "list of 0, no index 0"),
        ({"Arch": {"name": "A"}}, "Arch.name.sub=1", r"Arch\.name is a value"),
        ("Global: {a: [1}", None, "a.yaml line 1: not valid YAML"),
        ("just text", None, "holds no keys"),
        ({"_base_": "none.yaml"}, None, r"none\.yaml: cannot read"),
    ],
)
def test_bad_configs_are_named(tmp_path, content, override, message):
    path = write(tmp_path / "a.yaml", content)
    with pytest.raises(InputError, match=message) as caught:
        config.load(path, [override] if override else [])
    assert "\n" not in str(caught.value)


def test_dump_reads_back(tmp_path):
    loaded = config.load(CONFIGS / "demo" / "GhostNet_x0_5_digits.yaml")
    assert config.load(write(tmp_path / "b.yaml", config.dump(loaded))) == loaded


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.0/255.0", 1 / 255), ("1e-3", 0.001), (" 3 ", 3.0), (2, 2.0), ("-.5", -0.5)],
)
def test_parse_number(text, number):
    assert config.parse_number(text) == number


@pytest.mark.parametrize("text", ["1/0", "1/2/3", "", "nan", "a", "2**9", True, None, [1], "1//2"])
def test_parse_number_refuses_anything_else(text):
    with pytest.raises(ValueError, match=r"number|zero"):
        config.parse_number(text)
