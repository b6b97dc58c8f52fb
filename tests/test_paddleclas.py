"""The bridge: PaddleClas's scripts with our networks and configs, weights read on both sides.

The parts by themselves are tested on the installed package's `ppcls.arch`; whole scripts run when
PPGHOST_PADDLECLAS names a checkout of PaddleClas.
"""

import copy
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml
from support import ROOT

from ppghost import paddleclas, weights
from ppghost.config import loading as config
from ppghost.errors import InputError
from ppghost.models import registry


@pytest.fixture
def stub(tmp_path):
    """What looks like a checkout: two scripts and a label file."""
    for file in ("ppcls/arch/__init__.py", "tools/train.py", "ppcls/static/train.py"):
        (tmp_path / "PaddleClas" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "PaddleClas" / file).touch()
    labels = tmp_path / "PaddleClas" / "ppcls/utils/labels.txt"
    labels.parent.mkdir()
    labels.write_text("0 tench\n")
    return tmp_path / "PaddleClas"


@pytest.mark.parametrize(
    ("checkout", "script", "message"),
    [
        ("nowhere", "tools/train.py", "not a PaddleClas 2.x checkout"),
        ("PaddleClas", "tools/trian.py", "no such script; there are ppcls/static/train.py, tools"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(stub, capsys, checkout, script, message):
    code = paddleclas.main([str(stub.with_name(checkout)), script, "-c", "x.yaml"])
    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.count("\n") == 1


def resolved(arguments, stub, tmp_path):
    """(content of the config that the script would read, the arguments after it)."""
    flag, file, *rest = paddleclas.resolve([str(a) for a in arguments], stub, tmp_path)
    assert flag == "-c"
    assert Path(file).parent == tmp_path
    return yaml.safe_load(Path(file).read_text()), rest


def test_a_config_of_ours_is_resolved_with_its_overrides(stub, tmp_path):
    file = ROOT / "configs" / "ghostnet" / "GhostNet_x0_5.yaml"
    overrides = ["Global.epochs=3", "DataLoader.Train.dataset.image_root=a=b"]
    arguments = ["-c", file, "-o", overrides[0], "-p", "batch_range=[1,2]", f"-o{overrides[1]}"]
    content, rest = resolved(arguments, stub, tmp_path)
    assert content == config.load_config(file, overrides)
    assert "_base_" not in content
    assert rest == ["-p", "batch_range=[1,2]"]


def test_a_key_of_ours_alone_makes_a_config_ours(stub, tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("Global: {bad_images: skip}\nArch: {name: GhostNet_x1_0}\n")
    content, rest = resolved(["--config", file, "--override", "Global.seed=7"], stub, tmp_path)
    assert content["Global"]["seed"] == 7
    assert content["Global"]["use_visualdl"] is False  # PaddleClas cannot do without
    assert rest == []


def test_a_config_of_paddleclas_stays_as_it_is(stub, tmp_path):
    theirs = {
        "Global": {"epochs": 4, "use_visualdl": True},
        "Arch": {"name": "RecModel", "Backbone": {"name": "GhostNet_x1_0"}},
        "Optimizer": {"lr": "1.0/255.0"},
    }
    file = tmp_path / "theirs.yaml"
    file.write_text(yaml.safe_dump(theirs))
    overrides = ["-o", "Global.device=cpu", "-o", "Arch.pretrained=False"]
    assert resolved(["-c", file, *overrides], stub, tmp_path) == (theirs, overrides)


def test_files_of_the_checkout_are_found_from_any_folder(stub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").touch()
    (stub / "output").mkdir()
    theirs = {
        "Global": {"output_dir": "./output"},
        "DataLoader": {"Train": {"dataset": {"cls_label_path": "./mine.txt"}}},
        "Infer": {"PostProcess": {"class_id_map_file": "ppcls/utils/labels.txt"}},
    }
    (stub / "theirs.yaml").write_text(yaml.safe_dump(theirs))
    content, _ = resolved(["-c", stub.relative_to(tmp_path) / "theirs.yaml"], stub, tmp_path)
    labels = content["Infer"]["PostProcess"].pop("class_id_map_file")
    assert Path(labels) == stub / "ppcls/utils/labels.txt"
    assert content["DataLoader"] == theirs["DataLoader"]
    assert content["Global"] == theirs["Global"]  # written to, so never in the checkout


def test_arguments_without_a_config_are_the_scripts_own(stub, tmp_path):
    assert paddleclas.resolve(["--help"], stub, tmp_path) == ["--help"]


def test_inside_a_checkout_the_zoo_is_the_checkouts(stub):
    """There `paddleclas` is a file that Python cannot import as the installed package."""
    (stub / "paddleclas.py").write_text("from .ppcls.arch import backbone\n")
    backbone = stub / "ppcls/arch/backbone.py"
    backbone.write_text("MODEL_URLS = {'OnlyHere': ''}\nclass OnlyHere:\n    pass\n")
    (stub / "ppcls/__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-m", "ppghost", "list", "--json", "-"],
        cwd=stub, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = [row["name"] for row in yaml.safe_load(done.stdout) if row["source"] == "paddleclas"]
    assert names == ["OnlyHere"]


@pytest.fixture
def arch(monkeypatch, dygraph, caplog):
    """The installed package's `ppcls.arch` with our architectures, for one test."""
    from paddleclas.ppcls import arch

    for name in registry.ARCHITECTURES:  # so that they are gone, or PaddleClas's again, afterwards
        monkeypatch.setattr(arch, name, getattr(arch, name, None), raising=False)
        if getattr(arch, name) is None:
            delattr(arch, name)
    with caplog.at_level(logging.INFO, logger="ppghost"):
        paddleclas.register(arch)
    return arch


def build(arch, name="TinyGhostNet", **arguments):
    settings = {"name": name, "class_num": 3, "pretrained": False, "use_sync_bn": True}
    return arch.build_model({"Arch": settings | arguments, "Global": {"device": "cpu"}})


def test_ours_take_the_place_of_paddleclas_own_and_say_so(arch, caplog):
    [record] = caplog.get_records("setup")
    _, _, replaced = record.message.partition("PaddleClas's: ")
    assert {"GhostNet_x0_5", "ShuffleNetV2_x1_0", "SqueezeNet1_1"} < set(replaced.split(", "))
    network = build(arch, "GhostResNet20", use_ssld=False, infer_add_softmax=True)
    assert network(paddle.zeros([2, 3, 32, 32])).shape == [2, 3]
    assert type(build(arch, "GhostNet_x0_5")) is type(network)


def test_paddleclas_keeps_its_own_where_it_looks_into_them(arch, caplog):
    """As its retrieval does, which stops a MobileNetV1 at a layer."""
    [record] = caplog.get_records("setup")
    assert "MobileNetV1" not in record.message
    stopped = {
        "name": "RecModel",
        "Backbone": {"name": "MobileNetV1_x0_25", "pretrained": False, "class_num": 3},
        "BackboneStopLayer": {"name": "flatten"},
        "Neck": {"name": "FC", "embedding_size": 256, "class_num": 8},
    }
    network = arch.build_model({"Arch": stopped, "Global": {"device": "cpu"}})
    assert network(paddle.zeros([1, 3, 32, 32]))["features"].shape == [1, 8]
    ours = build(arch, "MobileNetV1_x0_25", stem_stride=1, in_channels=1)
    assert ours(paddle.zeros([1, 1, 32, 32])).shape == [1, 3]


def test_an_unknown_argument_is_refused(arch):
    with pytest.raises(InputError, match=r"Arch\.class_nun: TinyGhostNet takes no such key, did"):
        build(arch, class_nun=4)


def test_two_networks_in_one_process_share_no_optimizer_state(arch):
    """As teacher and student in distillation; the weight files keep the same names."""
    teacher, student = build(arch), build(arch)
    names = [{p.name for p in network.parameters()} for network in (teacher, student)]
    assert names[0].isdisjoint(names[1])
    assert teacher.state_dict().keys() == student.state_dict().keys()


def test_the_moving_average_copy_of_a_network_is_independent(arch):
    network = build(arch)
    average = copy.deepcopy(network)
    average.eval()
    images = paddle.ones([1, 3, 32, 32])
    before = average(images).numpy()
    for parameter in network.parameters():
        parameter.set_value(parameter * 2)
    assert network.training
    assert not any(layer.training for layer in average.sublayers())
    np.testing.assert_array_equal(average(images).numpy(), before)


def test_arch_pretrained_takes_a_path(arch, trained):
    network = build(arch, pretrained=str(trained))
    wanted = weights.read_state(trained)
    for name, tensor in network.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), wanted[name])


def test_arch_pretrained_of_another_network_is_refused(arch, trained):
    with pytest.raises(InputError, match="not the weights of GhostResNet20"):
        build(arch, "GhostResNet20", pretrained=str(trained))


def test_arch_pretrained_true_is_what_paddleclas_offers(arch, monkeypatch):
    from paddleclas.ppcls.arch.backbone.model_zoo import ghostnet

    asked = []
    monkeypatch.setattr(
        ghostnet,
        "load_dygraph_pretrain",
        lambda model, url, use_ssld: asked.append((url, use_ssld)),
    )
    build(arch, "GhostNet_x1_3", pretrained=True, use_ssld=True)
    assert asked == [(ghostnet.MODEL_URLS["GhostNet_x1_3"], True)]
    with pytest.raises(InputError, match="PaddleClas has no weights of TinyGhostNet; give a path"):
        build(arch, pretrained=True)


def test_arch_pretrained_is_refused_where_the_static_engine_would_lose_it(arch, trained):
    paddle.enable_static()
    with pytest.raises(InputError, match=r"give the weights in Global\.pretrained_model"):
        build(arch, pretrained=str(trained))


# ------------------------------------------------------------------------- with a checkout


@pytest.fixture(scope="session")
def checkout():
    path = os.environ.get("PPGHOST_PADDLECLAS")
    if not path:
        pytest.skip("PPGHOST_PADDLECLAS names no checkout of PaddleClas")
    return path


@pytest.fixture
def script(checkout, tmp_path):
    """Run one of the checkout's scripts from `tmp_path`; returns what it printed."""

    def call(name, *arguments):
        command = [sys.executable, "-m", "ppghost.paddleclas", checkout, name, *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        output = done.stdout + done.stderr
        assert done.returncode == 0, output[-2000:]
        return output

    return call


@pytest.fixture
def ghost_resnet(config_file):
    """`config_file` for an architecture that a new process knows, too."""
    content = yaml.safe_load(config_file.read_text())
    content["Arch"]["name"] = "GhostResNet20"
    content["Global"]["epochs"] = 1
    content["Metric"]["Train"] = content["Metric"]["Eval"]  # no top-5 of three classes in theirs
    config_file.write_text(yaml.safe_dump(content))
    return config_file


def figures(output, pattern):
    """The last figures that a script printed: (loss, top1)."""
    return tuple(float(x) for x in re.findall(pattern, output)[-1])


DYGRAPH = r"\[Avg\].*\bloss: ([\d.]+), top1: ([\d.]+)"
STATIC = r"END eval +loss: +([\d.]+) top1: +([\d.]+)"


def ours(run, file, weights):
    """(loss, top1) of `ppghost eval`."""
    code, out, error = run(
        "eval", "-c", file, "-o", f"Global.pretrained_model={weights}", "--json", "-"
    )
    assert code == 0, error
    result = yaml.safe_load(out)
    return result["loss"], result["top1"]


def test_paddleclas_trains_evaluates_exports_and_infers_our_network(
    script, ghost_resnet, shapes_dir, tmp_path, run
):
    output = script("tools/train.py", "-c", ghost_resnet, "-o", "Global.print_mem_info=True")
    assert "ours in place of PaddleClas's: GhostNet_x0_5, GhostNet_x1_0" in output
    assert "no effect" not in output  # print_mem_info has none in ppghost train
    [best] = tmp_path.glob("output/**/best_model.pdparams")
    trained = f"Global.pretrained_model={best.with_suffix('')}"
    evaluated = script("tools/eval.py", "-c", ghost_resnet, "-o", trained)
    expected = figures(evaluated, DYGRAPH)
    assert ours(run, ghost_resnet, best.with_suffix("")) == pytest.approx(expected, abs=1e-5)

    script("tools/export_model.py", "-c", ghost_resnet, "-o", trained)
    assert (tmp_path / "inference" / "inference.pdmodel").is_file()
    image = shapes_dir / "1.png"
    infer = ["-o", trained, "-o", f"Infer.infer_imgs={image}"]
    inferred = script("tools/infer.py", "-c", ghost_resnet, *infer)
    theirs = yaml.safe_load(re.findall(r"\[(\{'class_ids.*\})\]", inferred)[-1])

    exported = tmp_path / "ours"
    assert run("export", "-c", ghost_resnet, "-o", trained, "--output", exported)[0] == 0
    [predicted] = yaml.safe_load(run("predict", exported, image, "--json", "-")[1])
    assert [e["class_id"] for e in predicted["topk"]] == theirs["class_ids"]
    assert [e["score"] for e in predicted["topk"]] == pytest.approx(theirs["scores"], abs=1e-5)
    assert [e["label"] for e in predicted["topk"]] == theirs["label_names"]


def test_paddleclas_evaluates_what_we_trained(script, ghost_resnet, tmp_path, run):
    assert run("train", "-c", ghost_resnet)[0] == 0
    trained = tmp_path / "output" / "GhostResNet20" / "latest"
    weights = f"Global.pretrained_model={trained}"
    theirs = figures(script("tools/eval.py", "-c", ghost_resnet, "-o", weights), DYGRAPH)
    assert ours(run, ghost_resnet, trained) == pytest.approx(theirs, abs=1e-5)


def test_paddleclas_static_engine_trains_our_network(script, ghost_resnet, tmp_path, run):
    output = script("ppcls/static/train.py", "-c", ghost_resnet, "-o", "Global.save_interval=1")
    [trained] = tmp_path.glob("output/**/0/ppcls.pdparams")
    evaluated = figures(output, STATIC)
    assert ours(run, ghost_resnet, trained.with_suffix("")) == pytest.approx(evaluated, abs=1e-4)


def test_an_error_of_ours_inside_a_script_is_one_line(checkout, ghost_resnet, tmp_path):
    command = [sys.executable, "-m", "ppghost.paddleclas", checkout, "tools/train.py"]
    done = subprocess.run(
        [*command, "-c", str(ghost_resnet), "-o", "Arch.depht=3"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "ppghost: error: Arch.depht: GhostResNet20 takes no such key" in done.stderr
    assert "Traceback" not in done.stderr


BUILD_ENGINES = """
import sys
from ppcls.utils.config import get_config
from ppcls.engine.engine import Engine
for file in sys.argv[1:]:
    engine = Engine(get_config(file), mode="train")
    image, label = next(iter(engine.train_dataloader))
    loss = engine.train_loss_func(engine.model(image), label)["loss"]
    evaluated = next(iter(engine.eval_dataloader))[0].shape
    shown = engine.config["Infer"] and Engine(get_config(file), mode="infer").preprocess_func
    print("built", file, image.shape, evaluated, float(engine.lr_sch[0].get_lr()), float(loss))
"""


def test_paddleclas_builds_everything_from_our_configs(script, shapes_dir, tmp_path, run):
    """What `ppghost config show` prints, on a small data set: nothing refused, nothing missing."""
    overrides = ["Global.output_dir=" + str(tmp_path / "output")]
    for part, file in (("Train", "train_list.txt"), ("Eval", "val_list.txt")):
        where = f"DataLoader.{part}"
        overrides += [
            f"{where}.dataset.image_root={shapes_dir}",
            f"{where}.dataset.cls_label_path={shapes_dir / file}",
            f"{where}.sampler.batch_size=2",
            f"{where}.loader.num_workers=0",
        ]
    shown = []
    files = [f for f in ROOT.glob("configs/*/*.yaml") if "_base_:" in f.read_text()]
    files.remove(ROOT / "configs" / "demo" / "latency.yaml")  # never trained: no learning rate
    files = [f for f in files if f.parent.name != "detection"]  # PaddleClas has no detectors
    for file in files:
        arguments = [part for override in overrides for part in ("-o", override)]
        code, out, error = run("config", "show", "-c", file, *arguments)
        assert code == 0, error
        shown.append(tmp_path / file.name)
        shown[-1].write_text(out)
    (tmp_path / "build.py").write_text(BUILD_ENGINES)
    output = script(tmp_path / "build.py", *shown)
    assert len(re.findall(r"^built ", output, re.MULTILINE)) == len(files) > 3
