"""Configurations: inheritance, overrides, validation."""

import logging
import math

import pytest
import yaml
from support import CONFIGS

from ppghost.config import loading as config
from ppghost.errors import InputError
from ppghost.utils.text import parse_number


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
    loaded = config.load_config(CONFIGS / "ghostnet" / f"{name}.yaml")
    train = loaded["DataLoader"]["Train"]
    ops = [next(iter(op)) for op in train["dataset"]["transform_ops"]]
    assert loaded["Arch"]["name"] == name
    assert train["sampler"]["batch_size"] * 4 == batch == loaded["Global"]["tuned_batch_size"]
    assert loaded["Optimizer"]["lr"]["learning_rate"] == rate
    assert loaded["Optimizer"]["lr"]["warmup_epoch"] == 5
    assert loaded["Optimizer"]["regularizer"] == {"name": "L2", "coeff": 4e-5}
    assert loaded["Global"]["epochs"] == 360
    assert loaded["Loss"]["Train"][0]["CELoss"]["epsilon"] == 0.1
    assert ("AutoAugment" in ops) == augmented


def test_base_is_merged_and_the_file_wins(tmp_path):
    write(tmp_path / "base.yaml", {"Global": {"epochs": 9, "seed": 4}, "Arch": {"name": "A"}})
    path = write(tmp_path / "a.yaml", {"_base_": "base.yaml", "Global": {"epochs": 2}})
    loaded = config.load_config(path)
    assert (loaded["Global"]["epochs"], loaded["Global"]["seed"]) == (2, 4)
    assert loaded["Arch"]["name"] == "A"
    assert loaded["Global"]["print_batch_step"] == 10  # a default


def test_base_that_leads_back_is_an_error(tmp_path):
    path = write(tmp_path / "a.yaml", {"_base_": "a.yaml"})
    with pytest.raises(InputError, match="leads back"):
        config.load_config(path)


@pytest.mark.parametrize(
    ("override", "where", "value"),
    [
        ("Global.epochs=3", ("Global", "epochs"), 3),
        ("Optimizer.lr.learning_rate=1e-3", ("Optimizer", "lr", "learning_rate"), 0.001),
        ("Global.output_dir=a=b", ("Global", "output_dir"), "a=b"),
        ("Loss.Train.0.CELoss.epsilon=0.2", ("Loss", "Train", 0, "CELoss", "epsilon"), 0.2),
        ("Global.pretrained_model=null", ("Global", "pretrained_model"), None),
        ("Arch.width=[1, 2]", ("Arch", "width"), [1, 2]),  # an argument of some network
        ("Arch.flag=False", ("Arch", "flag"), False),
        ("Arch.inner={scale: 1e-6}", ("Arch", "inner", "scale"), 1e-6),  # to YAML a string
        ("Arch.depth='12'", ("Arch", "depth"), 12),
        ("Arch.drop=None", ("Arch", "drop"), None),
        ("Global.checkpoints=None", ("Global", "checkpoints"), None),
    ],
)
def test_override(tmp_path, override, where, value):
    path = write(tmp_path / "a.yaml", {"Arch": {"name": "A"}, "Loss": {"Train": [{"CELoss": {}}]}})
    node = config.load_config(path, [override])
    for key in where:
        node = node[key]
    assert (node, type(node)) == (value, type(value))


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
        ({"Optimizer": []}, None, r"Optimizer: expected a section, got \[\]"),
        ({"Optimizer": {"lr": {"learning_rate": math.nan}}}, None, "expected a number, got nan"),
        ({"Optimizer": {"lr": {"learning_rate": "1e999"}}}, None, "expected a number, got inf"),
        ({"Optimizer": {"lr": {"name": 3}}}, None, r"Optimizer\.lr\.name: 3 is none of"),
        ({"Optimizer": {"lr": {"name": "Cosin"}}}, None, r"did you mean Cosine\?"),
        ({"Optimizer": {"lr": {"name": "Step"}}}, None, r"Optimizer\.lr\.step_size is missing"),
        ({"Optimizer": {"lr": {"gamma": 0.5}}}, None, r"lr\.gamma: unknown key of Cosine"),
        ({"Optimizer": {"name": "Adam", "momentum": 0.9}}, None, r"momentum: unknown key of Adam"),
        ({"Optimizer": {"clip_grad": 5}}, None, r"key of Momentum, did you mean clip_norm"),
        ({"Optimizer": {"regularizer": {"coeff": 1}}}, None, r"regularizer\.name is missing"),
        (
            {"Optimizer": {"lr": {"name": "MultiStepDecay", "milestones": [30, "x"]}}},
            None,
            r"milestones\.1: expected a number, got 'x'",
        ),
        (
            {"Loss": {"Train": [{"CELoss": {"eps": 1}}]}},
            None,
            r"0\.CELoss\.eps: unknown key of CELos",
        ),
        (
            {"Optimizer": {"name": "AdamWD"}},
            None,
            r"of SGD, Momentum, Adam, AdamW, RMSProp, did you ",
        ),
        (
            {"Optimizer": {"name": "AdamW", "weight_decay": None}},
            None,
            "expected a number, got None",
        ),
        (
            {"Arch": {"name": "A"}},
            "Global.image_shape=[3, 0, 32]",
            r"expected \[C, H, W\] .*, got \[3, 0, 32\]",
        ),
        ({"EMA": {"decai": 0.9}}, None, r"EMA\.decai: unknown key, did you mean decay\?"),
        ({"EMA": {"decay": 1}}, None, r"EMA\.decay: 1 is not between 0 and 1"),
        ({"EMA": {"decay": 0.0}}, None, r"EMA\.decay: 0\.0 is not between 0 and 1"),
        ({"Global": {"peer_timeout": 0}}, None, r"peer_timeout: 0 is below 1"),
        ({"Global": {"keep_checkpoints": 0}}, None, r"keep_checkpoints: 0 is below 1"),
        ({"Global": {"checkpoint_steps": 0}}, None, r"checkpoint_steps: 0 is below 1"),
        ({"Global": {"use_visualdl": "yes please"}}, None, r"use_visualdl: expected bool"),
        ({"AMP": {"level": "O3"}}, None, r"AMP\.level: 'O3' is none of O1, O2"),
    ],
)
def test_bad_configs_are_named(tmp_path, content, override, message):
    path = write(tmp_path / "a.yaml", content)
    with pytest.raises(InputError, match=message) as caught:
        config.load_config(path, [override] if override else [])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"Arch": {"name": "RecModel"}}, r"Arch\.name: RecModel is for retrieval"),
        ({"Arch": {"name": "DistillationModel"}}, "is for knowledge distillation"),
        ({"Arch": {"name": "A", "Head": {"name": "FC"}}}, r"Arch\.Head is for retrieval"),
        ({"Global": {"eval_mode": "retrieval"}}, r"Global\.eval_mode: retrieval is for retrieval"),
        ({"Global": {"use_multilabel": True}}, "is for multi-label classification"),
        ({"Loss": {"Train": [{"TripletLoss": {}}]}}, r"Loss\.Train\.0: TripletLoss is for retriev"),
        ({"Loss": {"Eval": [{"DistillationDMLLoss": {}}]}}, "is for knowledge distillation"),
        ({"Metric": {"Eval": [{"Recallk": {}}]}}, r"Metric\.Eval\.0: Recallk is for retrieval"),
        (
            {"Optimizer": {"name": "AdamWDL"}},
            r"Optimizer\.name: AdamWDL is for learning rates that",
        ),
        ({"Optimizer": {"lr": {"name": "ReduceOnPlateau"}}}, "rates that follow the evaluation"),
        (
            {"DataLoader": {"Eval": {"Query": {"a": 1}}}},
            r"DataLoader\.Eval\.Query is for retrieval",
        ),
        ({"DataLoader": {"Train": {"sampler": {"name": "PKSampler"}}}}, "is for retrieval"),
        ({"UnLabelLoss": {"Train": []}}, "UnLabelLoss is for semi-supervised training"),
    ],
)
def test_other_tasks_are_refused_by_name(tmp_path, content, message):
    path = write(tmp_path / "a.yaml", {"Arch": {"name": "A"}} | content)
    with pytest.raises(InputError, match=f"{message}.*, which is not supported") as caught:
        config.load_config(path)
    assert "\n" not in str(caught.value)


def test_keys_without_effect_are_noticed_once_each(tmp_path, caplog):
    content = {
        "Global": {"to_static": True, "use_dali": False, "eval_mode": "classification"},
        "Arch": {"name": "A", "Head": None},
        "AMP": {"use_promote": True},
        "Optimizer": {"name": "AdamW", "clip_grad": 5.0},
    }
    path = write(tmp_path / "a.yaml", content)
    with caplog.at_level(logging.INFO):
        config.load_config(path, ["Global.device=gpu"])
    assert sorted(caplog.messages) == [
        "AMP.use_promote has no effect here",
        "Global.to_static has no effect here",
        "Optimizer.clip_grad has no effect here nor in PaddleClas; clip_norm clips",
    ]


def test_sections_without_effect_together_are_noticed(tmp_path, caplog):
    content = {
        "Arch": {"name": "A"},
        "AMP": {"use_amp": True},
        "Optimizer": {"weight_decay": 0.1, "regularizer": {"name": "L2", "coeff": 0.1}},
        "DataLoader": {"Train": {"dataset": {"batch_transform_ops": [{"MixupOperator": None}]}}},
    }
    with caplog.at_level(logging.INFO):
        loaded = config.load_config(write(tmp_path / "a.yaml", content))
    assert loaded["Metric"] == {"Train": [], "Eval": [{"TopkAcc": {"topk": [1, 5]}}]}
    for said in ("Metric.Train", "Optimizer.weight_decay", "AMP.use_amp"):
        assert sum(said in message for message in caplog.messages) == 1


def test_optional_sections_are_absent_unless_given(tmp_path):
    given = {"Arch": {"name": "A"}, "EMA": {}, "Metric": {"Train": None}}
    path = write(tmp_path / "a.yaml", given)
    loaded = config.load_config(path)
    assert loaded["EMA"] == {"decay": 0.9999}
    assert loaded["Metric"]["Train"] == []
    assert "AMP" not in loaded
    assert "regularizer" not in loaded["Optimizer"]
    assert "EMA" not in config.load_config(path, ["EMA=null"])


def test_other_names_of_the_same_thing(tmp_path):
    content = {
        "Global": {"class_num": 7},
        "Arch": {"name": "A"},
        "Loss": {"Train": [{"MixCELoss": {"epsilon": "1e-1"}}]},
        "Optimizer": {"lr": {"name": "Polynomial", "power": 2}},
    }
    loaded = config.load_config(write(tmp_path / "a.yaml", content))
    assert loaded["Loss"]["Train"] == [{"CELoss": {"epsilon": 0.1, "weight": 1.0}}]
    assert (loaded["Optimizer"]["lr"]["name"], loaded["Optimizer"]["lr"]["power"]) == ("Linear", 2)
    assert loaded["Arch"]["class_num"] == 7
    assert config.load_config(tmp_path / "a.yaml", ["Arch.class_num=3"])["Arch"]["class_num"] == 3


def test_defaults_belong_to_one_configuration(tmp_path):
    path = write(tmp_path / "a.yaml", {"Arch": {"name": "A"}})
    config.load_config(path)["DataLoader"]["Train"]["dataset"]["transform_ops"].append("mine")
    assert config.load_config(path)["DataLoader"]["Train"]["dataset"]["transform_ops"] == []


def test_numbers_are_read_in_lists_and_whole_ones_stay_whole(tmp_path):
    lr = {"name": "Piecewise", "decay_epochs": [30], "values": ["1e-1", 1], "warmup_epoch": 5}
    path = write(tmp_path / "a.yaml", {"Arch": {"name": "A"}, "Optimizer": {"lr": lr}})
    read = config.load_config(path)["Optimizer"]["lr"]
    assert (read["decay_epochs"], read["values"]) == ([30], [0.1, 1])
    assert type(read["warmup_epoch"]) is int  # as PaddleClas's warm-up by epoch wants it


#: what PaddleClas's constructors take beside what its build_optimizer makes of
#: lr, regularizer and clip_norm
_DECAY = {
    "weight_decay",
    "multi_precision",
    "no_weight_decay_name",
    "one_dim_param_no_weight_decay",
}
_TAKEN = {
    "SGD": {"weight_decay", "multi_precision"},
    "Momentum": {"momentum", "use_nesterov"} | _DECAY,
    "Adam": {"beta1", "beta2", "epsilon", "weight_decay", "multi_precision", "lazy_mode"},
    "AdamW": {"beta1", "beta2", "epsilon"} | _DECAY,
    "RMSProp": {"momentum", "rho", "epsilon"} | _DECAY,
}


@pytest.mark.parametrize("name", _TAKEN)
def test_dump_holds_only_what_paddleclas_takes(tmp_path, name):
    path = write(tmp_path / "a.yaml", {"Arch": {"name": "A"}, "Optimizer": {"name": name}})
    dumped = yaml.safe_load(config.dump(config.load_config(path)))
    assert dumped["Optimizer"].keys() - {"name", "lr"} <= _TAKEN[name]
    train = dumped["DataLoader"]["Train"]
    assert train["sampler"].keys() == {"name", "batch_size", "drop_last", "shuffle"}
    assert train["dataset"].keys() == {"name", "transform_ops"}
    assert dumped["Loss"]["Train"] == [{"CELoss": {"weight": 1.0, "epsilon": None}}]
    assert dumped.keys().isdisjoint({"AMP", "EMA"})  # whose presence is what turns them on


def test_dump_reads_back(tmp_path):
    loaded = config.load_config(CONFIGS / "demo" / "GhostNet_x0_5_digits.yaml")
    assert config.load_config(write(tmp_path / "b.yaml", config.dump(loaded))) == loaded


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.0/255.0", 1 / 255), ("1e-3", 0.001), (" 3 ", 3.0), (2, 2.0), ("-.5", -0.5)],
)
def test_parse_number(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["1/0", "1/2/3", "", "nan", "a", "2**9", True, None, [1], "1//2"])
def test_parse_number_refuses_anything_else(text):
    with pytest.raises(ValueError, match=r"number|zero"):
        parse_number(text)


def test_a_dict_is_a_config_too(tmp_path, monkeypatch):
    (tmp_path / "base.yaml").write_text("Global: {epochs: 7}\nArch: {name: GhostNet_x0_5}\n")
    monkeypatch.chdir(tmp_path)
    given = {"_base_": "base.yaml", "Arch": {"class_num": 5}}
    loaded = config.load_config(given, ["Global.seed=3"])
    assert (loaded["Global"]["epochs"], loaded["Global"]["seed"]) == (7, 3)
    assert loaded["Arch"] == {"name": "GhostNet_x0_5", "class_num": 5}
    assert given == {"_base_": "base.yaml", "Arch": {"class_num": 5}}
    with pytest.raises(InputError, match=r"^config: Global\.epoch: unknown key, did you mean"):
        config.load_config({"Arch": {"name": "A"}, "Global": {"epoch": 1}})


def test_a_notice_is_given_once_for_each_file(tmp_path, caplog):
    file = tmp_path / "c.yaml"
    file.write_text("Arch: {name: A}\nAMP: {use_amp: true}\n")
    with caplog.at_level("INFO", "ppghost"):
        for _ in range(2):
            config.load_config(file)
    assert caplog.text.count("AMP.use_amp has no effect on Global.device cpu") == 2


def test_an_override_changes_one_place_of_an_anchor(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "Arch: {name: A}\n"
        "DataLoader:\n"
        "  Train: {dataset: {name: ImageNetDataset, transform_ops: &ops [{DecodeImage: null}]}}\n"
        "  Eval: {dataset: {name: ImageNetDataset, transform_ops: *ops}}\n"
    )
    key = "DataLoader.Eval.dataset.transform_ops.0"
    loaders = config.load_config(path, [f"{key}={{ResizeImage: {{size: 8}}}}"])["DataLoader"]
    assert loaders["Eval"]["dataset"]["transform_ops"] == [{"ResizeImage": {"size": 8}}]
    assert loaders["Train"]["dataset"]["transform_ops"] == [{"DecodeImage": None}]
