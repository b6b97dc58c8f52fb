"""Weight files: PaddleClas's forms, the wrong network, and hostile pickles."""

import os
import pickle

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from paddleclas.ppcls.arch import backbone

from ppghost import weights
from ppghost.errors import InputError
from ppghost.models import zoo


@pytest.fixture
def theirs(dygraph):
    """PaddleClas's GhostNet_x0_5 with random weights."""
    with unique_name.guard():
        return backbone.GhostNet_x0_5(class_num=4)


def ours(class_num=4):
    with unique_name.guard():
        return zoo.create("GhostNet_x0_5", class_num=class_num)


def save(content, path):
    paddle.save(content, str(path))
    return path


@pytest.mark.parametrize("ending", ["", ".pdparams"])
def test_reads_structured_names(theirs, tmp_path, ending):
    save(theirs.state_dict(), tmp_path / "w.pdparams")
    found = weights.load(tmp_path / f"w{ending}", ours(), "GhostNet_x0_5")
    assert len(found.arrays) == 435
    np.testing.assert_array_equal(found.arrays["conv1_weights"], theirs.conv1._conv.weight.numpy())


def test_reads_parameter_names(theirs, tmp_path):
    by_parameter = {p.name: p.numpy() for p in theirs.state_dict().values()}
    path = save(by_parameter, tmp_path / "w.pdparams")
    found = weights.load(path, ours(), "GhostNet_x0_5")
    assert len(found.arrays) == 435
    assert found.unexpected == []


def test_paddleclas_reads_what_we_write(theirs, tmp_path):
    network = ours()
    slots = weights.slots_of(network)
    arrays = {p.name: p.numpy() for p in network.state_dict().values()}
    weights.write_state(tmp_path / "w.pdparams", arrays, slots)
    missing, unexpected = theirs.set_state_dict(paddle.load(str(tmp_path / "w.pdparams")))
    assert (missing, unexpected) == ([], [])
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), arrays[tensor.name], err_msg=name)


def test_weights_of_another_architecture_are_named(dygraph, tmp_path):
    with unique_name.guard():
        other = backbone.MobileNetV3_small_x0_35(class_num=4)
    path = save(other.state_dict(), tmp_path / "w.pdparams")
    with pytest.raises(InputError, match=r"not the weights of GhostNet_x0_5.*conv1\._conv|conv1"):
        weights.load(path, ours(), "GhostNet_x0_5")


def test_weights_of_another_scale_are_named(dygraph, tmp_path):
    with unique_name.guard():
        other = backbone.GhostNet_x1_0(class_num=4)
    path = save(other.state_dict(), tmp_path / "w.pdparams")
    with pytest.raises(
        InputError, match=r"conv1\._conv\.weight \[16, 3, 3, 3\] for \[8, 3, 3, 3\]"
    ):
        weights.load(path, ours(), "GhostNet_x0_5", new_head_classes=4)


def test_fine_tuning_leaves_another_classifier_out(theirs, tmp_path, caplog):
    path = save(theirs.state_dict(), tmp_path / "w.pdparams")
    found = weights.load(path, ours(class_num=9), "GhostNet_x0_5", new_head_classes=9)
    assert len(found.arrays) == 433
    assert "fc_1_weights" not in found.arrays
    with pytest.raises(InputError, match=r"2 of another shape \(fc_1\.weight \[1280, 4\]"):
        weights.load(path, ours(class_num=9), "GhostNet_x0_5")


class _Attack:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.mkdir, eval, exec, __import__, getattr])
def test_a_hostile_file_runs_nothing(tmp_path, function):
    marker = tmp_path / "ran"
    argument = marker if function is os.mkdir else f"__import__('os').mkdir({str(marker)!r})"
    path = tmp_path / "w.pdparams"
    path.write_bytes(pickle.dumps({"w": _Attack(function, str(argument))}))
    with pytest.raises(InputError, match="not a Paddle weight file that is safe to read"):
        weights.read_state(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a Paddle weight file"),
        (b"garbage", "not a Paddle weight file"),
        (pickle.dumps({"w": np.zeros(9)})[:-20], "not a Paddle weight file"),
        (pickle.dumps([1, 2]), "holds a list"),
        (pickle.dumps({"w": 1}), "holds no tensors"),
    ],
)
def test_damaged_files_are_named(tmp_path, content, message):
    path = tmp_path / "w.pdparams"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        weights.read_state(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.pdparams: no such weight file"):
        weights.read_state(tmp_path / "none")
