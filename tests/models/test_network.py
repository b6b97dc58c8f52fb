"""What all networks have in common."""

import paddle
import pytest
from paddle import nn

from ppghost.models import factory
from ppghost.models.network import named_state


class Shared(nn.Layer):
    """One layer under two names, a buffer that is not kept, a parameter that is not there."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2, bias_attr=False)
        self.second = nn.Sequential(self.first, nn.BatchNorm2D(3), nn.Linear(2, 2))
        self.register_buffer("passing", paddle.ones([2]), persistable=False)
        self.register_buffer("kept", paddle.ones([2]))
        self.absent = None


@pytest.mark.usefixtures("dygraph")
@pytest.mark.parametrize("make", [Shared, lambda: factory.create_model("TinyGhostNet")])
def test_the_state_is_paddles(make):
    network = make()
    expected = network.state_dict()
    found = named_state(network)
    assert list(found) == list(expected)
    assert all(found[name] is expected[name] for name in expected)
