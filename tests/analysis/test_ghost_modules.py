"""Ghost modules are found by their shape, and saved what equations 4 and 5 of their paper say."""

import pytest

from ppghost.analysis.complexity import analyze
from ppghost.analysis.ghost_modules import find_ghost_modules
from ppghost.models.ghost import ghost_module
from ppghost.models.layers import conv_bn_layer


@pytest.mark.parametrize(
    ("c", "n", "k", "s", "d"),
    [(16, 24, 1, 2, 3), (16, 24, 3, 2, 3), (16, 24, 3, 4, 5), (8, 12, 5, 3, 1)],
)
def test_speed_up_and_compression(pairs, c, n, k, s, d):
    graph, layers = pairs(lambda x: ghost_module(x, n, k, s, d, relu=s == 2), [1, c, 8, 8])
    [module] = find_ghost_modules(graph, layers)
    plain = n * c * k * k
    ghost = n / s * c * k * k + (s - 1) * n / s * d * d
    assert (module.plain_weights, module.weights) == (plain, ghost)
    assert module.speed_up == pytest.approx(64 * plain / (64 * ghost))
    assert module.compression == pytest.approx(plain / ghost)
    assert module.approximate == pytest.approx(s * c / (s + c - 1))
    assert module.ratio == s
    if d == k:  # the step from the exact to the approximate form
        assert module.speed_up == pytest.approx(module.approximate)


def test_maps_that_are_cut_off_do_not_count_as_given(pairs):
    graph, layers = pairs(lambda x: ghost_module(x, 5, 1, 2, 3), [1, 16, 8, 8])
    [module] = find_ghost_modules(graph, layers)
    assert (module.out_channels, module.plain_weights, module.weights) == (5, 80, 3 * 16 + 3 * 9)


@pytest.mark.parametrize("groups", [1, 16])
def test_other_concats_are_no_ghost_modules(pairs, groups):
    import paddle

    def build(x):
        first = conv_bn_layer(x, 16, 1)
        return paddle.concat([first, conv_bn_layer(x if groups == 16 else first, 16, 3,
                                                   groups=groups)], 1)  # fmt: skip

    graph, layers = pairs(build, [1, 16, 8, 8])
    assert find_ghost_modules(graph, layers) == []


def test_the_whole_network():
    found = analyze("TinyGhostNet", class_num=3)
    total = found.ghost_totals
    assert total.modules == len(found.ghost_modules) == 4
    saved = sum(module.plain_macs - module.macs for module in found.ghost_modules)
    assert total.network_speed_up == pytest.approx((found.macs + saved) / found.macs)
    assert 1 < total.network_compression < total.compression < 2
    assert total.ratio == 2
    assert analyze("ResNet20").ghost_totals is None
