"""Parameters read out of `.nb` files."""

import numpy as np
import paddle
import pytest
from support.programs import export_program

from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.nb.parameters import different_parameters, read_parameters
from ppghost.errors import InputError


def test_parameters_are_those_of_the_program(tmp_path):
    def build(x):
        return paddle.static.nn.fc(x, 5)

    model = export_program(tmp_path / "model", build, {"x": [1, 7]})
    nb = convert(model, "arm", tmp_path / "x.nb").nb
    found = {each.name: each for each in read_parameters(nb)}
    raw = (model / "inference.pdiparams").read_bytes()
    assert sorted(found) == ["fc_0.b_0", "fc_0.w_0"]
    for each in found.values():
        assert each.data_type == 5  # VarType.FP32
        assert each.data in raw
    assert len(found["fc_0.w_0"].data) == 7 * 5 * 4


def test_files_of_other_weights_are_told_apart(tmp_path):
    def build(x):
        return paddle.static.nn.fc(x, 5)

    model = export_program(tmp_path / "model", build, {"x": [1, 7]})
    nb = convert(model, "arm", tmp_path / "x.nb").nb
    twin = convert(model, "x86", tmp_path / "y.nb").nb
    assert different_parameters(nb, twin) == []
    params = model / "inference.pdiparams"
    params.write_bytes(params.read_bytes()[:-4] + np.float32(7).tobytes())
    other = convert(model, "x86", tmp_path / "z.nb").nb
    assert [each.name for each in different_parameters(nb, other)] == ["fc_0.w_0"]


def test_damage_is_one_line(converted, tmp_path):
    data = (converted / "both.nb").read_bytes()
    (tmp_path / "x.nb").write_bytes(data[:-9])
    with pytest.raises(InputError, match="truncated or damaged"):
        read_parameters(tmp_path / "x.nb")
