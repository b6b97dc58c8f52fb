"""The networks that detectors stand on are PaddleClas's classifiers without their heads."""

import paddle
import paddleclas.ppcls.arch as zoo
import pytest

from ppghost.models.backbones import create_backbone


@pytest.mark.usefixtures("dygraph")
@pytest.mark.parametrize(
    ("name", "head"),
    [("ResNet18", ("fc.",)), ("ResNet50", ("fc.",)), ("MobileNetV2", ("conv9.", "out."))],
)
def test_a_backbone_has_its_classifiers_tensors(name, head):
    with paddle.utils.unique_name.guard():
        backbone = create_backbone(name, 3)
        backbone(paddle.zeros([1, 3, 32, 32]))
    with paddle.utils.unique_name.guard():  # both give their parameters names, the same ones
        whole = getattr(zoo, name)().state_dict()
    own = {key: tensor.shape for key, tensor in backbone.state_dict().items()}
    assert own == {key: value.shape for key, value in whole.items() if not key.startswith(head)}
