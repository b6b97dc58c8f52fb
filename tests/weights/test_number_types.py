"""Weights in other number types than float32, and what numpy 2 writes."""

import json
import pickle
import struct

import numpy as np
import paddle
import pytest

from ppghost import weights
from ppghost.errors import InputError
from ppghost.formats.paddle_pickle import read_pickle
from ppghost.weights.conversion import network


@pytest.fixture
def exact(trained):
    """The arrays of `trained`, cut to what bfloat16 can hold."""
    state = weights.read_state(trained)
    return {k: (v.view(np.uint32) & 0xFFFF0000).view(np.float32) for k, v in state.items()}


def bits(array):
    """bfloat16 as Paddle hands it to numpy."""
    return (array.view(np.uint32) >> 16).astype(np.uint16)


def assert_loads(path, expected):
    found = weights.load(path, network("TinyGhostNet", 3), "TinyGhostNet")
    for name, array in found.arrays.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_bfloat16_as_paddle_saves_it(exact, tmp_path, dygraph):
    tensors = {k: paddle.to_tensor(v).astype("bfloat16") for k, v in exact.items()}
    paddle.save(tensors, str(tmp_path / "w.pdparams"))
    paddle.enable_static()
    assert_loads(tmp_path / "w.pdparams", exact)


def test_bfloat16_in_a_file_for_each_variable(exact, tmp_path):
    from paddle.base.proto.framework_pb2 import VarType

    for name, array in exact.items():
        if "." in name:
            continue
        desc = VarType.TensorDesc(data_type=VarType.BF16, dims=array.shape)
        raw = desc.SerializeToString()
        head = struct.pack("<IQIi", 0, 0, 0, len(raw))
        (tmp_path / name).write_bytes(head + raw + bits(array).tobytes())
    assert_loads(tmp_path, exact)


def test_bfloat16_in_safetensors(exact, tmp_path):
    header, body = {}, b""
    for name, array in exact.items():
        raw = bits(array).tobytes()
        span = [len(body), len(body) + len(raw)]
        header[name] = {"dtype": "BF16", "shape": array.shape, "data_offsets": span}
        body += raw
    head = json.dumps(header).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(head)) + head + body)
    assert_loads(path, exact)


@pytest.mark.parametrize("kind", ["int8", "int64", "bool"])
def test_whole_numbers_are_no_weights(exact, tmp_path, kind):
    weights.write_pickle(tmp_path / "w.pdparams", {k: v.astype(kind) for k, v in exact.items()})
    with pytest.raises(InputError, match=rf"of whole numbers \(quantized\?\) .*{kind}"):
        weights.load(tmp_path / "w.pdparams", network("TinyGhostNet", 3), "TinyGhostNet")


def test_weights_that_are_not_numbers_are_told_of(exact, tmp_path, caplog):
    exact["conv1_weights"] = exact["conv1._conv.weight"] = exact["conv1_weights"] * np.nan
    weights.write_pickle(tmp_path / "w.pdparams", exact)
    weights.load(tmp_path / "w.pdparams", network("TinyGhostNet", 3), "TinyGhostNet")
    assert "tensors 1 hold NaN or infinity (conv1_weights)" in caplog.text


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_numpy_2_names_its_modules_anew(tmp_path, protocol):
    content = {
        "w": np.arange(6, dtype="f4").reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3)),
        "metric": np.float64(0.25),
    }
    written = pickle.dumps(content, protocol)
    for module in ("multiarray", "numeric"):
        name = f"numpy.core.{module}".encode()
        new = name.replace(b"core", b"_core")
        written = written.replace(b"c" + name + b"\n", b"c" + new + b"\n")
        written = written.replace(
            b"\x8c" + bytes([len(name)]) + name, b"\x8c" + bytes([len(new)]) + new
        )
    assert b"numpy._core" in written
    (tmp_path / "w.pdparams").write_bytes(written)
    found = read_pickle(tmp_path / "w.pdparams")
    assert found["metric"] == 0.25
    np.testing.assert_array_equal(found["w"], content["w"])
    np.testing.assert_array_equal(found["fortran"], content["fortran"])
