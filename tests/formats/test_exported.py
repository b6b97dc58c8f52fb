"""Exported models in every form that Paddle ever wrote them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml
from support import ROOT

from ppghost.deploy.conversion.convert import convert
from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.latency import record
from ppghost.deploy.nb.model import load_models
from ppghost.errors import ConversionError, InputError
from ppghost.formats.exported import (
    CONFIG_FILE,
    FILES,
    MODEL_FILE,
    PARAMS_FILE,
    open_model,
    publish,
)
from ppghost.formats.operators import KNOWN
from ppghost.formats.program_desc import feed_names, load_program, parameter_names


@pytest.fixture
def copy(models, tmp_path) -> Path:
    """A copy of the model Both, to be changed."""
    return Path(shutil.copytree(models / "Both", tmp_path / "model"))


def split_parameters(folder: Path) -> list[str]:
    """Replace the one parameter file by one for each parameter, as Paddle 1.x wrote them."""
    graph = open_model(folder).program
    names = parameter_names(graph)
    paddle.enable_static()
    scope, executor = paddle.static.Scope(), paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(scope):
        paddle.static.load_inference_model(str(folder / "inference"), executor)
        save = paddle.static.Program()
        with paddle.static.program_guard(save):
            for name in names:
                variable = save.global_block().create_var(name=name, persistable=True)
                save.global_block().append_op(
                    type="save",
                    inputs={"X": [variable]},
                    attrs={"file_path": str(folder / name)},
                )
        executor.run(save)
    (folder / PARAMS_FILE).unlink()
    return names


def test_any_single_pair_is_found(copy, tmp_path):
    (copy / MODEL_FILE).rename(copy / "net.pdmodel")
    (copy / PARAMS_FILE).rename(copy / "net.pdiparams")
    result = convert(copy, "arm", tmp_path / "x.nb")
    assert result.source_files == ["net.pdmodel", "net.pdiparams"]


@pytest.mark.parametrize("params", ["__params__", "params"])
def test_old_pair_is_found(copy, tmp_path, params):
    (copy / MODEL_FILE).rename(copy / "__model__")
    (copy / PARAMS_FILE).rename(copy / params)
    assert convert(copy, "x86", tmp_path / "x.nb").source_files == ["__model__", params]


def test_a_file_for_each_parameter_gives_the_same_model(copy, tmp_path):
    together = convert(copy, "x86", tmp_path / "x.nb")
    names = split_parameters(copy)
    (copy / MODEL_FILE).rename(copy / "__model__")
    assert len(names) == 4
    apart = convert(copy, "x86", tmp_path / "y.nb")
    assert apart.source_files == ["__model__", *names]
    assert apart.info.content_sha256 == together.info.content_sha256
    (copy / names[1]).unlink()
    with pytest.raises(InputError, match=rf"1 of 4 are missing, the first: {names[1]}"):
        open_model(copy)


def test_without_inference_yml_the_folder_names_the_model(copy, tmp_path):
    (copy / CONFIG_FILE).unlink()
    result = convert(copy, "x86", tmp_path / "x.nb")
    assert (result.model, result.weights) == ("model", None)
    assert (result.params, result.macs) == (None, None)
    assert result.inputs == [{"name": "x", "shape": [1, 3, 32, 32]}]


def test_what_export_counted_comes_with_the_file_to_whoever_times_it(copy, tmp_path):
    config = yaml.safe_load((copy / CONFIG_FILE).read_text())
    config["Global"] |= {"params": 1234, "macs": "many"}
    (copy / CONFIG_FILE).write_text(yaml.safe_dump(config))
    made = convert(copy, "x86", tmp_path / "x.nb", command="ppghost convert x")
    (model,) = load_models([tmp_path / "x.nb"])
    # a count is a number, whoever wrote the file
    assert (model.params, model.macs) == (1234, None)
    assert (model.command, model.source_sha256) == ("ppghost convert x", made.source_sha256)
    timed = record.begin(model, HostDevice(), 1)
    assert (timed.params, timed.convert_command) == (1234, "ppghost convert x")
    assert (timed.source_sha256, timed.opt_version) == (made.source_sha256, "v2.13-rc")


def open_sizes(folder: Path) -> None:
    """Leave height and width of the input open."""
    model = open_model(folder)
    (variable,) = [var for var in model.program.blocks[0].vars if var.name == "x"]
    variable.type.lod_tensor.tensor.dims[2:] = [-1, -1]
    (folder / MODEL_FILE).write_bytes(model.program.SerializeToString())
    (folder / CONFIG_FILE).unlink()


def test_open_sizes_must_be_given(copy, tmp_path):
    open_sizes(copy)
    with pytest.raises(ConversionError, match=r"open sizes \[-1, 3, -1, -1\]; .*--input-shape"):
        convert(copy, "x86", tmp_path / "x.nb")
    result = convert(copy, "x86", tmp_path / "x.nb", input_shape=[1, 3, 32, 32])
    assert result.inputs == [{"name": "x", "shape": [1, 3, 32, 32]}]
    assert result.output_check["ok"]


@pytest.mark.parametrize("shape", [[1, 1, 32, 32], [3, 32, 32], [1, 3, 64, 64]])
def test_sizes_that_the_program_contradicts_are_refused(copy, tmp_path, shape):
    with pytest.raises(ConversionError, match=r"is \[-1, 3, 32, 32\] in the program, not"):
        convert(copy, "arm", tmp_path / "x.nb", input_shape=shape)


def test_two_models_in_one_folder_are_refused(copy):
    (copy / MODEL_FILE).rename(copy / "a.pdmodel")
    shutil.copyfile(copy / "a.pdmodel", copy / "b.pdmodel")
    with pytest.raises(InputError, match=r"several models in it \(a.pdmodel, b.pdmodel\)"):
        open_model(copy)


def test_what_is_missing_is_named(copy, tmp_path):
    with pytest.raises(InputError, match="none: no such folder"):
        open_model(tmp_path / "none")
    (copy / PARAMS_FILE).unlink()
    with pytest.raises(InputError, match=r"no inference\.pdiparams in it"):
        open_model(copy)
    (copy / MODEL_FILE).unlink()
    with pytest.raises(InputError, match=r"no inference\.pdmodel, .* or __model__"):
        open_model(copy)


@pytest.mark.parametrize("content", [b"", b"no protobuf at all"])
def test_damaged_program_is_an_input_error(copy, content):
    (copy / MODEL_FILE).write_bytes(content)
    with pytest.raises(InputError, match="not a Paddle program"):
        open_model(copy)


@pytest.mark.parametrize("content", ["[", "Global: 3", "- a list"])
def test_damaged_config_is_an_input_error(copy, content):
    (copy / CONFIG_FILE).write_text(content)
    with pytest.raises(InputError, match=r"inference\.yml: "):
        open_model(copy)


@pytest.mark.parametrize("kind", ["save", "py_func", "no_such_op"])
def test_operators_that_could_act_are_named_also_in_sub_blocks(copy, kind):
    graph = load_program(copy / MODEL_FILE)
    graph.blocks.add(idx=1, parent_idx=0).ops.add(type=kind)
    (copy / MODEL_FILE).write_bytes(graph.SerializeToString())
    with pytest.raises(InputError, match=rf"model/inference.pdmodel: .*harmless, {kind};"):
        open_model(copy)


def test_what_paddle_lite_converts_and_paddle_runs_is_known():
    """The list follows the tool: nothing that it and Paddle both know is missing but `print`."""
    from paddle.base import core
    from paddle.base.proto.framework_pb2 import OpProto

    from ppghost.deploy.conversion import opt

    registered = {OpProto.FromString(bytes(proto)).type for proto in core.get_all_op_protos()}
    for target in ("arm", "x86", "opencl,arm"):
        assert (opt.supported_operators(target) & registered) - KNOWN <= {"print"}
    assert registered >= KNOWN


def test_parameters_are_in_the_order_of_paddles_own_file(models):
    names = parameter_names(open_model(models / "GhostNet_x0_5").program)
    assert names == sorted(names)
    assert len(names) == 435
    assert np.unique(names).size == 435


def test_inputs_are_in_the_order_they_were_exported_in_not_in_that_of_the_feed_operators(copy):
    graph = load_program(copy / MODEL_FILE)
    (feed,) = [op for op in graph.blocks[0].ops if op.type == "feed"]
    second = graph.blocks[0].ops.add()
    second.CopyFrom(feed)
    second.outputs[0].arguments[0] = "y"
    for op, column in ((feed, 1), (second, 0)):
        next(attr for attr in op.attrs if attr.name == "col").i = column
    assert feed_names(graph) == ["y", "x"]


def test_a_program_is_read_without_paddle_which_then_has_the_same_messages(models):
    code = (
        "import sys, pathlib; from ppghost.formats import exported, program_desc\n"
        f"model = exported.open_model(pathlib.Path({str(models / 'Both')!r}))\n"
        "assert 'paddle' not in sys.modules\n"
        "from paddle.base.proto.framework_pb2 import ProgramDesc\n"
        "assert type(model.program) is ProgramDesc"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


class Stop(BaseException):
    """What ends a process, wherever it is."""


@pytest.fixture
def steps(monkeypatch, tmp_path):
    """Every change and flush that `publish` asks for, in order; `steps.stop` ends it before one."""

    class Steps(list):
        stop = None

    done = Steps()

    def watch(owner, name):
        real = getattr(owner, name)

        def step(*arguments, **options):
            if len(done) == done.stop:
                raise Stop
            done.append((name, described(arguments[0])))
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, step)

    def described(what):
        path = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else what
        return Path(path).name

    for owner, name in ((os, "fsync"), (os, "replace"), (Path, "unlink")):
        watch(owner, name)
    return done


def staged(folder: Path, content: str) -> Path:
    """A folder with the files of a model."""
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(content)
    return folder


def test_files_are_flushed_first_and_inference_yml_is_moved_when_the_others_lie_there(
    steps, tmp_path
):
    assert publish(staged(tmp_path / "stage", "new"), tmp_path / "output") == 9
    assert steps == [
        *(("fsync", name) for name in FILES),
        ("unlink", CONFIG_FILE),
        ("fsync", "output"),
        *(("replace", name) for name in (MODEL_FILE, PARAMS_FILE)),
        ("fsync", "output"),
        ("replace", CONFIG_FILE),
        ("fsync", "output"),
    ]


def test_a_publishing_that_is_ended_anywhere_leaves_a_whole_model_or_none(steps, tmp_path):
    seen = set()
    for stop in range(10):
        steps.clear()
        steps.stop = stop
        folder = tmp_path / str(stop)
        folder.mkdir()
        output = staged(folder / "output", "old")
        with pytest.raises(Stop):
            publish(staged(folder / "stage", "new"), output)
        if (output / CONFIG_FILE).exists():
            contents = {(output / name).read_text() for name in FILES}
            assert len(contents) == 1
            seen |= contents
    assert seen == {"old", "new"}
