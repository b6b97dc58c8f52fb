"""Shared fixtures: Paddle's two modes, a tiny data set, the command line in this process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("GLOG_minloglevel", "2")
os.environ["LANGUAGE"] = "en"  # whatever the machine's locale
# of a suite that a shell started in the background: the processes that tests interrupt would
# inherit that, and stay
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import ppghost  # noqa: F401, I001  (zlib before paddle)
import numpy as np
import paddle
import pytest
import yaml
from PIL import Image
from support import ROOT
from support.detectors import write_set
from support.shared import shared_folder

from ppghost import i18n
from ppghost.cli import main as cli
from ppghost import weights
from ppghost.weights import conversion
from ppghost.models import network, registry
from ppghost.models.ghost import ghost_bottleneck
from ppghost.models.ghost_layouts import PADDLECLAS
from ppghost.models.layers import conv_bn_layer, dropout, fc_layer, global_pool
from ppghost.models.network import Network
from ppghost.static.runtime import static_graph


def tiny_ghostnet(class_num=1000, in_channels=3):
    """Two ghost bottlenecks: all that GhostNet is made of, built in a fraction of a second."""

    def body(x):
        x = conv_bn_layer(x, 8, 3, stride=2, act="relu", name="conv1")
        x = ghost_bottleneck(x, 16, 12, 3, 2, True, name="_ghostbottleneck_0")
        x = ghost_bottleneck(x, 24, 12, 3, 1, False, name="_ghostbottleneck_1")
        x = dropout(paddle.flatten(global_pool(x), 1), 0.2, name="dropout")
        return fc_layer(x, class_num, name="fc_1")

    return Network(body, in_channels, PADDLECLAS.structured_names)


#: modules with tests that take long each
_LONG = ("test_distributed.py", "test_checkpoint.py", "test_detection.py", "test_demo.py",
         "test_notebook.py", "test_docs.py")  # fmt: skip


def pytest_collection_modifyitems(items):
    """Long tests first, so that at the end no process waits for another one's."""
    items.sort(key=lambda item: item.path.name not in _LONG)


@pytest.fixture(scope="session", autouse=True)
def _tiny_architecture():
    """`TinyGhostNet` is an architecture of the zoo while the tests run."""
    registry.ARCHITECTURES["TinyGhostNet"] = network.Architecture(
        "Tiny", tiny_ghostnet, (3, 32, 32)
    )
    yield
    del registry.ARCHITECTURES["TinyGhostNet"]


@pytest.fixture(scope="session", autouse=True)
def _unflushed_files():
    """No test cuts the power: waiting for the disk is a fifth of the time of those that train."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_locks(tmp_path_factory):
    """Tests that measure are not kept from it by a person who does, nor keep one from it."""
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("locks"))


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    """Messages are English, after a test in another language too."""
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setattr(i18n, "_language", "en")


@pytest.fixture
def dygraph():
    """Paddle in dygraph for one test."""
    static = not paddle.in_dynamic_mode()
    paddle.disable_static()
    yield
    if static:
        paddle.enable_static()


@pytest.fixture
def static():
    """Paddle in static mode for one test."""
    with static_graph():
        yield


@pytest.fixture
def run(capsys):
    """Run a `ppghost` command here; returns (exit code, stdout, stderr)."""

    def call(*arguments):
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = cli.main([str(a) for a in arguments])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


@pytest.fixture(scope="session")
def shapes_dir(tmp_path_factory):
    """Twelve 32x32 PNGs of three classes (dark, bright, striped), with PaddleClas lists."""
    directory = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(0)
    lines = []
    for i in range(12):
        image = rng.integers(0, 40, (32, 32, 3), dtype=np.uint8)
        if i % 3 == 1:
            image += 200
        elif i % 3 == 2:
            image[::4] += 200
        Image.fromarray(image).save(directory / f"{i}.png")
        lines.append(f"{i}.png {i % 3}")
    (directory / "train_list.txt").write_text("\n".join(lines) + "\n")
    (directory / "val_list.txt").write_text("\n".join(lines[:6]) + "\n")
    (directory / "label_list.txt").write_text("0 dark\n1 bright\n2 striped\n")
    return directory


@pytest.fixture
def config_file(shapes_dir, tmp_path):
    """A config that trains TinyGhostNet on `shapes_dir` for two epochs of three steps."""
    decode = [
        {"DecodeImage": {"to_rgb": True, "channel_first": False}},
        {
            "NormalizeImage": {
                "scale": "1.0/255.0",
                "mean": [0.5] * 3,
                "std": [0.5] * 3,
                "order": "",
            }
        },
    ]

    def section(name, batch):
        return {
            "dataset": {
                "name": "ImageNetDataset",
                "image_root": str(shapes_dir),
                "cls_label_path": str(shapes_dir / name),
                "transform_ops": decode,
            },
            "sampler": {"name": "DistributedBatchSampler", "batch_size": batch},
        }

    config = {
        "Global": {
            "output_dir": str(tmp_path / "output"),
            "epochs": 2,
            "image_shape": [3, 32, 32],
            "seed": 1,
            "onednn": True,
            "print_batch_step": 2,
            "save_interval": 2,
        },
        "Arch": {"name": "TinyGhostNet", "class_num": 3},
        "Loss": {
            "Train": [{"CELoss": {"weight": 1.0, "epsilon": 0.1}}],
            "Eval": [{"CELoss": {"weight": 1.0}}],
        },
        "Optimizer": {
            "name": "Momentum",
            "momentum": 0.9,
            "lr": {"name": "Cosine", "learning_rate": 0.05, "warmup_epoch": 1},
            "regularizer": {"name": "L2", "coeff": 0.00004},
        },
        "DataLoader": {"Train": section("train_list.txt", 4), "Eval": section("val_list.txt", 4)},
        "Infer": {
            "transforms": [*decode, {"ToCHWImage": None}],
            "PostProcess": {
                "name": "Topk",
                "topk": 2,
                "class_id_map_file": str(shapes_dir / "label_list.txt"),
            },
        },
        "Metric": {
            "Train": [{"TopkAcc": {"topk": [1, 5]}}],
            "Eval": [{"TopkAcc": {"topk": [1, 2]}}],
        },
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="session")
def trained(shapes_dir, tmp_path_factory):
    """Weights (a prefix) of TinyGhostNet with 3 classes: random, but no two tensors alike."""
    with static_graph():
        network = conversion.network("TinyGhostNet", 3)
    specs = weights.tensor_specs(network)
    rng = np.random.default_rng(5)
    arrays = {s.parameter: rng.uniform(0.5, 1.0, s.shape).astype("float32") * 0.1 for s in specs}
    prefix = tmp_path_factory.mktemp("weights") / "trained"
    weights.write_state(prefix.with_suffix(".pdparams"), arrays, specs)
    return prefix


@pytest.fixture(scope="session")
def box_images(tmp_path_factory) -> Path:
    """Folder of images with boxes (support.detectors)."""
    return shared_folder(tmp_path_factory, "box_images", write_set)


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """Folder of exported models, those of build_models.py (all 32x32)."""
    return shared_folder(tmp_path_factory, "exported", _export_models)


def _export_models(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "support" / "build_models.py", folder],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
