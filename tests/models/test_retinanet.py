"""RetinaNet: one prediction for each anchor, whatever the sizes, levels and widths."""

import paddle
import pytest

from ppghost.errors import InputError
from ppghost.models import factory
from ppghost.models.anchors import AnchorGrid
from ppghost.models.retinanet import read_arguments

SLIM = {"backbone": {"name": "SlimNet"}, "neck": {"width": 8}, "head": {"width": 8, "convs": 1}}


@pytest.mark.parametrize(
    ("levels", "size", "arguments"),
    [
        ((3, 7), (64, 64), {}),
        ((4, 6), (72, 100), {"anchors": {"scales_per_octave": 1, "aspect_ratios": [1.0, 2.0]}}),
        ((3, 5), (64, 96), {"neck": {"width": 8, "kernel": 3}}),
        ((5, 6), (65, 33), {"head": {"width": 8, "convs": 0, "kernel": 3}}),
        ((4, 5), (64, 64), {"head": {"width": 12, "convs": 2, "norm": "gn"}}),
    ],
)
@pytest.mark.usefixtures("dygraph")
def test_there_is_a_prediction_for_each_anchor(levels, size, arguments):
    network = factory.create_model("RetinaNet", class_num=2, levels=levels, **SLIM | arguments)
    outputs = network(paddle.rand([2, 3, *size]))
    count = len(AnchorGrid.of(levels, arguments.get("anchors")).boxes(*size))
    assert outputs["logits"].shape == [2, count, 2]
    assert outputs["deltas"].shape == [2, count, 4]


@pytest.mark.usefixtures("dygraph")
def test_levels_share_the_heads_and_begin_with_the_prior():
    network = factory.create_model("RetinaNet", class_num=2, **SLIM)
    heads = [name for name in network.state_dict() if name.startswith("head.")]
    assert len(heads) == 8  # classes and boxes: a convolution and a predictor, weight and bias
    scores = paddle.nn.functional.sigmoid(network(paddle.zeros([1, 3, 64, 64]))["logits"])
    assert float(scores.mean()) == pytest.approx(0.01, abs=0.002)


@pytest.mark.usefixtures("dygraph")
@pytest.mark.parametrize("rule", ["dilated_stem", "shortcuts", "relus"])
def test_each_rule_of_the_slim_backbone_changes_the_network(rule):
    def outputs(**arguments):
        paddle.seed(1)
        slim = SLIM | {"backbone": {"name": "SlimNet"} | arguments}
        network = factory.create_model("RetinaNet", class_num=2, **slim)
        network.eval()
        paddle.seed(2)
        return network(paddle.rand([1, 3, 64, 64]))["logits"].numpy()

    default = rule == "dilated_stem"
    assert (outputs(**{rule: default}) == outputs()).all()
    assert (outputs(**{rule: not default}) != outputs()).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": [2, 5]}, "give the first"),
        ({"levels": [6, 7]}, "give the first"),
        ({"levels": [3, 9]}, "give the first"),
        ({"neck": {"kernel": 2}}, "Arch.neck.kernel is 2: give 1 or 3"),
        ({"head": {"width": 0}}, "Arch.head.width: 0 is below 1"),
        ({"anchors": {"aspect_ratio": [1]}}, "did you mean aspect_ratios"),
        ({"backbone": "SlimNet_x2"}, "did you mean SlimNet"),
        ({"backbone": {"name": "SlimNet", "norm": "ln"}}, "Arch.backbone.norm"),
    ],
)
def test_arguments_that_make_no_detector_are_one_line(arguments, message):
    with pytest.raises(InputError) as error:
        read_arguments(arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
