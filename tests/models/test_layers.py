"""The builders, called one by one in a static Program."""

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name

from ppghost.models.ghost import ghost_bottleneck, ghost_module
from ppghost.models.layers import conv_bn_layer, conv_layer, depthwise_conv, fc_layer, se_block
from ppghost.models.network import Network

pytestmark = pytest.mark.usefixtures("static")


def build(builder, channels=6, size=9, **arguments):
    """Run a builder on random images; returns (output, {parameter name: shape}, op types)."""
    main, startup, scope = paddle.static.Program(), paddle.static.Program(), paddle.static.Scope()
    with paddle.static.program_guard(main, startup), unique_name.guard():
        image = paddle.static.data("image", [None, channels, size, size])
        out = builder(image, **arguments)
    executor = paddle.static.Executor()
    images = np.random.default_rng(0).normal(size=(2, channels, size, size)).astype("float32")
    with paddle.static.scope_guard(scope):
        executor.run(startup)
        [value] = executor.run(main.clone(for_test=True), feed={"image": images}, fetch_list=[out])
    shapes = {p.name: list(p.shape) for p in main.all_parameters()}
    return value, shapes, [op.type for op in main.global_block().ops]


def test_conv_bn_layer_names_its_parameters_as_paddleclas_does():
    out, shapes, _ = build(conv_bn_layer, num_filters=8, filter_size=3, stride=2, name="conv1")
    assert out.shape == (2, 8, 5, 5)
    assert shapes == {
        "conv1_weights": [8, 6, 3, 3],
        "conv1_bn_scale": [8],
        "conv1_bn_offset": [8],
        "conv1_bn_mean": [8],
        "conv1_bn_variance": [8],
    }


@pytest.mark.parametrize(("act", "negative"), [(None, True), ("relu", False)])
def test_conv_bn_layer_applies_its_activation(act, negative):
    out, _, _ = build(conv_bn_layer, num_filters=8, filter_size=1, act=act)
    assert (out.min() < 0) == negative


def test_depthwise_conv_is_emitted_as_one():
    out, shapes, ops = build(
        depthwise_conv, output=12, kernel_size=5, stride=2, name="block_depthwise"
    )
    assert out.shape == (2, 12, 5, 5)
    assert shapes["block_depthwise_depthwise_weights"] == [12, 1, 5, 5]
    assert "depthwise_conv2d" in ops
    assert "conv2d" not in ops


@pytest.mark.parametrize("dw_size", [1, 3, 5, 7])
@pytest.mark.parametrize(
    ("output", "ratio", "primary", "ghosts"),
    [(8, 2, 4, 4), (7, 2, 4, 4), (10, 3, 4, 8), (1, 2, 1, 1), (9, 4, 3, 9), (6, 1.5, 4, 4)],
)
def test_ghost_module_splits_any_count_at_any_ratio(output, ratio, primary, ghosts, dw_size):
    out, shapes, _ = build(
        ghost_module, output=output, ratio=ratio, dw_size=dw_size, stride=2, name="g"
    )
    assert out.shape == (2, output, 5, 5)
    assert shapes["g_primary_conv_weights"] == [primary, 6, 1, 1]
    assert shapes["g_cheap_operation_weights"] == [ghosts, 1, dw_size, dw_size]


def test_ghost_module_of_ratio_1_is_a_plain_convolution():
    out, shapes, _ = build(ghost_module, output=7, ratio=1, kernel_size=3, name="g")
    assert out.shape == (2, 7, 9, 9)
    assert [name for name in shapes if name.endswith("_weights")] == ["g_primary_conv_weights"]


def test_ghost_module_computes_the_papers_formula(dygraph):
    """The intrinsic maps come first and unchanged; ghost (i, j) depends on map i alone."""
    with unique_name.guard():
        module = Network(lambda x: ghost_module(x, 12, ratio=3, name="g"), in_channels=5)
    module.eval()
    primary = module.g.primary_conv
    x = paddle.randn([1, 5, 8, 8])
    out = module(x)
    intrinsic = primary._batch_norm(primary._conv(x))
    np.testing.assert_allclose(out[:, :4].numpy(), intrinsic.numpy(), rtol=1e-6)
    before = out.numpy()
    primary._batch_norm.bias.set_value(np.eye(4, dtype="float32")[1])  # moves intrinsic map 1
    changed = [c for c in range(12) if not np.allclose(module(x).numpy()[:, c], before[:, c])]
    assert set(changed) <= {1, 6, 7}
    assert 1 in changed


def test_ghost_module_refuses_a_ratio_below_1():
    with pytest.raises(ValueError, match=r"ratio 0\.5 is below 1"):
        build(ghost_module, output=8, ratio=0.5)


def test_se_block_gates_with_a_clip():
    out, shapes, ops = build(se_block, num_channels=6, reduction_ratio=2, name="b_se")
    assert out.shape == (2, 6, 9, 9)
    assert shapes["b_se_1_weights"] == [6, 3]
    assert shapes["b_se_2_offset"] == [6]
    assert "clip" in ops
    assert "hard_sigmoid" not in ops


@pytest.mark.parametrize(
    ("stride", "output", "convs"),
    # primary and cheap twice; +1 between at stride 2; +2 in a shortcut that is not the identity
    [(1, 6, 4), (1, 8, 6), (2, 6, 7)],
)
def test_ghost_bottleneck_has_a_shortcut_where_shapes_differ(stride, output, convs):
    out, shapes, _ = build(
        ghost_bottleneck,
        hidden_dim=12,
        output=output,
        kernel_size=3,
        stride=stride,
        use_se=False,
        name="b",
    )
    assert out.shape == (2, output, -(-9 // stride), -(-9 // stride))
    assert len([name for name in shapes if name.endswith("_weights")]) == convs


def test_a_network_wants_names_to_find_its_layers_again(dygraph):
    with pytest.raises(ValueError, match="needs a name"):
        Network(lambda x: conv_bn_layer(x, 4, 1))


def test_a_network_runs_the_sublayer_that_took_the_place_of_another(dygraph):
    """As quantisation, synchronised normalisation and PaddleClas's pruning do it."""
    with unique_name.guard():
        network = Network(lambda x: conv_bn_layer(x, 4, 3, name="stem.conv"))
    network.stem.conv._conv = paddle.nn.Conv2D(3, 5, 1)
    network.stem.conv._batch_norm = paddle.nn.Identity()
    assert network(paddle.zeros([1, 3, 8, 8])).shape == [1, 5, 8, 8]


def structured_names(rules, *names):
    """The state dict's keys of a Network of fully connected layers with these builder names."""

    def body(x):
        for name in names:
            x = fc_layer(x, 4, name=name)
        return x

    network = Network(body, structured_names=rules)
    network(paddle.zeros([1, 4]))
    return [key.removesuffix(".weight") for key in network.state_dict() if key.endswith("weight")]


def test_a_structured_name_replaces_a_whole_ending(static):
    rules = {".se_1": ".se.squeeze", ".b": ".c"}
    names = ("a.se_1", "a.se_10", "a.xse_1", "b.b", "b.b.d")
    with unique_name.guard():
        found = structured_names(rules, *names)
    assert found == ["a.se.squeeze", "a.se_10", "a.xse_1", "b.c", "b.b.d"]


def test_two_rules_for_one_name_are_an_error(static):
    with unique_name.guard(), pytest.raises(ValueError, match=r"a\.b\.c: both \.c and \.b\.c"):
        structured_names({".c": ".x", ".b.c": ".y"}, "a.b.c")


def test_the_bias_of_a_convolution_is_added_as_paddle_lite_merges_it(dygraph):
    """Along the channels, without a reshape before; in a program that to_static makes too."""
    with unique_name.guard():
        network = Network(lambda x: conv_layer(x, 6, 3, 2, 3, name="conv", bias=True))
    bias = paddle.to_tensor(np.arange(6, dtype="float32"))
    network.conv._conv.bias.set_value(bias)
    x = paddle.randn([2, 3, 9, 9])
    expected = network(x).numpy()
    converted = paddle.jit.to_static(network, full_graph=True)
    np.testing.assert_allclose(converted(x).numpy(), expected, rtol=1e-6, atol=1e-6)
    types = [op.type for op in converted.forward.concrete_program.main_program.block(0).ops]
    assert types == ["depthwise_conv2d", "elementwise_add"]
