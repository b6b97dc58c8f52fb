"""Exports of Paddle 3, translated, run in Paddle 2.6, and compared with what Paddle 3 computes."""

import numpy as np
import pytest
from support import paddle3_exports

from ppghost.formats import pir
from ppghost.formats.operators import KNOWN
from ppghost.formats.pir.constants import CONSTANTS
from ppghost.formats.pir.document import read_operations
from ppghost.formats.pir.rules import rules
from ppghost.formats.pir.special import REPLACED
from ppghost.formats.pir.structure import STRUCTURE
from ppghost.formats.program_desc import feed_names
from ppghost.utils.paddle_inference import Engine


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    return paddle3_exports.extract(tmp_path_factory.mktemp("exports"))


def sampled(output, count):
    flat = output.reshape(-1)
    return flat[np.linspace(0, max(flat.size - 1, 0), count).astype(int)]


@pytest.mark.parametrize("group", paddle3_exports.groups())
def test_outputs_are_those_of_paddle_3(exports, group):
    folder = exports / group
    program = pir.read_program(folder / "inference.json")
    engine = Engine(program.SerializeToString(), (folder / "inference.pdiparams").read_bytes())
    reference = np.load(folder / "reference.npz")
    inputs = zip(feed_names(program), ("x", "x1", "x2"), strict=False)
    outputs = engine({name: reference[key] for name, key in inputs})
    assert len(outputs) == sum(name.startswith("shape") for name in reference.files)
    for number, output in enumerate(outputs):
        expected = reference[f"numbers{number}"]
        assert list(output.shape) == reference[f"shape{number}"].tolist(), number
        assert output.dtype == expected.dtype, number
        found = sampled(output, expected.size).astype("float64")
        limit = 1e-6 * np.abs(expected[np.isfinite(expected)], dtype="float64").max(initial=1e-30)
        np.testing.assert_allclose(found, expected, rtol=0, atol=limit, err_msg=str(number))


def test_every_operator_that_is_translated_is_in_these_exports(exports):
    used = {
        operation.kind
        for path in exports.glob("3.3.1/*/inference.json")
        for operation in read_operations(path)
    }
    names = {kind[2:].removesuffix("_") for kind in used if kind.startswith("1.")}
    names |= {f"builtin.{kind[2:]}" for kind in used if kind.startswith("0.")}
    # builtin.slice: test_one_tensor_of_a_list; Paddle writes it where a list is read by index
    known = {*rules(), *CONSTANTS, *REPLACED, *STRUCTURE} - {"builtin.slice"}
    assert sorted(known - names) == []


def test_nothing_is_translated_to_an_operator_that_is_not_known_to_be_harmless():
    assert {rule.type for rule in rules().values()} <= KNOWN
