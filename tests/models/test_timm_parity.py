"""The ghost family against timm, whose outputs for seeded weights stand in `timm_goldens.json`."""

import json
from pathlib import Path

import pytest
from support import torch_parity

from ppghost import weights
from ppghost.models import factory, registry
from ppghost.models.ghostnet import scale_suffix
from ppghost.weights import torch_names

GOLDENS = json.loads(Path(__file__).with_name("timm_goldens.json").read_text())
FAMILIES = {"ghostnetv2": "GhostNetV2", "ghostnetv3": "GhostNetV3", "repghostnet": "RepGhost"}


def ours(timm_name):
    """(our architecture, its arguments) for a network of timm's."""
    family, _, percent = timm_name.partition("_")
    name = f"{FAMILIES.get(family, 'GhostNet')}_{scale_suffix(int(percent) / 100)}"
    return name, {} if family in FAMILIES else {"layout": "timm"}


@pytest.mark.parametrize("timm_name", [n for n in GOLDENS["networks"] if n[:9] != "ghostnet_"])
def test_parameters_are_as_many_as_timm_counts(timm_name):
    name, _ = ours(timm_name)
    assert registry.complexity(name)["params"] == GOLDENS["networks"][timm_name]["params"]


# the others differ from these in widths alone
@pytest.mark.parametrize(
    "timm_name",
    ["ghostnet_050", "ghostnet_130", "ghostnetv2_160", "ghostnetv3_050", "repghostnet_058"],
)
def test_weights_of_timms_names_load_and_compute_the_same(static, tmp_path, timm_name):
    golden, (name, arguments) = GOLDENS["networks"][timm_name], ours(timm_name)
    torch_parity.check(tmp_path, GOLDENS, golden, name, **arguments)


def test_the_authors_file_of_ghostnet_v3_is_read_too(dygraph):
    """Its tensors have another order, and some another name."""
    network = factory.create_model("GhostNetV3_x0_5", class_num=10)
    state, specs = torch_parity.torch_state(network), weights.tensor_specs(network)
    authors = {key.replace(".bn1.", ".bn."): state[key] for key in reversed(state)}
    assert set(authors) != set(state)
    found = torch_names.translate(authors, specs, set(), "GhostNetV3_x0_5")
    expected = torch_names.translate(state, specs, set(), "GhostNetV3_x0_5")
    assert found.keys() == expected.keys()
    assert all(found[key] is expected[key] for key in expected)
