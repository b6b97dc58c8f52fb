"""Networks written for dygraph, in a static Program."""

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from support.building import building

from ppghost import weights
from ppghost.config import loading as config
from ppghost.errors import InputError
from ppghost.inference.export import export
from ppghost.models import dy2static, factory, network
from ppghost.static.program import Graph, fetch, initialize
from ppghost.training import loop
from ppghost.training.evaluation import evaluate

IMAGES = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


class Dygraph(paddle.nn.Layer):
    """What PaddleClas's networks do that a static graph cannot: compute while they are built, hold
    tensors that are no parameters, use the batch size, ask for the phase, and cache in `eval`.
    """

    def __init__(self, class_num=5):
        super().__init__()
        self.fc = paddle.nn.Linear(4, class_num)
        self.fc.weight.set_value(self.fc.weight * 0.5)
        self.unused = paddle.nn.Linear(2, 2)
        self.register_buffer("order", paddle.arange(class_num - 1, -1, -1))
        self.plain = [paddle.to_tensor([1.0] * (class_num - 1) + [7.0])]

    def eval(self):
        raise AssertionError("computes constants from the weights as they are now")

    def forward(self, x):
        batch = x.shape[0]
        token = paddle.zeros([batch, 1]).expand([batch, 4])
        x = self.fc(x + token) * self.plain[0]
        x = paddle.index_select(x, self.order, axis=1)
        return x + 100 if self.training else x


def build(training=False):
    """(network, scope, what it gives for IMAGES in a Program)."""
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, startup), unique_name.guard():
        paddle.seed(3)
        network = dy2static.construct(Dygraph, class_num=5)
        if not training:
            dy2static.set_eval_mode(network)
        outputs = network(paddle.static.data("x", [None, 4]))
    scope, executor = paddle.static.Scope(), paddle.static.Executor()
    graph = Graph(main, startup, [], {}, network)
    with paddle.static.scope_guard(scope):
        initialize(executor, graph, seed=0, scope=scope)
        [values] = executor.run(main, feed={"x": IMAGES}, fetch_list=[outputs])
    return network, scope, values


@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_dygraphs(static, training):
    _, _, values = build(training)
    paddle.disable_static()
    try:
        with unique_name.guard():
            paddle.seed(3)
            reference = Dygraph(class_num=5)
        reference.training = training
        expected = reference(paddle.to_tensor(IMAGES)).numpy()
    finally:
        paddle.enable_static()
    assert values.shape == (3, 5)
    np.testing.assert_array_equal(values, expected)


def test_every_tensor_of_the_state_is_in_the_scope_by_both_names(static):
    network, scope, _ = build()
    specs = {spec.structured: spec for spec in weights.tensor_specs(network)}
    assert set(specs) == {"fc.weight", "fc.bias", "unused.weight", "unused.bias", "order"}
    arrays = fetch(scope, [spec.parameter for spec in specs.values()])
    for spec in specs.values():
        assert arrays[spec.parameter].shape == tuple(spec.shape)


def test_the_first_values_are_handed_over_once(static):
    network, _, _ = build()
    assert dy2static.pop_initial_values(network) == {}


def test_the_process_is_in_static_mode_even_when_a_constructor_fails(static):
    def broken():
        raise ValueError("no such width")

    with pytest.raises(ValueError, match="no such width"):
        dy2static.construct(broken)
    assert not paddle.in_dynamic_mode()


def offer(monkeypatch, constructor):
    """Make `constructor` the one network of PaddleClas's, named Net."""
    found = {"Net": network.Architecture("Net", constructor, static=False)}
    monkeypatch.setattr(factory, "paddleclas_architectures", lambda: found)


def test_a_network_that_would_download_its_weights_does_not(static, monkeypatch):
    def net(pretrained=True, class_num=5):
        asked.append(pretrained)
        return Dygraph(class_num)

    asked: list[bool] = []
    offer(monkeypatch, net)
    with building():
        factory.create("Net", class_num=4)
    assert asked == [False]


def test_a_defect_of_paddleclas_is_one_line(static, monkeypatch):
    def net(class_num=5):
        return undefined_in_paddleclas  # noqa: F821

    offer(monkeypatch, net)
    with pytest.raises(InputError, match=r"Net cannot be built .*'undefined_in_paddleclas' is not"):
        factory.create("Net")


class Images(Dygraph):
    """For images: the means of four of their columns are the inputs."""

    def forward(self, x):
        x = self.fc(x.mean([1, 2])[:, :4]) * self.plain[0]
        return paddle.index_select(x, self.order, axis=1)


def test_one_that_was_never_trained_is_exported_with_its_constants(
    static, monkeypatch, config_file, tmp_path
):
    """The network is built twice, once to see a batch of noise; each has constants of its own."""
    offer(monkeypatch, Images)
    settings = config.load_config(config_file, ["Arch={name: Net, class_num: 5}"])
    export(settings, tmp_path / "model", random_weights=True)
    scope, executor = paddle.static.Scope(), paddle.static.Executor()
    with paddle.static.scope_guard(scope):
        model = paddle.static.load_inference_model(str(tmp_path / "model/inference"), executor)
        feed = {"image": np.ones((2, 3, 32, 32), "float32")}
        [scores] = executor.run(model[0], feed=feed, fetch_list=model[2])
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)


def test_a_table_of_whole_numbers_is_one_after_a_checkpoint_too(
    static, monkeypatch, config_file, tmp_path, caplog
):
    """`eval` and fine-tuning made it one of float32, with which it is no index."""
    offer(monkeypatch, Images)
    overrides = ["Arch={name: Net, class_num: 5}", "Global.epochs=1"]
    settings = config.load_config(config_file, [*overrides, "Global.eval_during_train=True"])
    trained = loop.train(settings)
    settings["Global"]["pretrained_model"] = str(tmp_path / "output/Net/latest")
    assert evaluate(settings)["loss"] == pytest.approx(trained["loss"])
    assert "not used" not in caplog.text
    settings["Arch"]["pretrained"] = settings["Global"]["pretrained_model"]
    assert loop.train(settings)["train"]["loss"] < trained["train"]["loss"]
