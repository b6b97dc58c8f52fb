"""ShuffleNet (version 1) against the paper: its arithmetic by numpy, its tables' counts."""

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from support import paddleclas_parity as parity
from support.building import building

from ppghost.analysis import complexity as analysis
from ppghost.errors import InputError
from ppghost.models import factory, registry, shufflenet_v1
from ppghost.models.layers import BN_EPSILON
from ppghost.models.network import Network

#: groups -> millions of MACs at scale 1 (paper, table 1); the classifier's are not in them
PAPER = {1: 143, 2: 140, 3: 137, 4: 133, 8: 137}
#: network -> (millions of parameters, of MACs), as the authors' release gives them
RELEASE = {
    "ShuffleNetV1_x0_5_g3": (0.7, 38),
    "ShuffleNetV1_x0_5_g8": (1.0, 40),
    "ShuffleNetV1_x1_0_g3": (1.9, 138),
    "ShuffleNetV1_x1_0_g8": (2.4, 138),
    "ShuffleNetV1_x1_5_g3": (3.4, 292),
    "ShuffleNetV1_x1_5_g8": (4.3, 290),
    "ShuffleNetV1_x2_0_g3": (5.4, 524),
    "ShuffleNetV1_x2_0_g8": (6.5, 522),
}


def convolve(x, kernel, groups=1, stride=1):
    """[N, C, H, W] by [out, C / groups, k, k], padded to keep the size, in float64."""
    out, per_group, size, _ = kernel.shape
    around = size // 2
    padded = np.pad(x, [(0, 0), (0, 0), (around, around), (around, around)])
    height, width = (-(-n // stride) for n in x.shape[2:])
    y = np.zeros((len(x), out, height, width))
    for o in range(out):
        first = o // (out // groups) * per_group  # the channels that this filter sees
        for i in range(size):
            for j in range(size):
                taken = padded[:, first : first + per_group, i::stride, j::stride]
                taken = taken[:, :, :height, :width]
                y[:, o] += (taken * kernel[o, :, i, j][:, None, None]).sum(axis=1)
    return y


class Oracle:
    """A unit's layers, by the structured names of its tensors."""

    def __init__(self, state):
        self.state = {key: tensor.numpy().astype("float64") for key, tensor in state.items()}

    def conv_bn(self, x, layer, **keys):
        x = convolve(x, self.state[f"unit.{layer}._conv.weight"], **keys)
        scale, offset, mean, variance = (
            self.state[f"unit.{layer}._batch_norm.{kind}"][:, None, None]
            for kind in ("weight", "bias", "_mean", "_variance")
        )
        return (x - mean) / np.sqrt(variance + BN_EPSILON) * scale + offset

    def unit(self, x, groups, stride, squeeze_in_groups):
        y = self.conv_bn(x, "conv1", groups=groups if squeeze_in_groups else 1).clip(min=0)
        per_group = y.shape[1] // groups
        # of each group the first channel, then of each the second, ...
        y = y[:, [g * per_group + i for i in range(per_group) for g in range(groups)]]
        y = self.conv_bn(y, "conv2", groups=y.shape[1], stride=stride)
        y = self.conv_bn(y, "conv3", groups=groups)
        if stride == 1:
            return (x + y).clip(min=0)
        ninth = np.full((x.shape[1], 1, 3, 3), 1 / 9)
        pooled = convolve(x, ninth, groups=x.shape[1], stride=2)
        return np.concatenate([pooled, y], axis=1).clip(min=0)


@pytest.mark.parametrize(
    ("groups", "stride", "squeeze_in_groups"),
    [(1, 1, True), (3, 1, True), (3, 2, True), (4, 2, False)],
)
def test_a_unit_computes_what_the_paper_draws(dygraph, groups, stride, squeeze_in_groups):
    channels, output = 24, 24 if stride == 1 else 72

    def body(x):
        return shufflenet_v1._unit(x, output, groups, stride, squeeze_in_groups, "unit")

    paddle.seed(1)
    with unique_name.guard():
        network = Network(body, channels)
    for key, tensor in network.state_dict().items():
        if key.rpartition(".")[0].endswith("_batch_norm"):
            tensor.set_value(paddle.rand(tensor.shape) + 0.5)
    network.eval()
    images = np.random.default_rng(0).normal(size=(2, channels, 5, 7)).clip(0).astype("float32")
    expected = Oracle(network.state_dict()).unit(images, groups, stride, squeeze_in_groups)
    parity.assert_close(network(paddle.to_tensor(images)).numpy(), expected)


def test_macs_are_those_of_the_papers_table():
    for groups, expected in PAPER.items():
        classifier = 4 * shufflenet_v1.WIDTHS[groups] * 1000
        macs = registry.complexity(f"ShuffleNetV1_x1_0_g{groups}")["macs"] - classifier
        assert round(macs / 1e6) == pytest.approx(expected, abs=0), groups


@pytest.mark.parametrize("name", RELEASE)
def test_counts_are_the_authors(name):
    counts, (params, macs) = registry.complexity(name), RELEASE[name]
    assert counts["params"] / 1e6 == pytest.approx(params, abs=0.051)
    assert counts["macs"] / 1e6 == pytest.approx(macs, abs=0.6)


@pytest.mark.parametrize("groups", shufflenet_v1.WIDTHS)
def test_counts_are_what_the_program_says(static, groups):
    name = f"ShuffleNetV1_x0_5_g{groups}"  # where some widths are rounded for the groups
    assert analysis.count_architecture(name)._asdict() == registry.complexity(name)


def test_both_modes_compute_the_same(dygraph):
    name = "ShuffleNetV1_x0_5_g3"
    with unique_name.guard():
        network = factory.create(name, class_num=20)
    network.eval()
    images = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype("float32")
    expected = network(paddle.to_tensor(images)).numpy()
    static = parity.static_logits(name, images, parity.arrays_of(network), class_num=20)
    parity.assert_close(static, expected)


@pytest.mark.parametrize(("stem_stride", "size"), [(2, 1), (1, 4)])
def test_a_stem_of_stride_1_is_for_32x32(static, stem_stride, size):
    with building() as main:
        image = paddle.static.data("image", [None, 1, 32, 32])
        network = factory.create(
            "ShuffleNetV1_x0_5_g8", class_num=10, in_channels=1, stem_stride=stem_stride
        )
        assert tuple(network(image).shape) == (-1, 10)
    last_pool = [op for op in main.global_block().ops if op.type == "pool2d"][-1]
    assert main.global_block().var(last_pool.input("X")[0]).shape[2:] == (size, size)


def test_names_are_the_scales_and_groups_of_the_paper():
    assert len(shufflenet_v1.NETWORKS) == 20
    for name in ("ShuffleNetV1_x1_5_g1", "ShuffleNetV1_x2_0_g8"):
        assert name in shufflenet_v1.NETWORKS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_num": 0}, r"Arch\.class_num of ShuffleNetV1_x1_0_g3 is 0"),
        ({"scale": 0}, r"Arch\.scale of ShuffleNetV1_x1_0_g3 is 0: give a number above 0"),
        ({"groups": 5}, r"Arch\.groups of .* is 5: give 1 or 2 or 3 or 4 or 8"),
        ({"groups": True}, r"Arch\.groups of ShuffleNetV1_x1_0_g3 "),
    ],
)
def test_impossible_arguments_are_named(static, arguments, message):
    with pytest.raises(InputError, match=message):
        factory.create("ShuffleNetV1_x1_0_g3", **arguments)
