"""What a run says of its differences from PaddleClas."""

from pathlib import Path

import pytest
from support import ROOT

from ppghost.config import loading as config
from ppghost.training.differences import DIFFERENCES, met_by

MIXUP = "DataLoader.Train.dataset.batch_transform_ops=[{MixupOperator: {alpha: 0.5}}]"


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([MIXUP, "Loss.Train.0.CELoss.epsilon=null"], "CELoss of mixed labels without epsilon"),
        (
            ["Optimizer.lr={name: Linear, learning_rate: 1, warmup_epoch: 1, by_epoch: True}"],
            "Linear with warm-up by epoch",
        ),
        (["Loss.Train.0.CELoss.weight=2"], "weight of a single loss"),
        (
            ["Optimizer.one_dim_param_no_weight_decay=True"],
            "one_dim_param_no_weight_decay in Momentum",
        ),
        (["DataLoader.Train.dataset.transform_ops.1={GridMask: null}"], "GridMask and HideAndSeek"),
        (["DataLoader.Train.dataset.relabel=True"], "relabel"),
        (["Global.bad_images=skip"], "broken images"),
    ],
)
def test_a_config_that_meets_one_says_which(config_file, overrides, name):
    [line] = met_by(config.load_config(config_file, overrides))
    assert line.startswith(f"{name}: ")


def test_a_plain_config_meets_none(config_file):
    assert met_by(config.load_config(config_file)) == []
    assert met_by(config.load_config(config_file, [MIXUP])) == []


def test_each_stands_in_the_table():
    table = (Path(ROOT) / "docs" / "paddleclas.md").read_text()
    for difference in DIFFERENCES:
        assert f"| {difference.name} |" in table
