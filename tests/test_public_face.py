"""`import ppghost` as a library: what it offers, and what it leaves alone."""

import subprocess
import sys
from pathlib import Path

import paddle
import pytest
from support import ROOT

import ppghost
from ppghost import deploy
from ppghost.errors import InputError
from ppghost.weights.conversion import convert

STATE = """
import logging, os, signal, sys, warnings
import ppghost
import paddle, cv2, numpy
cv2.setNumThreads(3)

def state():
    return {
        "paddle's mode": paddle.in_dynamic_mode(),
        "paddle's flags": paddle.get_flags(["FLAGS_new_executor_serial_run"]),
        "OpenCV's threads": cv2.getNumThreads(),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
        "root logger": (logging.root.level, list(logging.root.handlers)),
        "environment": dict(os.environ),
        "working directory": os.getcwd(),
        "random numbers": numpy.random.get_state()[1].tolist(),
    }
"""
IMPORT_ALL = """
import pkgutil
before = state()
for module in pkgutil.walk_packages(ppghost.__path__, "ppghost."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
after = state()
changed = [key for key in before if before[key] != after[key]]
sys.exit(str(changed) if changed else 0)
"""


@pytest.mark.parametrize("package", [ppghost, deploy])
def test_everything_offered_is_there_and_documented(package):
    assert package.__all__
    for name in package.__all__:
        offered = getattr(package, name)
        assert callable(offered), name
        assert len(offered.__doc__) > 60, name


def test_importing_is_quick_and_brings_nothing_heavy():
    code = (
        "import sys, ppghost, ppghost.deploy; dir(ppghost), dir(ppghost.deploy)\n"
        "heavy = {'paddle', 'numpy', 'yaml', 'cv2', 'msgspec'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_any_module_changes_nothing_for_the_process():
    done = subprocess.run(
        [sys.executable, "-c", STATE + IMPORT_ALL], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_the_package_says_that_it_is_typed():
    assert Path(ppghost.__file__).with_name("py.typed").is_file()


def test_no_call_leaves_paddle_in_another_mode(dygraph, config_file, trained, tmp_path):
    """Nor one that fails."""
    weights = f"Global.pretrained_model={trained}"
    config = ppghost.load_config(config_file, [weights, "Global.epochs=1"])
    untrained = ppghost.load_config(config_file)
    image = next(Path(config["DataLoader"]["Eval"]["dataset"]["image_root"]).rglob("*.png"))
    flags = ["FLAGS_new_executor_serial_run", "FLAGS_new_executor_sequential_run"]
    before = paddle.get_flags(flags)

    def failing(call, *arguments):
        with pytest.raises(InputError):
            call(*arguments)

    calls = {
        "analyze": lambda: ppghost.analyze("TinyGhostNet"),
        "analyze, failing": lambda: failing(ppghost.analyze, "NoNet"),
        "create_model": lambda: ppghost.create_model("TinyGhostNet", class_num=3),
        "train": lambda: ppghost.train(config),
        "train, failing": lambda: failing(ppghost.train, config, "absent"),
        "evaluate": lambda: ppghost.evaluate(config),
        "evaluate, failing": lambda: failing(ppghost.evaluate, untrained),
        "export": lambda: ppghost.export(config, tmp_path / "model"),
        "export, failing": lambda: failing(ppghost.export, untrained, tmp_path / "none"),
        "Predictor": lambda: ppghost.Predictor(tmp_path / "model")(image),
        "label": lambda: ppghost.label(config, image.parent, tmp_path / "labels.json"),
        "label, failing": lambda: failing(ppghost.label, untrained, image, tmp_path / "l.json"),
        "convert": lambda: deploy.convert(tmp_path / "model", "arm", tmp_path / "model.nb"),
        "weights": lambda: convert(
            trained.with_suffix(".pdparams"), tmp_path / "w.safetensors", "TinyGhostNet", 3
        ),
    }
    for name, call in calls.items():
        call()
        assert paddle.in_dynamic_mode(), name
        assert paddle.get_flags(flags) == before, name
        assert float(paddle.ones([2]).sum()) == 2, name
