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
from ppghost.models import factory
from ppghost.weights import matching


@pytest.fixture
def theirs(dygraph):
    """PaddleClas's GhostNet_x0_5 with random weights."""
    with unique_name.guard():
        return backbone.GhostNet_x0_5(class_num=4)


def ours(class_num=4):
    with unique_name.guard():
        return factory.create("GhostNet_x0_5", class_num=class_num)


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


def written(network, path):
    """Our file of a network's tensors; returns them by parameter name."""
    arrays = {p.name: p.numpy() for p in network.state_dict().values()}
    weights.write_state(path.with_suffix(".pdparams"), arrays, weights.tensor_specs(network))
    return arrays


def test_paddleclas_dygraph_reads_what_we_write(theirs, tmp_path):
    arrays = written(ours(), tmp_path / "w")
    missing, _ = theirs.set_state_dict(paddle.load(str(tmp_path / "w.pdparams")))
    assert missing == []
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), arrays[tensor.name], err_msg=name)


@pytest.mark.filterwarnings("ignore:This list is not set")  # the other name of each tensor
def test_paddleclas_static_reads_what_we_write(dygraph, tmp_path):
    """As ppcls/static/save_load.py does it, in one Program and the global scope."""
    arrays = written(ours(), tmp_path / "w")
    paddle.enable_static()
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, startup), unique_name.guard():
        backbone.GhostNet_x0_5(class_num=4)(paddle.static.data("x", [None, 3, 32, 32]))
    with paddle.static.scope_guard(paddle.static.Scope()):
        paddle.static.Executor().run(startup)
        paddle.static.set_program_state(main, paddle.static.load_program_state(str(tmp_path / "w")))
        scope = paddle.static.global_scope()
        for name, array in arrays.items():
            loaded = np.array(scope.find_var(name).get_tensor())
            np.testing.assert_array_equal(loaded, array, err_msg=name)


def test_program_set_state_dict_reads_what_we_write(dygraph, tmp_path, recwarn):
    written(ours(), tmp_path / "w")
    state = paddle.load(str(tmp_path / "w.pdparams"), keep_name_table=True)
    paddle.enable_static()
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, startup), unique_name.guard():
        ours()(paddle.static.data("x", [None, 3, 32, 32]))
    scope = paddle.static.Scope()
    with paddle.static.scope_guard(scope):
        paddle.static.Executor().run(startup)
        main.set_state_dict(state, scope)
    assert not [w for w in recwarn if "Skip loading" in str(w.message)]


def test_both_names_cost_one_array(dygraph, tmp_path, caplog):
    network = ours()
    arrays = written(network, tmp_path / "w")
    size = (tmp_path / "w.pdparams").stat().st_size
    assert size < 1.05 * sum(array.nbytes for array in arrays.values())
    assert weights.load(tmp_path / "w", network, "GhostNet_x0_5").unexpected == []


def test_weights_of_another_architecture_are_named(dygraph, tmp_path):
    with unique_name.guard():
        other = backbone.MobileNetV3_small_x0_35(class_num=4)
    path = save(other.state_dict(), tmp_path / "w.pdparams")
    with pytest.raises(InputError, match=r"not the weights of GhostNet_x0_5.*conv1\._conv|conv1"):
        weights.load(path, ours(), "GhostNet_x0_5")


# with 3 classes a 3x3 filter, with 8 the narrower stem, could pass for a new classifier
@pytest.mark.parametrize("classes", [3, 4, 8])
def test_weights_of_another_scale_are_named(dygraph, tmp_path, classes):
    with unique_name.guard():
        other = backbone.GhostNet_x1_0(class_num=classes)
    path = save(other.state_dict(), tmp_path / "w.pdparams")
    with pytest.raises(InputError, match=r"not the weights of GhostNet_x0_5.*of another"):
        weights.load(path, ours(classes), "GhostNet_x0_5", new_head_classes=classes)


@pytest.mark.parametrize(
    ("has", "wanted", "head"),
    [
        ((1280, 1000), (1280, 3), True),
        ((1000,), (3,), True),
        ((1000, 512, 1, 1), (3, 512, 1, 1), True),  # SqueezeNet's classifier is a convolution
        ((16, 16, 3, 3), (8, 8, 3, 3), False),
        ((1280, 1000), (640, 3), False),
        ((1280, 1000), (1280, 4), False),
        ((3, 3), (3,), False),
    ],
)
def test_only_the_class_count_may_differ(has, wanted, head):
    assert matching._is_head(has, wanted, 3) == head


def test_fine_tuning_leaves_another_classifier_out(theirs, tmp_path, caplog):
    path = save(theirs.state_dict(), tmp_path / "w.pdparams")
    found = weights.load(path, ours(class_num=9), "GhostNet_x0_5", new_head_classes=9)
    assert len(found.arrays) == 433
    assert "fc_1_weights" not in found.arrays
    message = r"2 of another shape \(fc_1\.weight \[1280, 4\].*; were they trained on 4 classes"
    with pytest.raises(InputError, match=message):
        weights.load(path, ours(class_num=9), "GhostNet_x0_5")


@pytest.mark.parametrize(
    "shapes",
    [{}, {"a": ((8, 3), (8, 4)), "b": ((16,), (8,))}, {"a": ((3,), (3, 4))}],
)
def test_only_a_single_differing_number_is_taken_for_that_of_the_classes(shapes):
    assert matching._class_hint(shapes) == ""


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
    with pytest.raises(InputError, match="not a weight file that is safe to read"):
        weights.read_state(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a weight file that is safe"),
        (b"garbage", "not a weight file that is safe"),
        (pickle.dumps({"w": np.zeros(9)})[:-20], "not a weight file that is safe"),
        (pickle.dumps([1, 2]), "holds a list, not named tensors"),
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
