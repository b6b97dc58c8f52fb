"""What the MobileNets may be asked for: sizes, widths, a stem for 32x32, and what is refused."""

import copy

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from support.building import building

from ppghost.analysis import complexity as analysis
from ppghost.errors import InputError
from ppghost.models import factory, registry

SMALLEST = ["MobileNetV1_x0_25", "MobileNetV2_x0_25", "MobileNetV3_small_x0_35"]
#: million MACs of MobileNetV1 by width (paper, table 6)
PUBLISHED_MACS = {
    "MobileNetV1": 569,
    "MobileNetV1_x0_75": 325,
    "MobileNetV1_x0_5": 149,
    "MobileNetV1_x0_25": 41,
}


def final_maps(name, size, channels=3, **arguments):
    """(shape of the logits, height and width before the pooling) in static graph."""
    with building() as main:
        image = paddle.static.data("image", [None, channels, *size])
        network = factory.create(name, class_num=7, in_channels=channels, **arguments)
        logits = network(image)
    last_pool = [op for op in main.global_block().ops if op.type == "pool2d"][-1]
    maps = main.global_block().var(last_pool.input("X")[0]).shape
    return tuple(logits.shape), tuple(maps[2:])


@pytest.mark.parametrize("name", SMALLEST)
def test_image_size_channels_classes_and_the_stem_are_free(static, name):
    assert final_maps(name, (48, 65), channels=1) == ((-1, 7), (2, 3))
    assert final_maps(name, (32, 32), stem_stride=1) == ((-1, 7), (2, 2))
    assert final_maps(name, (-1, -1)) == ((-1, 7), (-1, -1))


@pytest.mark.parametrize("name", SMALLEST)
def test_the_file_of_complexities_is_what_the_program_says(static, name):
    assert analysis.count_architecture(name)._asdict() == registry.complexity(name)


def test_published_counts():
    rounded = {name: round(registry.complexity(name)["macs"] / 1e6) for name in PUBLISHED_MACS}
    assert rounded == PUBLISHED_MACS


def test_without_the_first_expansion_v2_has_the_papers_300_million():
    extra = 32 * 32 * 112 * 112  # the 1x1 convolution that PaddleClas has there
    assert round((registry.complexity("MobileNetV2")["macs"] - extra) / 1e6) == 301


@pytest.mark.parametrize("name", SMALLEST)
def test_every_width_leaves_a_channel(static, name):
    assert final_maps(name, (32, 32), scale=0.001)[0] == (-1, 7)


def test_any_scale_is_that_of_the_name(static):
    own = analysis.count_architecture("MobileNetV1_x0_25")
    assert analysis.count_architecture("MobileNetV1", scale=0.25) == own


def test_v3_without_dropout_and_with_a_narrower_head(static):
    with building() as main:
        network = factory.create(SMALLEST[2], class_num=7, dropout_prob=None, class_expand=40)
        network(paddle.static.data("image", [None, 3, 32, 32]))
    assert "dropout" not in {op.type for op in main.global_block().ops}
    assert tuple(network.state_dict()["fc.weight"].shape) == (40, 7)


def test_a_copy_is_independent_and_a_second_network_has_the_same_names(dygraph):
    networks = []
    for _ in range(2):
        with unique_name.guard():
            networks.append(factory.create(SMALLEST[0], class_num=3))
    names = [[p.name for p in network.parameters()] for network in networks]
    assert names[0] == names[1]
    first = copy.deepcopy(networks[0])
    first.eval()
    x = paddle.randn([1, 3, 32, 32])
    before = first(x).numpy()
    networks[0].fc.bias.set_value(paddle.ones([3]))
    np.testing.assert_array_equal(first(x).numpy(), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_num": 0}, r"Arch\.class_num of MobileNetV3_small_x0_35 is 0"),
        ({"scale": 0}, r"Arch\.scale of MobileNetV3_small_x0_35 is 0: give a number above 0"),
        ({"stem_stride": 3}, r"stem_stride of .* is 3: give 2, or 1 for images of 32x32"),
        ({"dropout_prob": 1.5}, r"dropout_prob of .* is 1\.5: give a number from 0 to below 1"),
        ({"class_expand": 0}, r"class_expand of .* is 0"),
        ({"layout": "timm"}, r"layout of .* is 'timm': give paddleclas or torchvision"),
        ({"return_stages": True}, r"Arch\.return_stages: .* takes no such key"),
        ({"return_patterns": []}, r"Arch\.return_patterns: .* takes no such key"),
    ],
)
def test_impossible_arguments_are_named(static, arguments, message):
    with pytest.raises(InputError, match=message):
        factory.create(SMALLEST[2], **arguments)


def test_v2s_other_data_format_is_refused(static):
    with pytest.raises(InputError, match=r"Arch\.data_format: MobileNetV2 takes no such key"):
        factory.create("MobileNetV2", data_format="NHWC")
