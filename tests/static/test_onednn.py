"""oneDNN's kernels in training: which ops run in them, and that they change nothing."""

import json

import numpy as np
import paddle
import pytest
from paddle.nn import functional

from ppghost import weights
from ppghost.config import loading as config
from ppghost.models import network, registry
from ppghost.models.layers import conv_layer, fc_layer, global_pool
from ppghost.models.network import Network
from ppghost.static.program import assign, fetch
from ppghost.tasks.classification import Classification
from ppghost.training import loop, program, schedules
from ppghost.training.distributed import Group

pytestmark = pytest.mark.usefixtures("static")


def test_onednn_trains_as_the_plain_kernels_do(config_file):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(8, 3, 64, 64)).astype("float32")
    labels = rng.integers(0, 3, (8, 1))
    after = []
    for onednn in (False, True):
        overrides = [f"Global.onednn={onednn}", "Global.image_shape=[3,64,64]"]
        settings = config.load_config(config_file, overrides)
        graph = program.build_training(
            settings, Classification(settings), schedules.learning_rate(settings, 1, 1)
        )
        ops = graph.program.global_block().ops
        marked = {op.type for op in ops if op.has_attr("use_mkldnn") and op.attr("use_mkldnn")}
        both = {
            f"{op}{end}" for op in ("conv2d", "depthwise_conv2d", "relu") for end in ("", "_grad")
        }
        assert marked == (both if onednn else set())
        scope, executor = paddle.static.Scope(), paddle.static.Executor()
        paddle.seed(0)
        with paddle.static.scope_guard(scope):
            executor.run(graph.startup)
            generator = paddle.framework.core.default_cpu_generator()
            for step in range(3):
                generator.manual_seed(step)  # the same dropout in both
                executor.run(graph.program, feed={"image": images, "label": labels})
        after.append(fetch(scope, [spec.parameter for spec in weights.tensor_specs(graph.network)]))
    for name, plain in after[0].items():
        np.testing.assert_allclose(after[1][name], plain, rtol=1e-3, atol=1e-3, err_msg=name)


def network_of(readers):
    """A builder of a network in which each of `readers` reads the output of a convolution."""

    def build(class_num=1000, in_channels=3):
        def body(x):
            x = functional.relu(conv_layer(x, 16, 3, stride=2, name="stem"))
            for i, read in enumerate(readers):
                x = read(conv_layer(x, 16, 3, name=f"conv{i}"))
            return fc_layer(paddle.flatten(global_pool(x), 1), class_num, name="fc")

        return Network(body, in_channels)

    return build


def steps(settings, count):
    """(losses, weights, Program) of so many training steps on one batch."""
    trainer = loop.Trainer(settings, paddle.CPUPlace(), Group())
    images = np.random.default_rng(0).normal(size=(4, 3, 32, 32)).astype("float32")
    figures = [
        trainer.steps.run(images, {"label": np.array([[0], [1], [2], [0]])}) for _ in range(count)
    ]
    state = trainer.state
    arrays = state.fetch([spec.parameter for spec in state.specs])
    return [named["loss"] for named, _ in figures], arrays, state.graph.program


def compare_with_plain_kernels(config_file, monkeypatch, readers):
    """The Program with oneDNN, after three steps that came to the same weights as without."""
    build = network_of(readers)
    monkeypatch.setitem(registry.ARCHITECTURES, "Readers", network.Architecture("Tiny", build))
    losses, arrays, onednn = {}, {}, None
    for used in (False, True):
        settings = config.load_config(config_file, ["Arch.name=Readers", f"Global.onednn={used}"])
        losses[used], arrays[used], onednn = steps(settings, 3)
    assert losses[False][2] != losses[False][0]
    np.testing.assert_allclose(losses[True], losses[False], rtol=1e-5)
    for name, plain in arrays[False].items():
        np.testing.assert_allclose(arrays[True][name], plain, rtol=1e-4, atol=1e-6, err_msg=name)
    return onednn.global_block().ops


def in_two(x):
    return paddle.add(*paddle.split(x, 2, axis=1))


def joined(x):
    """As in DenseNet, FasterNet and MixNet."""
    first, second = paddle.split(functional.relu(x), 2, axis=1)
    first = conv_layer(first, 8, 3, name="first")
    second = conv_layer(second, 8, 3, groups=8, name="second")
    return paddle.concat([first, second, x], axis=1)


#: whose gradients took plain memory for oneDNN's (`concat` to `strided_slice`), and others
READERS = {
    "concat": joined,
    "unfold": lambda x: functional.unfold(x, 2, 2).reshape([-1, 16, 8, 32]),
    "roll": lambda x: paddle.roll(x, 1, axis=2),
    "gather": lambda x: paddle.gather(x, paddle.arange(8), axis=1),
    "nearest_interp_v2": lambda x: functional.interpolate(x, scale_factor=2),
    "strided_slice": lambda x: x[:, :, ::2],
    "batch_norm": lambda x: paddle.nn.BatchNorm2D(16)(x),
    "conv2d": lambda x: conv_layer(x, 16, 1, name="conv_on_conv"),
    "depthwise_conv2d": lambda x: conv_layer(x, 16, 3, groups=16, name="depthwise_on_conv"),
    "dropout": lambda x: functional.dropout(x, 0.5),
    "elementwise_add": lambda x: paddle.add(x, x),
    "elementwise_mul": lambda x: x * x,
    "flatten_contiguous_range": lambda x: x.flatten(2).unsqueeze(-1),
    "gelu": functional.gelu,
    "hard_sigmoid": functional.hardsigmoid,
    "hard_swish": functional.hardswish,
    "leaky_relu": functional.leaky_relu,
    "pool2d": lambda x: functional.max_pool2d(x, 3, stride=1, padding=1),
    "relu": functional.relu,
    "relu6": functional.relu6,
    "reshape2": lambda x: x.reshape([-1, 16, 64, 4]),
    "shape": lambda x: x + paddle.shape(x)[1].astype("float32"),
    "sigmoid": functional.sigmoid,
    "silu": functional.silu,
    "slice": lambda x: x[:, 2:10],
    "split": in_two,
    "swish": functional.swish,
    "transpose2": lambda x: x.transpose([0, 1, 3, 2]),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_reader_of_convolutions_trains_as_after_plain_kernels(config_file, monkeypatch, kind):
    ops = compare_with_plain_kernels(config_file, monkeypatch, [READERS[kind]])
    [conv] = [op for op in ops if op.type == "conv2d" and "conv0" in op.input("Filter")[0]]
    assert conv.attr("use_mkldnn")
    written = conv.output("Output") + [
        name
        for op in ops
        if op.type == "transfer_layout" and op.input("X") == conv.output("Output")
        for name in op.output("Out")
    ]
    assert kind in {op.type for op in ops if set(written) & set(op.input_arg_names)}


def test_a_layout_is_kept_among_onednn_s_own_ops_and_changed_for_others(config_file, monkeypatch):
    """Paddle would change it as well, but hold both forms until the first step is over."""

    def chain(x):
        return conv_layer(functional.relu(x), 16, 3, name="next")

    ops = compare_with_plain_kernels(config_file, monkeypatch, [chain, READERS["batch_norm"]])
    changed = {name for op in ops if op.type == "transfer_layout" for name in op.output("Out")}
    into = {op.input("Filter")[0]: op for op in ops if op.type == "conv2d"}
    outputs = {name: op.output("Output")[0].removesuffix("@ONEDNN") for name, op in into.items()}
    assert outputs["conv0_weights"] not in changed  # ReLU reads it, and the next convolution that
    assert outputs["conv1_weights"] in changed  # batch_norm reads it
    assert f"{into['next_weights'].input('Input')[0]}@GRAD" not in changed
    assert f"{into['conv1_weights'].input('Input')[0]}@GRAD" not in changed


def test_a_1x1_convolution_is_left_to_mkl(config_file, monkeypatch):
    def reader(x):
        return conv_layer(conv_layer(x, 16, 1, name="product"), 16, 1, stride=2, name="strided")

    ops = compare_with_plain_kernels(config_file, monkeypatch, [reader])
    used = {
        (op.input("Filter")[0], op.type): op.attr("use_mkldnn")
        for op in ops
        if op.type.startswith("conv2d")
    }
    for kind in ("conv2d", "conv2d_grad"):
        assert not used["product_weights", kind]
        assert used["strided_weights", kind]


@pytest.mark.parametrize("activation", [functional.relu, functional.relu6])
def test_an_activation_of_a_convolution_may_be_read_by_others(config_file, monkeypatch, activation):
    def reader(x):
        x = activation(x)
        return paddle.concat([x, paddle.roll(x, 1, axis=2)], axis=1)

    ops = compare_with_plain_kernels(config_file, monkeypatch, [reader])
    kind = activation.__name__
    used = [op.attr("use_mkldnn") for op in ops if op.type in (kind, f"{kind}_grad")]
    assert len(used) == (4 if kind == "relu" else 2)  # the stem has a relu
    assert all(used)


@pytest.mark.parametrize("onednn", [False, True])
def test_evaluation_sees_weights_that_change_under_it(config_file, onednn):
    """oneDNN would cache the weights of the first run in an evaluation Program."""
    settings = config.load_config(config_file, [f"Global.onednn={onednn}"])
    graph = program.build_evaluation(settings, Classification(settings))
    scope, executor = paddle.static.Scope(), paddle.static.Executor()
    feed = {
        "image": np.random.default_rng(0).normal(size=(4, 3, 32, 32)).astype("float32"),
        "label": np.array([[0], [1], [2], [0]]),
    }
    name = "_ghostbottleneck_0_ghost_module_1_cheap_operation_weights"

    def run():
        [loss] = executor.run(graph.program, feed=feed, fetch_list=[graph.outputs["loss"]])
        return float(loss)

    with paddle.static.scope_guard(scope):
        executor.run(graph.startup)
        before = run()
        assign(scope, {name: fetch(scope, [name])[name] * -0.5 + 0.3})
        assert run() != before


def test_the_optimizer_comes_after_the_gradients(config_file, tmp_path):
    """Adam's kernel leaves the processor in a state that makes MKL's slow, and as soon as there is
    a gradient, the update from it could run."""
    adam = "Optimizer={name: Adam, lr: {name: Constant, learning_rate: 0.001}}"
    settings = config.load_config(config_file, [adam])
    file = tmp_path / "trace.json"
    with paddle.profiler.Profiler(
        targets=[paddle.profiler.ProfilerTarget.CPU],
        on_trace_ready=lambda profiler: profiler.export(str(file)),  # else into this folder
    ):
        steps(settings, 2)  # the first one leaves no trace
    events = json.loads(file.read_text())["traceEvents"]
    events = [event for event in events if event.get("ph") == "X"]
    order = [event["name"].split("[")[0] for event in sorted(events, key=lambda e: e["ts"])]
    updates = [place for place, op in enumerate(order) if op == "adam"]
    gradients = [place for place, op in enumerate(order) if op.endswith("_grad")]
    assert len(updates) > 20
    assert max(gradients) < min(updates)
