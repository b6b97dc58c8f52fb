"""Hostile and damaged weight files: one line, exit 2, and nothing in them is run."""

import collections
import json
import os
import pickle
import struct
import time
import zipfile

import numpy as np
import pytest
from support import torch_layout

from ppghost import weights
from ppghost.errors import InputError
from ppghost.formats import paddle_pickle as pickles


class Attack:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Dictionary(collections.OrderedDict):
    """An OrderedDict whose pickle calls something before it fills itself."""

    def __reduce__(self):
        return (os.mkdir, (self["path"],), None, None, iter(self.items()))


def attacks(marker):
    """Name -> pickle that makes the folder `marker` when Python unpickles it."""
    mkdir, text = Attack(os.mkdir, marker), f"__import__('os').mkdir({marker!r})"
    values = {
        "call": mkdir,
        "system": Attack(os.system, f"mkdir '{marker}'"),
        "eval": Attack(eval, text),
        "exec": Attack(exec, text),
        "below": {"w": [({"x": mkdir},)]},
        "as an argument": Attack(collections.OrderedDict, [("w", mkdir)]),
        "as a function's result": Attack(Attack, mkdir),
        "a dictionary of another class": Dictionary(path=marker),
        "as the state of an array": Attack(np.copy, mkdir),
    }
    found = {name: pickle.dumps({"w": value}, 4) for name, value in values.items()}
    found["protocol 0"] = pickle.dumps({"w": mkdir}, 0)
    found["INST"] = f"(dS'w'\n(S'{marker}'\nios\nmkdir\ns.".encode()
    found["OBJ"] = b"(dS'w'\n(cos\nmkdir\nS'" + marker.encode() + b"'\nos."
    found["a name with dots"] = (
        b"\x80\x04}\x8c\x01w\x8c\x05numpy\x8c\x0fos.mkdir.__call\x93\x8c"
        + bytes([len(marker)]) + marker.encode() + b"\x85Rs."
    )  # fmt: skip
    return found


NAMES = list(attacks("marker"))


def refused(path, *texts):
    """The line that a file is refused with, by the function that all commands read with."""
    with pytest.raises(InputError) as caught:
        weights.read_state(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    for text in texts:
        assert text in message
    return message


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_pickle_runs_nothing(tmp_path, name):
    marker, path = tmp_path / "ran", tmp_path / "w.pdparams"
    path.write_bytes(attacks(str(marker))[name])
    refused(path)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["call", "system", "eval"])
def test_the_attacks_are_real(tmp_path, name):
    """Python's unpickler runs them: else the tests above would show nothing."""
    pickle.loads(attacks(str(tmp_path / "ran"))[name])
    assert (tmp_path / "ran").is_dir()


@pytest.mark.parametrize("name", ["call", "eval", "INST"])
def test_a_hostile_pickle_in_a_torch_zip_runs_nothing(tmp_path, name):
    marker, path = tmp_path / "ran", tmp_path / "w.pth"
    torch_layout.write_zip(path, {"w/data.pkl": attacks(str(marker))[name]})
    refused(path)
    assert not marker.exists()


def test_the_commands_exit_2_in_one_line(run, config_file, tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "w.pdparams"
    path.write_bytes(attacks(str(marker))["system"])
    target = tmp_path / "out.safetensors"
    for command in (
        ["weights", "convert", path, target, "--arch", "TinyGhostNet"],
        ["eval", "-c", config_file, "-o", f"Global.pretrained_model={path}"],
        ["train", "-c", config_file, "-o", f"Arch.pretrained={path}"],
    ):
        code, _, err = run(*command)
        assert code == 2
        assert "posix.system, which no weights need" in err.splitlines()[-1]
        assert "Traceback" not in err
    assert not marker.exists()
    assert not target.exists()


def array_pickle(shape, raw, code="f4", flags=0):
    """The pickle of {"w": array} with a state of our choice."""
    text = pickle.dumps
    state = text((1, shape, "DTYPE", False, raw), 2)[2:-1]
    dtype = b"cnumpy\ndtype\n" + text((code, False, True), 2)[2:-1] + b"R"
    dtype += text((3, "<", None, None, None, -1, -1, flags), 2)[2:-1] + b"b"
    placeholder = pickle.dumps("DTYPE", 2)[2:-1]
    assert placeholder[:10] in state
    # memo numbers do not matter: nothing is fetched from it
    at = state.index(placeholder[:10])
    state = state[:at] + dtype + state[at + len(placeholder) :]
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR"
    return b"\x80\x03}X\x01\x00\x00\x00w" + made + state + b"bs."


def test_the_array_pickle_is_one_that_numpy_reads(tmp_path):
    raw = np.arange(3, dtype="f4").tobytes()
    path = tmp_path / "w.pdparams"
    path.write_bytes(array_pickle((3,), raw))
    np.testing.assert_array_equal(pickle.loads(path.read_bytes())["w"], [0, 1, 2])
    np.testing.assert_array_equal(weights.read_state(path)["w"], [0, 1, 2])


def test_flags_that_make_numpy_take_bytes_for_pointers_mean_nothing(tmp_path):
    path = tmp_path / "w.pdparams"
    path.write_bytes(array_pickle((2,), b"\x41" * 16, "f8", flags=0x3F))
    array = weights.read_state(path)["w"]
    assert array.dtype == np.dtype("f8")
    assert not array.dtype.hasobject


@pytest.mark.parametrize(
    ("shape", "raw", "code"),
    [
        ((10**11,), b"abcd", "f4"),
        ((10**6, 10**6), b"abcd", "f4"),
        ((-1,), b"abcd", "f4"),
        ((1,), b"abcdefgh", "O8"),
        ((1,), b"abcd", "V4"),
    ],
)
def test_arrays_that_are_not_what_they_say(tmp_path, shape, raw, code):
    path = tmp_path / "w.pdparams"
    path.write_bytes(array_pickle(shape, raw, code))
    refused(path, "it holds")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # a tuple nested a million times as a key: hashing it overflows the C stack
        (b"\x80\x02}" + b")" + b"\x85" * 10**6 + b"K\x01s.", "has a tuple as a key"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x.", "not a weight file"),
        # a hundred thousand copies of a megabyte
        (
            b"\x80\x04]c_codecs\nencode\n\x94aX" + struct.pack("<I", 2**20) + b"a" * 2**20
            + b"\x94a\x8c\x06latin1\x94a" + b"h\x00h\x01h\x02\x86Ra" * 10**5 + b".",
            "more memory than its size explains",
        ),
        (b"\x80\x02}K\x01K\x02s" * 3, "not a weight file"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02X\x01\x00\x00\x00aQ.", "persistent ids"),
        (b"\x80\x02h\x07.", "not a weight file"),
        (b"t.", "not a weight file"),
    ],
    ids=["depth", "length", "copies", "no end", "extension", "persistent", "memo", "mark"],
)  # fmt: skip
def test_pickles_that_ask_for_too_much(tmp_path, content, message):
    path = tmp_path / "w.pdparams"
    path.write_bytes(content)
    started = time.monotonic()
    refused(path, message)
    assert time.monotonic() - started < 20


def test_functions_of_ours_cannot_be_changed_by_a_pickle(tmp_path):
    path = tmp_path / "w.pdparams"
    path.write_bytes(b"\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00aK\x01sb.")
    refused(path, "sets the state of a Global")
    assert ("_codecs", "encode") in pickles.NUMPY_CALLS


@pytest.fixture
def torch_file(tmp_path):
    content = {"a.weight": np.arange(64, dtype="f4").reshape(8, 8)}
    return torch_layout.save(content, tmp_path / "w.pth")


def changed(path, member, old, new):
    """The zip with `old` replaced in one member."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert old in members[member]
    members[member] = members[member].replace(old, new)
    return torch_layout.write_zip(path, members)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\x08K\x08\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),  # shape of 16 EB
        (b"K\x08K\x01\x86", b"K\x09K\x01\x86"),  # a stride beyond the storage
        (b"K@t", b"K?t"),  # a storage shorter than its member
        (b"FloatStorage", b"EvilStorage\n"[:12]),
    ],
    ids=["shape", "stride", "count", "kind"],
)  # fmt: skip
def test_torch_tensors_that_are_not_what_they_say(torch_file, old, new):
    assert weights.read_state(torch_file)["a.weight"][1, 0] == 8
    changed(torch_file, "w/data.pkl", old, new)
    refused(torch_file)


def test_a_broadcast_tensor_may_not_be_larger_than_its_storage(torch_file):
    """With strides of 0, 100 GB fit into any storage."""
    changed(torch_file, "w/data.pkl", b"K\x08K\x08\x86", b"J\xff\xff\xff\x7fK\x08\x86")
    changed(torch_file, "w/data.pkl", b"K\x08K\x01\x86", b"K\x00K\x00\x86")
    refused(torch_file, "beyond its storage")


def test_a_zip_bomb_is_refused_unread(torch_file):
    with zipfile.ZipFile(torch_file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["w/data/0"] = bytes(10**8)
    torch_layout.write_zip(torch_file, members, zipfile.ZIP_DEFLATED)
    refused(torch_file, "compressed")


@pytest.mark.parametrize("name", ["../../escaped", "/etc/escaped", "w/../../escaped"])
def test_names_that_leave_the_zip_are_refused(torch_file, name):
    with zipfile.ZipFile(torch_file, "a") as archive:
        archive.writestr(name, b"x")
    refused(torch_file, "it has a member called")


@pytest.mark.parametrize(
    ("member", "message"),
    [("w/constants.pkl", "TorchScript"), ("v/data.pkl", "not one of torch.save")],
)
def test_other_zips_are_named(torch_file, member, message):
    with zipfile.ZipFile(torch_file, "a") as archive:
        archive.writestr(member, b"x")
    refused(torch_file, message)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
@pytest.mark.parametrize("form", ["pdparams", "pth", "legacy", "safetensors", "tensor"])
def test_truncated_files_are_named(tmp_path, form, share):
    state = {"w": np.arange(1000, dtype="f4")}
    path = tmp_path / f"w.{'pth' if form == 'legacy' else form}"
    if form == "pdparams":
        weights.write_pickle(path, state)
    elif form == "pth":
        torch_layout.save(state, path)
    elif form == "legacy":
        torch_layout.save_legacy(state, path)
    elif form == "safetensors":
        path.write_bytes(safetensors_file(4000, [1000]))
    else:
        path = tmp_path / "folder" / "w"
        path.parent.mkdir()
        path.write_bytes(record([1000], bytes(4000)))
    folder = path.parent if form == "tensor" else path
    assert weights.read_state(folder)["w"].shape == (1000,)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as caught:
        weights.read_state(folder)
    assert str(path) in str(caught.value)


def safetensors_file(size, shape, end=None):
    header = {"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, end or size]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**60) + b"{}",
        safetensors_file(4, [10**11]),
        safetensors_file(4, [10**11], end=4 * 10**11),
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 4) + b"nope",
    ],
    ids=["header", "shape", "offsets", "empty", "no JSON"],
)
def test_hostile_safetensors_are_named(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    refused(path)


def record(shape, raw, version=0, levels=0, size=None):
    """A tensor in Paddle's binary form."""
    from paddle.base.proto.framework_pb2 import VarType

    text = VarType.TensorDesc(data_type=VarType.FP32, dims=shape).SerializeToString()
    head = struct.pack("<IQIi", version, levels, 0, len(text) if size is None else size)
    return head + text + raw


@pytest.mark.parametrize(
    "content",
    [
        record([10**11], b"abcd"),
        record([2**40, 2**40], b""),
        record([-4], b"abcd"),
        record([1], b"abcd", version=7),
        record([1], b"abcd", levels=2**63),
        record([1], b"abcd", size=-1),
        record([1], b"abcd", size=2**31 - 1),
        record([1], b"abcde"),
        b"",
    ],
    ids=["shape", "shapes", "negative", "version", "levels", "size", "long", "rest", "empty"],
)
def test_hostile_binary_tensors_are_named(tmp_path, content):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "conv1_weights").write_bytes(content)
    with pytest.raises(InputError, match="conv1_weights: not 1 tensor"):
        weights.read_state(tmp_path / "w")


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"garbage"])
def test_a_program_that_is_none_is_named(tmp_path, content):
    (tmp_path / "inference.pdmodel").write_bytes(content)
    (tmp_path / "inference.pdiparams").write_bytes(record([1], b"abcd"))
    with pytest.raises(InputError, match=r"inference\.pdmodel: "):
        weights.read_state(tmp_path)


def test_an_empty_folder_is_named(tmp_path):
    refused(tmp_path, "no weights in this folder")
