"""What operators cost, against the closed formulas of the articles."""

import math

import paddle
import pytest
from paddle import nn
from paddle.nn import functional

from ppghost.models.layers import batch_norm, conv_layer, fc_layer, se_block

H = W = 14
FLOAT = 4


def conv(c1, c2, k=1, **options):
    return lambda x: nn.Conv2D(c1, c2, k, padding=k // 2, bias_attr=False, **options)(x)


def test_a_convolution(layers):
    [layer] = layers(conv(8, 24, 3, stride=2), [1, 8, H, W])
    assert (layer.kind, layer.type) == ("convolution", "conv2d")
    assert layer.macs == 7 * 7 * 24 * 8 * 9
    assert layer.flops == 2 * layer.macs
    assert layer.params == 24 * 8 * 9
    assert layer.activations == 24 * 49
    assert layer.memory_bytes == FLOAT * (8 * H * W + 24 * 49 + layer.params)
    assert layer.output_shape == (1, 24, 7, 7)
    assert layer.intensity == layer.flops / layer.memory_bytes


@pytest.mark.parametrize(("c1", "c2"), [(16, 16), (8, 32), (4, 64)])
def test_a_pointwise_convolution_moves_what_shufflenetv2_says(layers, c1, c2):
    """Eq. 1: MAC = hw(c1 + c2) + c1 c2; eq. 2: at least 2 sqrt(hwB) + B / hw, if c1 = c2."""
    [layer] = layers(conv(c1, c2), [1, c1, H, W])
    assert layer.kind == "pointwise"
    assert layer.memory_bytes == FLOAT * (H * W * (c1 + c2) + c1 * c2)
    bound = 2 * math.sqrt(H * W * layer.macs) + layer.macs / (H * W)
    assert layer.memory_bytes / FLOAT >= bound
    assert (layer.memory_bytes / FLOAT == pytest.approx(bound)) == (c1 == c2)


@pytest.mark.parametrize("groups", [2, 4])
def test_a_group_convolution_moves_what_shufflenetv2_says(layers, groups):
    """Eq. 3: MAC = hw c1 + B g / c1 + B / hw, where B = hw c1 c2 / g."""
    [layer] = layers(conv(16, 32, groups=groups), [1, 16, H, W])
    assert (layer.kind, layer.groups) == ("group", groups)
    assert layer.macs == H * W * 16 * 32 // groups
    moved = H * W * 16 + layer.macs * groups / 16 + layer.macs / (H * W)
    assert layer.memory_bytes == FLOAT * moved


def test_a_separable_convolution_costs_what_mobilenet_says(layers):
    """https://arxiv.org/abs/1704.04861, section 3.1: 1 / N + 1 / Dk^2 of a standard one."""
    n, k = 32, 3
    [standard] = layers(conv(16, n, k), [1, 16, H, W])

    def separable(x):
        return conv(16, n)(conv(16, 16, k, groups=16)(x))

    depthwise, pointwise = layers(separable, [1, 16, H, W])
    assert (depthwise.kind, depthwise.type) == ("depthwise", "depthwise_conv2d")
    both = depthwise.macs + pointwise.macs
    assert both / standard.macs == pytest.approx(1 / n + 1 / k**2)


@pytest.mark.parametrize("groups", [1, 3])
def test_a_shufflenet_unit_costs_what_its_paper_says(layers, groups):
    """https://arxiv.org/abs/1707.01083, section 3.2: hw(2cm / g + 9m) for c maps, m in between."""
    c, m = 24, 12

    def unit(x):
        x = functional.channel_shuffle(conv(c, m, groups=groups)(x), groups)
        return conv(m, c, groups=groups)(conv(m, m, 3, groups=m)(x))

    found = layers(unit, [1, c, H, W])
    assert sum(layer.macs for layer in found) == H * W * (2 * c * m // groups + 9 * m)
    shuffle = found[1]
    assert (shuffle.kind, shuffle.flops) == ("data movement", 0)
    assert shuffle.memory_bytes == FLOAT * 2 * m * H * W


def test_dilation_spreads_a_kernel_that_costs_the_same(layers):
    [dilated] = layers(
        lambda x: nn.Conv2D(8, 8, 3, padding=2, dilation=2, bias_attr=False)(x), [1, 8, H, W]
    )
    [plain] = layers(conv(8, 8, 3), [1, 8, H, W])
    assert (dilated.macs, dilated.memory_bytes) == (plain.macs, plain.memory_bytes)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_transposed_convolution_multiplies_each_input_by_its_groups_kernels(layers, groups):
    def build(x):
        options = {"stride": 2, "groups": groups, "bias_attr": False}
        return nn.Conv2DTranspose(8, 12, 4, padding=1, **options)(x)

    [layer] = layers(build, [1, 8, H, W])
    assert layer.kind == "transposed"
    assert layer.macs == H * W * 8 * (12 // groups) * 16
    assert layer.params == 8 * 12 // groups * 16
    assert layer.output_shape == (1, 12, 2 * H, 2 * W)


def test_a_fully_connected_layer_and_its_bias(layers):
    product, bias = layers(lambda x: fc_layer(x, 10), [1, 64])
    assert (product.kind, bias.kind) == ("fc", "bias")
    assert (product.macs, product.flops, bias.macs, bias.flops) == (640, 1280, 0, 10)
    assert (product.params, bias.params) == (640, 10)
    assert product.memory_bytes == FLOAT * (64 + 640 + 10)
    assert bias.memory_bytes == FLOAT * (10 + 10 + 10)
    assert bias.folds_into == product.name


def test_the_bias_of_a_convolution(layers):
    convolution, bias = layers(lambda x: conv_layer(x, 16, 1, bias=True), [1, 8, H, W])
    assert (bias.kind, bias.params, bias.flops) == ("bias", 16, 16 * H * W)
    assert bias.memory_bytes == FLOAT * (2 * 16 * H * W + 16)
    assert bias.folds_into == convolution.name


def test_attention(layers):
    """Two products of T x T x d for each head, none with a parameter."""
    heads, tokens, depth = 3, 10, 8

    def attend(q, k, v):
        weights = functional.softmax(paddle.matmul(q, k, transpose_y=True))
        return paddle.matmul(weights, v)

    scores, softmax, mixed = layers(attend, *3 * [[1, heads, tokens, depth]])
    assert scores.kind == mixed.kind == "matmul"
    assert scores.macs == mixed.macs == heads * tokens * tokens * depth
    assert softmax.flops == 5 * heads * tokens * tokens
    assert scores.memory_bytes == FLOAT * heads * (2 * tokens * depth + tokens * tokens)


@pytest.mark.parametrize(
    ("build", "shapes", "macs"),
    [
        (lambda x, y: paddle.matmul(x, y, transpose_x=True), ([5, 3], [5, 7]), 3 * 5 * 7),
        (lambda x, y: paddle.bmm(x, y), ([4, 3, 5], [4, 5, 7]), 4 * 3 * 5 * 7),
        (lambda x, y: paddle.matmul(x, y), ([4, 3, 5], [5, 7]), 4 * 3 * 5 * 7),
        (lambda x, y: paddle.mv(x, y), ([3, 5], [5]), 15),
        (lambda x, y: paddle.static.nn.fc(x, 7), ([2, 3, 4], [1]), 2 * 12 * 7),
    ],
)
def test_products_of_matrices(layers, build, shapes, macs):
    assert layers(build, *shapes)[0].macs == macs


def test_batch_norm_by_itself_and_folded(layers):
    def build(x):
        return batch_norm(conv_layer(x, 16, 1), act="relu")

    convolution, norm, relu = layers(build, [1, 8, H, W])
    values = 16 * H * W
    assert (norm.kind, norm.macs, norm.flops, norm.params) == ("norm", 0, 2 * values, 32)
    assert norm.memory_bytes == FLOAT * (2 * values + 4 * 16)
    assert (relu.kind, relu.flops, relu.memory_bytes) == ("activation", values, 8 * values)
    assert norm.folds_into == relu.folds_into == convolution.name


def test_what_others_read_too_does_not_fold(layers):
    def build(x):
        x = conv_layer(x, 16, 1)
        return batch_norm(x) + x

    _, norm, add = layers(build, [1, 8, H, W])
    assert norm.folds_into is None
    assert (add.kind, add.flops, add.memory_bytes) == (
        "element-wise", 16 * H * W, 3 * FLOAT * 16 * H * W
    )  # fmt: skip


def test_squeeze_and_excitation(layers):
    found = layers(lambda x: se_block(x, 16), [1, 16, H, W])
    kinds = [layer.kind for layer in found]
    assert kinds == ["pooling", "fc", "bias", "activation", "fc", "bias", "activation",
                     "element-wise"]  # fmt: skip
    assert sum(layer.macs for layer in found) == 2 * 16 * 4
    assert found[0].flops == 16 * H * W
    assert found[-1].memory_bytes == FLOAT * (2 * 16 * H * W + 16)


@pytest.mark.parametrize(
    ("build", "flops", "values"),
    [
        (lambda x: functional.max_pool2d(x, 3, 2, 1), 9 * 8 * 49, 8 * (H * W + 49)),
        (lambda x: functional.adaptive_avg_pool2d(x, 1), 8 * H * W, 8 * (H * W + 1)),
        (lambda x: functional.avg_pool2d(x, 2), 4 * 8 * 49, 8 * (H * W + 49)),
        (lambda x: paddle.mean(x, [2, 3]), 8 * H * W, 8 * (H * W + 1)),
        (lambda x: paddle.concat([x, x], 1), 0, 8 * H * W + 16 * H * W),
        (lambda x: paddle.transpose(x, [0, 2, 3, 1]), 0, 2 * 8 * H * W),
        (lambda x: x[:, :2], 0, 2 * 2 * H * W),
        (lambda x: functional.interpolate(x, scale_factor=2), 0, 5 * 8 * H * W),
        (lambda x: x * x, 8 * H * W, 2 * 8 * H * W),
        (lambda x: x * 2 + 1, 8 * H * W, None),
    ],
)
def test_what_multiplies_no_matrices(layers, build, flops, values):
    layer = layers(build, [1, 8, H, W])[0]
    assert (layer.macs, layer.flops) == (0, flops)
    assert values is None or layer.memory_bytes == FLOAT * values


def test_views_are_no_layers(layers):
    def build(x):
        x = paddle.reshape(x, [1, 2, 4, H, W])
        return paddle.unsqueeze(paddle.flatten(functional.dropout(x, training=False), 1), 2)

    assert layers(build, [1, 8, H, W]) == []


def test_dropout_that_scales_at_inference_computes(layers):
    def build(x):
        return functional.dropout(x, 0.2, mode="downscale_in_infer", training=False)

    [layer] = layers(build, [1, 8])
    assert (layer.flops, layer.memory_bytes) == (8, FLOAT * 16)


def test_a_recurrent_layer_multiplies_its_matrices_at_each_step(layers):
    found = layers(lambda x: nn.LSTM(6, 5)(x)[0], [1, 4, 6])
    [rnn] = [layer for layer in found if layer.kind == "recurrent"]
    assert rnn.macs == 4 * (4 * 5 * 6 + 4 * 5 * 5)


def test_a_shared_parameter_is_counted_once(layers):
    def build(x):
        product = nn.Linear(6, 6, bias_attr=False)
        return product(product(x))

    first, second = layers(build, [1, 6])
    assert (first.params, second.params) == (36, 0)
    assert first.macs == second.macs == 36


def test_what_depends_on_values_is_not_counted(layers):
    def build(x):
        count = paddle.full([1], 0, "int64")
        return paddle.static.nn.while_loop(
            lambda i, y: i < 3, lambda i, y: [i + 1, nn.Linear(6, 6)(y)], [count, x]
        )[1]

    loop = next(layer for layer in layers(build, [1, 6]) if layer.type == "while")
    assert (loop.macs, loop.flops, loop.memory_bytes, loop.is_known) == (None, None, None, False)
