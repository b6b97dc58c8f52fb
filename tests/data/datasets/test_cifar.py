"""The official CIFAR archives: as published, damaged, hostile, and the wrong ones."""

import functools
import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest

from ppghost.data.datasets import cifar
from ppghost.data.datasets.cifar import Cifar10, Cifar100
from ppghost.errors import InputError, TrainingError


def python2_string(data: bytes) -> bytes:
    """Pickle `data` as Python 2 did its str (protocol 2): BINSTRING or SHORT_BINSTRING."""
    if len(data) < 256:
        return b"U" + bytes([len(data)]) + data
    return b"T" + len(data).to_bytes(4, "little") + data


def python2_array(pixels: np.ndarray) -> bytes:
    """Pickle a uint8 matrix as Python 2's numpy did."""
    rows, columns = (b"M" + side.to_bytes(2, "little") for side in pixels.shape)
    return b"".join(
        [
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85",
            python2_string(b"b") + b"\x87R(K\x01" + rows + columns + b"\x86",
            b"cnumpy\ndtype\n" + python2_string(b"u1") + b"K\x00K\x01\x87R(K\x03",
            python2_string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
            python2_string(pixels.tobytes()) + b"tb",
        ]
    )


def python2_dict(entries: dict[bytes, bytes]) -> bytes:
    items = b"".join(python2_string(key) + value for key, value in entries.items())
    return b"\x80\x02}(" + items + b"u."


def python2_list(numbers) -> bytes:
    return b"](" + b"".join(b"K" + bytes([number]) for number in numbers) + b"e"


def write_archive(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def pixels_of(part):
    """Two images of their own for each part."""
    return np.random.default_rng(part).integers(0, 256, (2, 3072), np.uint8)


def batch(part, labels, label_key=b"labels", **more):
    entries = {b"batch_label": python2_string(b"part"), label_key: python2_list(labels)}
    return python2_dict(entries | {b"data": python2_array(pixels_of(part))} | more)


@pytest.fixture
def cifar10(tmp_path):
    """Write a small cifar-10-python.tar.gz, its parts in no order, as the official one has them."""
    folder = "cifar-10-batches-py"
    members = {f"{folder}/data_batch_{n}": batch(n, (n, 9)) for n in (4, 1, 5, 3, 2)}
    members |= {f"{folder}/batches.meta": b"\x80\x02}.", f"{folder}/readme.html": b"<p>"}
    return write_archive(
        tmp_path / "cifar-10-python.tar.gz", members | {f"{folder}/test_batch": batch(0, (7, 8))}
    )


@pytest.fixture
def cifar100(tmp_path):
    folder = "cifar-100-python"
    parts = {"meta": (0, 0), "test": (99, 0), "train": (3, 4)}
    coarse = {b"coarse_labels": python2_list((1, 2))}
    members = {
        f"{folder}/{name}": python2_dict(
            {b"fine_labels": python2_list(labels), b"data": python2_array(pixels_of(part))} | coarse
        )
        for part, (name, labels) in enumerate(parts.items())
    }
    return write_archive(tmp_path / "cifar-100-python.tar.gz", members)


def load_all(data):
    pairs = [data.load(index, np.random.default_rng(0)) for index in range(len(data))]
    return np.stack([image for image, _ in pairs]), [label for _, label in pairs]


@pytest.mark.parametrize("mode", ["train", "test"])
@pytest.mark.parametrize("classes", [10, 100])
def test_images_and_labels_are_those_that_paddle_reads(cifar10, cifar100, classes, mode):
    from paddle.vision import datasets

    ours = {10: Cifar10, 100: Cifar100}[classes]
    archive = {10: cifar10, 100: cifar100}[classes]
    theirs = {10: datasets.Cifar10, 100: datasets.Cifar100}[classes]
    images, labels = load_all(ours(archive, mode))
    expected = list(theirs(str(archive), mode, backend="cv2"))
    np.testing.assert_array_equal(images.transpose(0, 2, 3, 1), [image for image, _ in expected])
    assert labels == [int(label) for _, label in expected]
    assert len(images) == (10 if mode == "train" and classes == 10 else 2)


def test_operations_are_applied_to_rgb_images_of_8_bits(cifar10):
    ops = [
        {"AutoAugment": None},
        {"Pad": {"padding": 4}},
        {"RandCropImageV2": {"size": [32, 32]}},
        {"NormalizeImage": {"scale": "1.0/255.0", "order": "hwc"}},
    ]
    images, _ = load_all(Cifar10(cifar10, backend="pil", transform_ops=ops))
    assert (images.shape, images.dtype) == ((10, 3, 32, 32), np.float32)


def test_an_archive_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "proof"), "w"))

    members = {"x/test_batch": pickle.dumps({b"data": Hostile(), b"labels": []}, protocol=2)}
    with pytest.raises(InputError, match=r"it asks for io\.open"):
        Cifar10(write_archive(tmp_path / "a.tar.gz", members), "test")
    assert not (tmp_path / "proof").exists()


def test_nothing_of_an_archive_is_written_to_disk(tmp_path, monkeypatch):
    members = {"../../test_batch": batch(0, (7, 8)), "../outside": b"x"}
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    archive = write_archive(tmp_path / "a" / "b" / "c.tar", members)
    assert len(Cifar10(archive, "test")) == 2
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["c.tar"]


def rows(*shape, dtype=np.uint8):
    return pickle.dumps({"data": np.zeros(shape, dtype), "labels": [0] * shape[0]}, 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x80\x02}.", "no data and labels in it"),
        (batch(0, (7, 8))[:500], "cannot be read"),
        (rows(2, 3071), "not rows of 3072 bytes"),
        (rows(2, 3072, dtype=np.int32), "not rows of 3072 bytes"),
        (batch(0, (7,)), "labels are not a class number for each image"),
    ],
)
def test_a_part_that_is_not_as_published_is_refused(tmp_path, content, reason):
    archive = write_archive(tmp_path / "a.tar.gz", {"x/test_batch": content})
    with pytest.raises(InputError, match=reason) as caught:
        Cifar10(archive, "test", where="DataLoader.Eval.dataset")
    assert str(caught.value).startswith(f"DataLoader.Eval.dataset.data_file: {archive} cannot be")


def test_damaged_missing_and_other_archives_are_refused(tmp_path, cifar10, cifar100):
    with pytest.raises(InputError, match=r"data_file: .*none\.tar\.gz cannot be read \(No such"):
        Cifar10(tmp_path / "none.tar.gz")
    (tmp_path / "half.tar.gz").write_bytes(cifar10.read_bytes()[:2000])
    (tmp_path / "text.tar.gz").write_text("not an archive")
    for name in ("half", "text"):
        with pytest.raises(InputError, match="cannot be read"):
            Cifar10(tmp_path / f"{name}.tar.gz")
    with pytest.raises(InputError, match=r"has no train in it: give cifar-100-python\.tar\.gz"):
        Cifar100(cifar10)
    with pytest.raises(InputError, match="has no data_batch_1 in it"):
        Cifar10(cifar100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "val"}, "mode is 'val': give one of train, test"),
        ({"backend": "gpu"}, "backend is 'gpu'"),
        ({"download": "yes"}, "download is 'yes'"),
        ({"transform_ops": [{"DecodeImage": None}]}, "leave DecodeImage out"),
        ({"class_num": 5}, r"class id 9 is not in 0\.\.4: correct Arch\.class_num"),
    ],
)
def test_values_that_do_not_fit_are_refused(cifar10, options, message):
    with pytest.raises(InputError, match=message):
        Cifar10(cifar10, **options)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve tmp_path in Paddle's server's place, to a home folder of its own."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        monkeypatch.setattr(cifar, "_SERVER", f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_without_a_path_the_archive_is_downloaded_once_and_checked(cifar10, server, monkeypatch):
    with pytest.raises(InputError, match=r"its MD5 is \w+, not c58f30108f718f92721af3b95e74349a"):
        Cifar10()
    md5 = hashlib.md5(cifar10.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(Cifar10, "md5", md5)
    assert len(Cifar10()) == 10
    cifar10.unlink()  # from the server
    data = Cifar10(mode="test")
    assert len(data) == 2
    assert data.data_file == Path.home() / ".cache/paddle/dataset/cifar/cifar-10-python.tar.gz"


def test_an_archive_that_the_server_does_not_have_is_one_line(server):
    with pytest.raises(InputError, match=r"cifar-100-python\.tar\.gz: the server says 404"):
        Cifar100()


def test_without_path_and_download_it_says_what_to_give():
    with pytest.raises(InputError, match=r"data_file is missing; give the path of cifar-100-py"):
        Cifar100(download=False)


def test_an_operation_that_does_not_fit_names_the_image(cifar10):
    data = Cifar10(cifar10, transform_ops=[{"CropImage": {"size": 40}}])
    with pytest.raises(TrainingError, match=r"cifar-10-python\.tar\.gz: image 3 is 32x32, smaller"):
        data.load(3, np.random.default_rng(0))
