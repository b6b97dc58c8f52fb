"""Weights trained with the other kind of dropout, in every mode."""

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from support.runs import make_trainer

from ppghost import weights
from ppghost.config import loading as config
from ppghost.models import factory
from ppghost.static.program import fetch
from ppghost.static.runtime import static_graph


@pytest.fixture
def of_1x(trained, tmp_path):
    """The weights of `trained` in a file of PaddleClas 1.x."""
    state = weights.read_state(trained)
    arrays = {k.replace("_bn_variance", "_variance"): v for k, v in state.items() if "." not in k}
    weights.write_pickle(tmp_path / "of_1x.pdparams", arrays)
    return tmp_path / "of_1x.pdparams"


@pytest.fixture
def expected(trained):
    """What the classifier's weights must be in a network whose dropout (0.2) scales in training."""
    return weights.read_state(trained)["fc_1_weights"] * np.float32(0.8)


def test_training_starts_from_them(config_file, of_1x, expected):
    overrides = [f"Global.pretrained_model={of_1x}", "Optimizer.regularizer=null"]
    with static_graph():
        trainer = make_trainer(config.load_config(config_file, overrides))
        trainer.state.start_from(None)
        found = fetch(trainer.state.scope, ["fc_1_weights"])["fc_1_weights"]
    np.testing.assert_array_equal(found, expected)


def test_dygraph_gets_the_factor_too(of_1x, expected, dygraph):
    with unique_name.guard():
        made = factory.create("TinyGhostNet", class_num=3)
    found = weights.load(of_1x, made, "TinyGhostNet")
    np.testing.assert_array_equal(found.arrays["fc_1_weights"], expected)
    assert paddle.in_dynamic_mode()
