"""The ghost family against timm, whose outputs for seeded weights stand in `timm_goldens.json`."""

import hashlib
import json
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from support import torch_layout
from support.seeded_weights import images, seeded

from ppghost import weights
from ppghost.models import factory, registry
from ppghost.models.ghostnet import scale_suffix
from ppghost.static.program import assign

GOLDENS = json.loads(Path(__file__).with_name("timm_goldens.json").read_text())
FAMILIES = {"ghostnetv2": "GhostNetV2", "ghostnetv3": "GhostNetV3", "repghostnet": "RepGhost"}
#: how Paddle calls BN's statistics -> how PyTorch does
STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}


def ours(timm_name):
    """(our architecture, its arguments) for a network of timm's."""
    family, _, percent = timm_name.partition("_")
    name = f"{FAMILIES.get(family, 'GhostNet')}_{scale_suffix(int(percent) / 100)}"
    return name, {} if family in FAMILIES else {"layout": "timm"}


def torch_state(network):
    """A state dict of seeded weights with the names and layouts that PyTorch has for a network."""
    linear = {n.weight.name for n in network.sublayers() if isinstance(n, paddle.nn.Linear)}
    state = {}
    for spec in weights.tensor_specs(network):
        path, _, kind = spec.structured.rpartition(".")
        name = f"{path}.{STATISTICS.get(kind, kind)}"
        shape = spec.shape[::-1] if spec.parameter in linear else spec.shape
        state[name] = seeded(name, shape)
    return state


@pytest.mark.parametrize("timm_name", [n for n in GOLDENS["networks"] if n[:9] != "ghostnet_"])
def test_parameters_are_as_many_as_timm_counts(timm_name):
    name, _ = ours(timm_name)
    assert registry.complexity(name)["params"] == GOLDENS["networks"][timm_name]["params"]


@pytest.mark.parametrize(
    "timm_name",
    ["ghostnet_050", "ghostnet_130", "ghostnetv2_160", "ghostnetv3_050", "repghostnet_058"],
)
def test_weights_of_timms_names_load_and_compute_the_same(static, tmp_path, timm_name):
    golden, (name, arguments) = GOLDENS["networks"][timm_name], ours(timm_name)
    main, scope = paddle.static.Program(), paddle.static.Scope()
    with paddle.static.program_guard(main, paddle.static.Program()), unique_name.guard():
        image = paddle.static.data("image", [None, 3, GOLDENS["size"], GOLDENS["size"]])
        network = factory.create(name, class_num=GOLDENS["class_num"], **arguments)
        logits = network(image)
    state = torch_state(network)
    layout = repr(sorted((key, array.shape) for key, array in state.items()))
    assert hashlib.sha256(layout.encode()).hexdigest() == golden["layout"]

    file = torch_layout.save(state, tmp_path / "timm.pth")
    assign(scope, weights.load(file, network, name).arrays)
    with paddle.static.scope_guard(scope):
        program = main.clone(for_test=True)
        feed = {"image": images(GOLDENS["size"])}
        [actual] = paddle.static.Executor().run(program, feed=feed, fetch_list=[logits])
    expected = np.array(golden["logits"])
    bound = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(actual[:, : expected.shape[1]], expected, rtol=1e-5, atol=bound)
