"""The command line: its contract with scripts."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support import CONFIGS

import ppghost
import ppghost.deploy
from ppghost.analysis.complexity import count_architecture
from ppghost.config import loading
from ppghost.errors import InputError
from ppghost.formats import exported as exported_models
from ppghost.inference.labels import read_labels


def shell(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "ppghost", *arguments], capture_output=True, text=True, **options
    )


SIGNALS = "[os.kill(os.getpid(), number) for number in (signal.SIGTERM, signal.SIGINT)]"


def test_a_signal_while_python_shuts_down_changes_nothing(config_file):
    """As when a launcher ends the process that is about to end by itself."""
    code = (
        "import atexit, os, signal, sys; from ppghost.cli import main as cli\n"
        f"atexit.register(lambda: {SIGNALS})\n"
        f"sys.exit(cli.main(['config', 'show', '-c', {str(config_file)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "TinyGhostNet" in done.stdout


def test_a_signal_while_a_failed_command_cleans_up_changes_nothing():
    code = (
        "import os, signal, sys; from ppghost import errors; from ppghost.cli import main as cli\n"
        "from ppghost.config import loading as config\n"
        "class Held:\n"
        f"    def __del__(self): {SIGNALS}\n"
        "def fail(*arguments):\n"
        "    held = Held()\n"
        "    raise errors.InputError('no good')\n"
        "config.load_config = fail\n"
        "sys.exit(cli.main(['config', 'show', '-c', 'x.yaml']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "ppghost: error: no good\n")


CAUSES = ("RuntimeError: the library's reason", "KeyError: 'absent'")


@pytest.mark.parametrize("verbose", [False, True])
def test_what_an_error_was_caused_by_is_shown_with_v_alone(run, monkeypatch, verbose):
    def fail(*arguments):
        try:
            {}["absent"]
        except KeyError as error:
            raise RuntimeError("first line\nthe library's reason") from error

    def load(*arguments):
        try:
            fail()
        except RuntimeError as error:
            raise InputError("x.yaml: no good") from error

    monkeypatch.setattr(loading, "load_config", load)
    code, _, err = run("config", "show", "-c", "x.yaml", *["-v"][:verbose])
    message, *causes = err.splitlines()
    assert (code, message) == (2, "ppghost: error: x.yaml: no good")
    assert len(causes) == 2 * verbose
    for cause, text in zip(causes, CAUSES, strict=False):
        assert cause.startswith(f"  caused by {text} ({__file__}:")
        assert cause.endswith("fail)")


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; from ppghost.cli import main as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'paddle', 'numpy', 'yaml', 'cv2', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout
    # 0.09 s on the machine of the README; the wide bound is for a loaded one
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize("command", [["--help"], ["config", "show", "-c"]])
def test_a_reader_that_goes_away_is_no_error(config_file, command):
    """As in `ppghost list | head -1`."""
    gone, stdout = os.pipe()
    os.close(gone)
    command = [*command, str(config_file)] if command[-1] == "-c" else command
    done = subprocess.run(
        [sys.executable, "-m", "ppghost", *command], stdout=stdout, stderr=subprocess.PIPE
    )
    os.close(stdout)
    assert (done.returncode, done.stderr) == (0, b"")


def test_version():
    assert shell("--version").stdout == f"ppghost {ppghost.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["train"],
        ["bench", "m.nb", "--threads", "0"],
        ["predict", "m", "--topk", "0"],
    ],
)
def test_usage_errors_exit_2(arguments):
    done = shell(*arguments)
    assert done.returncode == 2
    assert "usage: ppghost" in done.stderr
    assert done.stdout == ""


def test_zlib_is_loaded_before_anything_else():
    """libpaddle 2.6 breaks every later use of zlib otherwise (see ppghost/__init__.py)."""
    done = subprocess.run(
        [sys.executable, "-c", "import ppghost, sys; sys.exit('zlib' not in sys.modules)"]
    )
    assert done.returncode == 0


def test_the_floors_below_and_the_measuring_half_do_not_import_paddle():
    modules = (
        "ppghost.errors, ppghost.utils.files, ppghost.utils.download, ppghost.config.loading, "
        "ppghost.data.build, ppghost.deploy.nb.header, ppghost.deploy.nb.output_check, "
        "ppghost.deploy.devices.host.device, ppghost.deploy.devices.discovery, "
        "ppghost.deploy.devices.android.output_check, ppghost.deploy.latency.runner, "
        "ppghost.deploy.latency.stats, ppghost.deploy.latency.compare, "
        "ppghost.deploy.reporting.write"
    )
    code = f"import sys, {modules}; sys.exit('paddle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_deploy_imports_nothing_else_of_ppghost():
    allowed = {"errors", "i18n", "utils", "formats"}
    imported = {
        name
        for file in Path(ppghost.deploy.__file__).parent.rglob("*.py")
        for name in re.findall(
            r"(?:from|import) ppghost\.(?!deploy)(\w+)",
            file.read_text(),
            re.MULTILINE,
        )
    }
    assert imported == allowed


def test_imagenet_labels_are_paddleclas_own():
    labels = read_labels(Path("ppcls/utils/imagenet1k_label_list.txt"))
    assert len(labels) == 1000
    assert (labels[0], labels[999]) == (
        "tench, Tinca tinca",
        "toilet tissue, toilet paper, bathroom tissue",
    )


def test_list_names_ours_and_paddleclas(run):
    code, out, _ = run("list", "--json", "-")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["GhostNet_x1_0"] == {
        "name": "GhostNet_x1_0",
        "family": "GhostNet",
        "source": "ppghost",
        "input": [3, 224, 224],
        "params": 5_183_016,
        "macs": 141_149_744,
    }
    assert rows["PPLCNet_x1_0"]["source"] == "paddleclas"
    assert len(rows) > 300


def test_json_to_a_file_and_quiet(run, tmp_path):
    code, out, err = run("data", "digits", tmp_path / "d", "--json", tmp_path / "r.json", "-q")
    assert code == 0
    assert json.loads((tmp_path / "r.json").read_text())["train"] == 1442
    assert "1442 + 355 digits" in out
    assert err == ""


def test_train_eval_export_predict(run, config_file, shapes_dir, tmp_path):
    """The chain by its commands alone, as a user types it."""
    code, _, err = run("train", "-c", config_file)
    assert code == 0, err
    assert "[Train][Epoch 2/2][Iter: 2/3]" in err
    assert "images/s, eta: 0:00:0" in err
    weights = f"Global.pretrained_model={tmp_path}/output/TinyGhostNet/latest"

    code, out, err = run("eval", "-c", config_file, "-o", weights, "--json", "-")
    figures = json.loads(out)
    assert set(figures) == {"loss", "top1", "top2", "samples", "images_per_second"}
    assert figures["samples"] == 6

    model = tmp_path / "model"
    code, out, _ = run("export", "-c", config_file, "-o", weights, "--output", model, "--json", "-")
    exported = json.loads(out)
    assert exported["inputs"] == [{"name": "image", "shape": [-1, 3, 32, 32]}]
    assert exported["outputs"][0]["shape"] == [-1, 3]
    files = sorted(p.name for p in model.iterdir())
    assert files == ["inference.pdiparams", "inference.pdmodel", "inference.yml"]
    described = yaml.safe_load((model / "inference.yml").read_text())["Global"]
    counted = count_architecture("TinyGhostNet", (3, 32, 32), class_num=3)
    assert (described["params"], described["macs"]) == counted

    images = [shapes_dir / f"{i}.png" for i in range(6)]
    code, out, _ = run("predict", model, *images, "--topk", 3, "--json", "-")
    predicted = json.loads(out)
    assert [p["image"] for p in predicted] == [str(i) for i in images]
    for entry in predicted:
        assert {t["label"] for t in entry["topk"]} == {"dark", "bright", "striped"}
        assert sum(t["score"] for t in entry["topk"]) == pytest.approx(1, abs=1e-5)
    hits = sum(p["topk"][0]["class_id"] == i % 3 for i, p in enumerate(predicted))
    assert hits / 6 == figures["top1"]


def test_config_show_resolves_bases_and_overrides(run, tmp_path):
    recipe = CONFIGS / "ghostnet" / "GhostNet_x1_3.yaml"
    code, out, _ = run("config", "show", "-c", recipe, "-o", "Global.epochs=7")
    shown = yaml.safe_load(out)
    assert code == 0
    assert "_base_" not in shown
    assert shown["Global"]["epochs"] == 7
    assert shown["Optimizer"]["regularizer"] == {"name": "L2", "coeff": 4e-5}  # of the base
    (tmp_path / "whole.yaml").write_text(out)
    assert yaml.safe_load(run("config", "show", "-c", tmp_path / "whole.yaml")[1]) == shown


def test_a_library_that_prints_does_not_spoil_the_json(run, monkeypatch, tmp_path):
    from ppghost.data.datasets import digits

    def noisy(directory, force):
        print("a banner")
        return {"train": 0, "val": 0, "written": True}

    monkeypatch.setattr(digits, "write_digits", noisy)
    code, out, err = run("data", "digits", tmp_path / "d", "--json", "-")
    assert code == 0
    assert json.loads(out)["written"]
    assert "a banner" in err


def test_an_interrupted_export_does_not_pass_for_a_whole_one(
    run, config_file, trained, tmp_path, monkeypatch
):
    command = ["export", "-c", config_file, "-o", f"Global.pretrained_model={trained}"]
    model = tmp_path / "model"
    assert run(*command, "--output", model)[0] == 0
    replace, moved = exported_models.os.replace, []

    def interrupted(source, target):
        moved.append(target)
        if len(moved) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(exported_models.os, "replace", interrupted)
        assert run(*command, "--output", model)[0] == 130
    code, _, err = run("predict", model, "a.png")
    assert code == 2
    assert "inference.yml is missing" in err


def test_ctrl_c_exits_130(run, config_file, monkeypatch):
    from ppghost.training.steps import StepRunner

    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(StepRunner, "run", interrupted)
    code, _, err = run("train", "-c", config_file)
    assert (code, err.splitlines()[-1]) == (130, "ppghost: interrupted")


def exported(run, config_file, trained, tmp_path):
    """The folder of an exported TinyGhostNet."""
    model = tmp_path / "model"
    weights = f"Global.pretrained_model={trained}"
    assert run("export", "-c", config_file, "-o", weights, "--output", model)[0] == 0
    return model


def test_convert_many_reports_each_and_exits_with_4(run, config_file, trained, tmp_path):
    good = exported(run, config_file, trained, tmp_path)
    bad = tmp_path / "bad"
    bad.mkdir()
    arguments = ("--target", "arm,opencl", "--output", tmp_path / "nb", "--json", "-")
    code, out, err = run("convert", good, bad, *arguments)
    first, second = json.loads(out)
    assert code == 4
    assert (first["target"], first["bytes"]) == ("opencl", Path(first["nb"]).stat().st_size)
    assert set(second) == {"model_dir", "error"}
    assert f"error: {bad}: no inference.pdmodel" in err
    assert "1 of 2 models could not be converted" in err
    code, out, _ = run("convert", good, "--target", "arm", "--output", tmp_path / "one.nb")
    assert (code, out.count("\n")) == (0, 1)


def test_quantize_says_how_well_int8_agrees(run, config_file, trained, shapes_dir, tmp_path):
    model = exported(run, config_file, trained, tmp_path)
    arguments = ("--images", shapes_dir / "train_list.txt", "--output", tmp_path / "int8")
    code, out, err = run("quantize", model, *arguments, "--min-agreement", 2, "--json", "-")
    result = json.loads(out)
    assert code == 1
    assert result["model_dir"] is None
    assert "int8 agrees too little with fp32" in err
    assert not (tmp_path / "int8").exists()
    code, out, _ = run("quantize", model, *arguments, "--min-agreement", 0)
    assert code == 0
    assert f"cosine {result['cosine']:.4f}" in out
    assert "on 6 held-out images, in Paddle's simulation" in out
    assert f"top-1 {result['fp32']['top1']:.4f} -> {result['int8']['top1']:.4f}" in out
    code, out, _ = run("predict", tmp_path / "int8", shapes_dir / "0.png", "--json", "-")
    assert (code, len(json.loads(out)[0]["topk"])) == (0, 2)


def test_predict_runs_no_operator_that_acts(run, config_file, trained, shapes_dir, tmp_path):
    from ppghost.formats.program_desc import load_program

    model = exported(run, config_file, trained, tmp_path)
    graph = load_program(model / "inference.pdmodel")
    [name] = [one.outputs[0].arguments[0] for one in graph.blocks[0].ops if one.type == "feed"]
    save = graph.blocks[0].ops.add(type="save")
    save.inputs.add(parameter="X", arguments=[name])
    save.attrs.add(name="file_path", type=2, s=str(tmp_path / "written"))
    (model / "inference.pdmodel").write_bytes(graph.SerializeToString())
    code, _, err = run("predict", model, shapes_dir / "0.png")
    assert (code, "not known to be harmless, save" in err) == (2, True)
    assert not (tmp_path / "written").exists()
