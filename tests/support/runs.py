"""Training runs of the tests, and what they end with."""

import contextlib
import json
import signal

import numpy as np
import paddle
import pytest
import yaml

from ppghost import weights
from ppghost.config import loading as config
from ppghost.training import loop
from ppghost.training.distributed import Group
from ppghost.training.steps import StepRunner


def parameters(directory, name="latest"):
    return weights.read_state(directory / name)


def logged(directory):
    """The lines of a run's `train.jsonl`, but for when they were written."""
    lines = map(json.loads, (directory / "train.jsonl").read_text().splitlines())
    times = ("time", "images_per_second")
    return [{name: value for name, value in line.items() if name not in times} for line in lines]


def load_optimizer(tmp_path, section, **settings):
    """A config with that Optimizer section and those keys of Global."""
    path = tmp_path / "config.yaml"
    content = {"Global": settings, "Arch": {"name": "A"}, "Optimizer": section}
    path.write_text(yaml.safe_dump(content))
    return config.load_config(path)


def make_trainer(settings):
    return loop.Trainer(settings, paddle.CPUPlace(), Group())


def assert_same_parameters(first, second):
    one, other = parameters(first), parameters(second)
    assert len(one) > 50
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array, err_msg=name)


@contextlib.contextmanager
def ctrl_c_after_step(number, monkeypatch):
    """What is trained in the block is interrupted in that step, and says so."""
    step = StepRunner.run

    def press(self, *arguments):
        if self.state.position.step == number - 1:
            signal.raise_signal(signal.SIGINT)
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(StepRunner, "run", press)
        with pytest.raises(KeyboardInterrupt):
            yield
