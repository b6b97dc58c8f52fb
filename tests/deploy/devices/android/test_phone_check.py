"""A phone's outputs against Paddle's, as exact as the file is."""

import json
import shutil

import numpy as np
import pytest

from ppghost.deploy.devices.android import output_check as phone_check
from ppghost.deploy.devices.host.session import run_once
from ppghost.deploy.nb.model import load_models
from ppghost.errors import DeviceError


@pytest.fixture
def model(converted):
    return load_models([converted / "both.nb"])[0]


def test_paddles_own_outputs_pass_and_others_do_not(model):
    (scores,) = model.references[0]["outputs"]
    difference = phone_check.compare(model, model.references[0], [scores])
    assert difference == {"max_abs_diff": 0.0, "relative": 0.0, "correlation": 1.0}
    for wrong in ([score * 1.01 for score in scores], scores[:-1], [*scores[:-1], float("nan")]):
        with pytest.raises(DeviceError, match="convert it again"):
            phone_check.compare(model, model.references[0], [wrong])


def test_a_file_of_rounded_weights_is_held_to_what_rounding_leaves(converted, tmp_path):
    shutil.copy(converted / "both.nb", tmp_path)
    described = json.loads((converted / "both.nb.json").read_text())
    described["options"]["weights"] = "int8"
    (tmp_path / "both.nb.json").write_text(json.dumps(described))
    (model,) = load_models([tmp_path])
    scores = np.array(model.references[0]["outputs"][0])
    rounded = scores + np.ptp(scores) * 0.02 * np.cos(np.arange(scores.size))
    correlation = phone_check.compare(model, model.references[0], [rounded.tolist()])["correlation"]
    assert 0.9 < correlation < 1
    with pytest.raises(DeviceError, match="correlation of the scores"):
        phone_check.compare(model, model.references[0], [scores[::-1].tolist()])


def test_inputs_are_written_so_that_nothing_is_lost(model, converted):
    (text,) = phone_check.input_texts(model, model.references[0])
    (shape,) = (tensor["shape"] for tensor in model.inputs)
    values = np.array(text.split(), np.float32).reshape(shape)
    (outputs,) = run_once(converted / "both.nb", {model.inputs[0]["name"]: values}).values()
    assert (
        phone_check.compare(model, model.references[0], [outputs.ravel().tolist()])["max_abs_diff"]
        < 1e-6
    )


def test_a_file_that_holds_no_numbers_is_refused():
    assert phone_check.numbers("0.5 1e-3,2\n", "output0.txt") == [0.5, 1e-3, 2.0]
    with pytest.raises(DeviceError, match=r"output0\.txt holds something else than numbers"):
        phone_check.numbers("Segmentation fault", "output0.txt")
