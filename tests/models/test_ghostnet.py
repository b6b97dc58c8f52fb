"""GhostNet against PaddleClas's own, at every scale."""

import numpy as np
import paddle
import pytest
import yaml
from paddle.utils import unique_name
from paddleclas.ppcls.arch import backbone
from support.building import building

from ppghost.analysis import complexity as analysis
from ppghost.config import loading as config
from ppghost.models import factory, ghostnet
from ppghost.static.program import assign, fetch
from ppghost.tasks.classification import Classification
from ppghost.training import program
from ppghost.training.schedules import learning_rate

SCALES = ["GhostNet_x0_5", "GhostNet_x1_0", "GhostNet_x1_3"]
#: trainable parameters, with BN statistics, conv + fc MACs at 224x224 (counted on PaddleClas's)
COUNTS = {
    "GhostNet_x0_5": (2_588_232, 2_601_776, 42_327_816),
    "GhostNet_x1_0": (5_183_016, 5_207_544, 141_149_744),
    "GhostNet_x1_3": (7_352_622, 7_383_718, 226_995_784),
}


def both(name, **arguments):
    """(PaddleClas's Layer, our Layer) with PaddleClas's weights and lively BN statistics."""
    paddle.seed(3)
    with unique_name.guard():
        theirs = getattr(backbone, name)(**arguments)
    for layer in theirs.sublayers():
        if isinstance(layer, paddle.nn.BatchNorm):
            layer._mean.set_value(paddle.randn(layer._mean.shape) * 0.1)
            layer._variance.set_value(paddle.rand(layer._variance.shape) + 0.5)
    with unique_name.guard():
        ours = factory.create(name, **arguments)
    ours.set_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.mark.parametrize("name", SCALES)
def test_names_shapes_order_and_counts_equal_paddleclas(dygraph, name):
    theirs, ours = both(name)
    described = [
        [(k, p.name, tuple(p.shape), p.stop_gradient) for k, p in net.state_dict().items()]
        for net in (theirs, ours)
    ]
    assert described[0] == described[1]
    assert [p.name for p in theirs.parameters()] == [p.name for p in ours.parameters()]
    assert len(described[1]) == 435
    assert len([d for d in described[1] if not d[3]]) == 273
    trainable, everything, _ = COUNTS[name]
    assert sum(int(np.prod(d[2])) for d in described[1]) == everything
    assert sum(int(np.prod(d[2])) for d in described[1] if not d[3]) == trainable


@pytest.mark.parametrize("name", SCALES)
def test_macs_of_the_built_program(static, name):
    trainable, _, macs = COUNTS[name]
    assert analysis.count_architecture(name) == (trainable, macs)


@pytest.mark.parametrize("name", SCALES)
def test_both_modes_compute_what_paddleclas_does(dygraph, name):
    theirs, ours = both(name, class_num=20)
    theirs.eval()
    ours.eval()
    weights = {p.name: p.numpy() for p in theirs.state_dict().values()}
    images = {n: np.random.default_rng(n).normal(size=(n, 3, 32, 32)).astype("f4") for n in (1, 3)}
    expected = {n: theirs(paddle.to_tensor(x)).numpy() for n, x in images.items()}
    layer = {n: ours(paddle.to_tensor(x)).numpy() for n, x in images.items()}

    paddle.enable_static()
    with building() as main:
        image = paddle.static.data("image", [None, 3, 32, 32])
        logits = factory.create(name, class_num=20)(image)
    scope, executor = paddle.static.Scope(), paddle.static.Executor()
    assign(scope, weights)
    with paddle.static.scope_guard(scope):
        for n, x in images.items():
            [static] = executor.run(
                main.clone(for_test=True), feed={"image": x}, fetch_list=[logits]
            )
            bound = 1e-5 * np.abs(expected[n]).max()
            np.testing.assert_allclose(layer[n], expected[n], rtol=1e-5, atol=bound)
            np.testing.assert_allclose(static, expected[n], rtol=1e-5, atol=bound)


def _sgd_config(path, name):
    settings = {
        "Global": {"image_shape": [3, 64, 64]},
        "Arch": {"name": name, "class_num": 20},
        "Loss": {"Train": [{"CELoss": {"weight": 1.0, "epsilon": 0.1}}]},
        "Optimizer": {"name": "SGD", "lr": {"name": "Constant", "learning_rate": 0.01}},
    }
    path.write_text(yaml.safe_dump(settings))
    return config.load_config(path)


def test_one_sgd_step_equals_paddleclas(dygraph, monkeypatch, tmp_path):
    name = SCALES[0]  # the others have the same ops
    monkeypatch.setattr(ghostnet, "dropout", lambda x, p, name: x)
    theirs, ours = both(name, class_num=20)
    theirs.dropout.p = 0.0
    before = {p.name: p.numpy().copy() for p in theirs.state_dict().values()}
    rng = np.random.default_rng(0)
    images = rng.normal(size=(4, 3, 64, 64)).astype("float32")
    labels = rng.integers(0, 20, (4, 1))

    losses, after = [], []
    for net in (theirs, ours):
        optimizer = paddle.optimizer.SGD(0.01, parameters=net.parameters())
        logits = net(paddle.to_tensor(images))
        target = paddle.nn.functional.label_smooth(
            paddle.nn.functional.one_hot(paddle.to_tensor(labels).flatten(), 20), epsilon=0.1
        )
        loss = paddle.nn.functional.cross_entropy(logits, target, soft_label=True)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
        after.append({p.name: p.numpy() for p in net.state_dict().values()})

    paddle.enable_static()
    settings = _sgd_config(tmp_path / "sgd.yaml", name)
    graph = program.build_training(
        settings, Classification(settings), learning_rate(settings, 1, 1)
    )
    scope, executor = paddle.static.Scope(), paddle.static.Executor()
    with paddle.static.scope_guard(scope):
        executor.run(graph.startup)
        assign(scope, before)
        feed = {"image": images, "label": labels}
        [loss] = executor.run(graph.program, feed=feed, fetch_list=[graph.outputs["loss"]])
    losses.append(float(loss))
    after.append(fetch(scope, list(before)))

    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] == pytest.approx(losses[0], rel=1e-5)
    moved = 0
    for key, expected in after[0].items():
        moved += not np.array_equal(expected, before[key])
        for updated in after[1:]:
            np.testing.assert_allclose(updated[key], expected, rtol=1e-4, atol=1e-4, err_msg=key)
    assert moved > 400  # nearly every tensor, BN statistics too


@pytest.mark.parametrize(("size", "channels"), [(32, 1), (48, 3), (96, 4)])
def test_input_size_channels_and_classes_are_free(static, size, channels):
    with building() as main:
        image = paddle.static.data("image", [None, channels, size, size])
        logits = factory.create("GhostNet_x0_5", class_num=7, in_channels=channels)(image)
    assert tuple(logits.shape) == (-1, 7)
    last_pool = [op for op in main.global_block().ops if op.type == "pool2d"][-1]
    feature = main.global_block().var(last_pool.input("X")[0]).shape
    assert feature[2:] == (-(-size // 32),) * 2  # five stages halve the image


def test_two_networks_in_one_process(dygraph):
    with unique_name.guard():
        first = factory.create("GhostNet_x0_5", class_num=4)
    with unique_name.guard():
        second = factory.create("GhostNet_x0_5", class_num=4)
    first.eval()
    second.eval()
    x = paddle.randn([1, 3, 32, 32])
    assert not np.allclose(first(x).numpy(), second(x).numpy())
    second.set_state_dict(first.state_dict())
    np.testing.assert_array_equal(first(x).numpy(), second(x).numpy())


def test_a_new_network_has_fresh_statistics_and_trains(dygraph):
    """Its parameters come from a pass over a blank image; that must leave no trace."""
    with unique_name.guard():
        network = factory.create("GhostNet_x0_5", class_num=4)
    layers = [n for n in network.sublayers() if isinstance(n, paddle.nn.BatchNorm)]
    assert len(layers) == 81
    for layer in layers:
        assert layer.training
        assert not layer._mean.numpy().any()
        assert (layer._variance.numpy() == 1).all()


def test_to_static_computes_the_same(dygraph):
    with unique_name.guard():
        network = factory.create("GhostNet_x0_5", class_num=4)
    network.eval()
    x = paddle.randn([2, 3, 32, 32])
    expected = network(x).numpy()
    converted = paddle.jit.to_static(network, full_graph=True)
    np.testing.assert_array_equal(converted(x).numpy(), expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(8, 8), (20.8, 20), (1248, 1248), (23.4, 24), (3, 4), (36 * 0.5, 20), (5, 8)],
)
def test_make_divisible(value, expected):
    assert ghostnet.make_divisible(value) == expected
