"""Networks by name: what there is, and a user's own among them."""

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name

from ppghost.errors import InputError
from ppghost.models import factory, registry
from ppghost.models.arguments import accepted_arguments
from ppghost.models.layers import conv_bn_layer, fc_layer, global_pool
from ppghost.models.network import Network


@pytest.fixture
def names():
    """The registry as it was, after the test."""
    before = dict(registry.ARCHITECTURES)
    yield
    registry.ARCHITECTURES.clear()
    registry.ARCHITECTURES.update(before)


class Plain(paddle.nn.Layer):
    """Written for dygraph: it takes the batch size from its input."""

    def __init__(self, class_num=1000, width=4):
        super().__init__()
        self.conv = paddle.nn.Conv2D(3, width, 3)
        self.fc = paddle.nn.Linear(width, class_num)

    def forward(self, x):
        x = self.conv(x).mean([2, 3])
        return self.fc(x.reshape([x.shape[0], -1]))


def of_builders(class_num=1000, in_channels=3):
    def body(x):
        x = conv_bn_layer(x, 4, 3, act="relu", name="conv")
        return fc_layer(paddle.flatten(global_pool(x), 1), class_num, name="fc")

    return Network(body, in_channels)


def static_outputs(name, images, state):
    """The network's logits in static graph, with the weights `state` by structured name."""
    paddle.enable_static()
    main, startup, scope = paddle.static.Program(), paddle.static.Program(), paddle.static.Scope()
    with paddle.static.program_guard(main, startup), unique_name.guard():
        network = factory.create(name, class_num=5)
        logits = network(paddle.static.data("x", [None, 3, 8, 8]))
    executor = paddle.static.Executor()
    executor.run(startup, scope=scope)
    for key, tensor in network.state_dict().items():
        scope.var(tensor.name).get_tensor().set(state[key], paddle.CPUPlace())
    program = main.clone(for_test=True)
    return executor.run(program, feed={"x": images}, fetch_list=[logits], scope=scope)[0]


@pytest.mark.parametrize("constructor", [Plain, of_builders])
def test_a_network_of_ones_own_is_the_same_in_dygraph_and_static_graph(names, dygraph, constructor):
    assert registry.register_model("Own", constructor, family="Mine") is constructor
    assert "Own" in factory.list_models("ppghost")
    network = factory.create_model("Own", class_num=5)
    network.eval()
    images = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype("float32")
    expected = network(paddle.to_tensor(images)).numpy()
    state = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    np.testing.assert_allclose(static_outputs("Own", images, state), expected, rtol=1e-5, atol=1e-6)


def test_a_decorator_registers_too(names):
    assert registry.register_model("Own", input_shape=(1, 8, 8))(Plain) is Plain
    assert registry.ARCHITECTURES["Own"].input_shape == (1, 8, 8)


def test_a_name_that_is_taken_is_refused(names):
    registry.register_model("Own", Plain)
    registry.register_model("Own", Plain)  # a module that is imported again
    for taken in ("Own", "GhostNet_x1_0"):
        with pytest.raises(InputError, match=f"a network {taken} already; register another name"):
            registry.register_model(taken, of_builders)


def test_an_error_of_a_network_of_ones_own_stays_as_it_is(names, static):
    registry.register_model("Own", lambda class_num: {}["absent"])
    with pytest.raises(KeyError, match="absent"):
        factory.create("Own", class_num=5)


def test_a_key_that_the_network_does_not_take_is_named(names, static):
    registry.register_model("Own", Plain)
    with pytest.raises(InputError, match=r"Arch\.widht: Own takes no such key, did you mean width"):
        factory.create("Own", widht=3)


def test_models_are_listed_by_source():
    own, zoo = factory.list_models("ppghost"), factory.list_models("paddleclas")
    assert {"GhostNet_x1_3", "ResNet20", "MobileNetV2"} < set(own)
    assert {"ResNet50", "PPLCNet_x1_0"} < set(zoo)
    assert sorted(own + zoo) == factory.list_models()
    with pytest.raises(InputError, match="'timm' is none of ppghost, paddleclas"):
        factory.list_models("timm")


def test_two_networks_of_one_name_in_a_dygraph_process(dygraph):
    first, second = (factory.create_model("TinyGhostNet", class_num=3) for _ in range(2))
    assert first.state_dict().keys() == second.state_dict().keys()
    names = [parameter.name for net in (first, second) for parameter in net.parameters()]
    assert len(set(names)) == len(names)


def test_a_typo_that_kwargs_would_swallow_is_refused():
    name = "PPLCNet_x0_25"  # a function, a class, and **kwargs in both
    with pytest.raises(InputError, match=r"Arch\.droput_prob: .*did you mean dropout_prob\?"):
        factory.create(name, droput_prob=0.1)


def test_keys_are_found_along_every_way_that_kwargs_take():
    zoo = factory.paddleclas_architectures()
    unclear = {name for name, known in zoo.items() if accepted_arguments(known.build) is None}
    assert unclear == {"cae_base_patch16_224", "cae_large_patch16_224"}  # they copy their kwargs
    for name, key in (
        ("PPLCNet_x1_0", "stride_list"),  # super().__init__(**kwargs), self.init_net(**kwargs)
        ("ResNet50", "lr_mult_list"),
        ("ViT_base_patch16_224", "drop_path_rate"),
        ("GhostNet_x1_0", "class_num"),
    ):
        assert key in accepted_arguments(factory.find(name).build), name


def test_a_key_without_effect_that_asks_for_nothing_is_passed_over(dygraph, caplog):
    """PaddleClas's own StarNet files say `drop_rate: 0`, which nothing reads."""
    caplog.set_level("INFO", logger="ppghost")
    factory.create("StarNet_S1", drop_rate=0, class_num=2)
    assert "StarNet_S1 takes no such key" in caplog.text
