"""A network timed layer by layer: on this host and on a phone, again, and what cannot be."""

import json

import jsonschema
import pytest
from support.phone import BENCHMARK_BIN
from support.programs import export_program

from ppghost.analysis.complexity import count_macs
from ppghost.deploy.conversion import opt
from ppghost.deploy.latency.layer_shares import layer_shares
from ppghost.deploy.latency.results import load_result
from ppghost.deploy.latency.schema import json_schema
from ppghost.deploy.profiling.layers import bench_layers
from ppghost.deploy.profiling.profile import IDLE
from ppghost.deploy.profiling.shapes import with_known_shapes
from ppghost.errors import InputError
from ppghost.formats.exported import open_model
from ppghost.formats.program_desc import program_inputs

#: the smallest campaign that has intervals
SHORT = {"rounds": 6, "repeats": 1, "warmup": 0, "burst_warmup": 0}


@pytest.fixture(scope="module")
def measured(models, tmp_path_factory):
    """`Both` layer by layer on this host, and the file of it."""
    file = tmp_path_factory.mktemp("layers") / "r.json"
    return bench_layers(models / "Both", output=file, count_macs=count_macs, **SHORT), file


def test_every_layer_is_timed_with_the_whole_in_the_same_rounds(measured, models):
    result, file = measured
    [shares] = layer_shares(result)
    ops = [each.layer.ops for each in shares.shares]
    assert ops == [
        ["conv2d", "elementwise_add", "scale", "relu6"],
        ["flatten_contiguous_range", "mul", "elementwise_add"],
        ["softmax", "scale"],
    ]
    assert [each.model for each in result.results] == [
        "Both", IDLE, "conv2d_0", "linear_0", "softmax_0",
    ]  # fmt: skip
    assert shares.rounds == SHORT["rounds"]
    assert shares.plan.is_same_kernels
    whole = open_model(models / "Both").program
    known = with_known_shapes(whole, program_inputs(whole, None))
    assert sum(each.layer.macs for each in shares.shares) == count_macs(known) > 0
    document = json.loads(file.read_text())
    jsonschema.validate(document, json_schema())
    assert layer_shares(load_result(file)) == [shares]


def test_nothing_says_that_a_layer_computes_what_it_should(measured):
    whole, idle, *layers = measured[0].results
    assert whole.check == "x86"
    assert {each.check for each in (idle, *layers)} == {
        "none: one layer of a network, made to be timed"
    }


def test_a_second_run_converts_nothing_and_goes_on(measured, models, monkeypatch):
    result, file = measured

    def converted(*_):
        raise AssertionError("converted again")

    monkeypatch.setattr(opt, "run", converted)
    more = bench_layers(
        models / "Both", output=file, count_macs=count_macs, resume=True, **SHORT | {"rounds": 7}
    )
    assert [len(each.rounds) for each in more.results] == [7] * len(result.results)


def test_what_has_no_kernel_is_named_and_the_rest_is_timed(models, caplog):
    result = bench_layers(models / "Unsupported", **SHORT)
    [shares] = layer_shares(result)
    [untimed] = shares.plan.not_timed
    assert untimed.ops[0] == "erfinv"
    assert "no x86 kernel for: erfinv" in untimed.reason
    assert shares.whole_ms is None
    assert [each.layer.ops[0] for each in shares.shares] == ["tanh", "mul", "softmax"]
    assert "its layers are timed without the whole" in caplog.text


def test_equal_layers_are_timed_once(tmp_path):
    import paddle

    def thrice(x):
        for _ in range(3):
            x = paddle.static.nn.conv2d(x, 3, 3, padding=1, act="relu")
        return x

    folder = export_program(tmp_path / "thrice", thrice, {"x": [-1, 3, 8, 8]}, draw_vectors=True)
    [shares] = layer_shares(bench_layers(folder, **SHORT))
    assert [each.layer.layers for each in shares.shares] == [["conv2d_0", "conv2d_1"], ["conv2d_2"]]


def test_a_phone_is_timed_layer_by_layer_as_a_host_is(phone, models, tmp_path):
    result = bench_layers(
        models / "Both", [phone.serial], output=tmp_path / "r.json", benchmark_bin=BENCHMARK_BIN,
        **SHORT,
    )  # fmt: skip
    [shares] = layer_shares(result)
    assert shares.device["serial"] == phone.serial
    assert [each.layer.model for each in shares.shares] == ["conv2d_0", "linear_0", "softmax_0"]
    assert shares.rounds == SHORT["rounds"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{nb}/both.nb"], "a .nb cannot be cut at its layers; give the folder of the exported"),
        (["{nb}"], "a .nb cannot be cut at its layers"),
        (["{models}/Both", "{models}/Plain"], "give the folder of one exported model"),
        ([], "give the folder of one exported model"),
        (["{models}/Both", "--input-shape", "y=1,3,32,32"], "there is no input 'y'"),
    ],
)
def test_what_cannot_be_cut_is_refused_in_one_line(run, converted, models, arguments, message):
    filled = [each.format(nb=converted, models=models) for each in arguments]
    code, _, err = run("bench", "--layers", "--device", "host", *filled)
    assert code in (2, 4)
    assert message in err
    assert err.count("\n") == 1


def test_an_int8_model_is_refused(tmp_path, models):
    folder = tmp_path / "int8"
    model = open_model(models / "Both")
    model.program.blocks[0].ops.add(type="fake_quantize_dequantize_moving_average_abs_max")
    model.write(model.program, folder)
    with pytest.raises(InputError, match="an int8 model cannot be cut at its layers"):
        bench_layers(folder)


def test_the_command_prints_shares_and_keeps_layers_beside_the_result(run, models, tmp_path):
    file = tmp_path / "r.json"
    code, out, err = run(
        "bench", models / "Plain", "--layers", "--device", "host", "--rounds", "6", "--repeats",
        "1", "--json", file,
    )  # fmt: skip
    assert (code, len(list((tmp_path / "r_nb").glob("x86-*.nb")))) == (0, 5), err
    assert "share %" in out
    assert "of the whole's" in out
