"""The ghost family against timm, whose outputs for seeded weights stand in `timm_goldens.json`."""

import hashlib

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from support.seeded_weights import images
from support.timm_goldens import GOLDENS, ours, torch_state

from ppghost import weights
from ppghost.models import factory, registry
from ppghost.weights import torch_names


@pytest.mark.parametrize("timm_name", [n for n in GOLDENS["networks"] if n[:9] != "ghostnet_"])
def test_parameters_are_as_many_as_timm_counts(timm_name):
    name, _ = ours(timm_name)
    assert registry.complexity(name)["params"] == GOLDENS["networks"][timm_name]["params"]


# the others differ from these in widths alone
@pytest.mark.parametrize(
    "timm_name",
    [
        *("ghostnet_050", "ghostnet_130", "ghostnetv2_160", "ghostnetv3_050"),
        *("repghostnet_050", "repghostnet_058"),
    ],
)
def test_weights_of_timms_names_load_and_compute_the_same(dygraph, timm_name):
    golden, (name, arguments) = GOLDENS["networks"][timm_name], ours(timm_name)
    with unique_name.guard():
        network = factory.create(name, class_num=GOLDENS["class_num"], **arguments)
    network.eval()
    state, linear = torch_state(network)
    layout = repr(sorted((key, array.shape) for key, array in state.items()))
    assert hashlib.sha256(layout.encode()).hexdigest() == golden["layout"]

    specs = weights.tensor_specs(network)
    if name.startswith("GhostNetV3"):  # the authors' file has another order, and other names here
        state = {key.replace(".bn1.", ".bn."): state[key] for key in reversed(state)}
    found = weights.match(torch_names.translate(state, specs, linear, name), specs)
    network.set_state_dict(found.arrays, use_structured_name=False)
    actual = network(paddle.to_tensor(images(GOLDENS["size"]))).numpy()
    expected = np.array(golden["logits"])
    bound = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(actual[:, : expected.shape[1]], expected, rtol=1e-5, atol=bound)
