"""What timm computes (`tests/models/make_timm_goldens.py`), and our networks as timm has them."""

import json

import paddle

from ppghost import weights
from ppghost.models.ghostnet import scale_suffix
from support import ROOT
from support.seeded_weights import seeded

GOLDENS = json.loads((ROOT / "tests" / "models" / "timm_goldens.json").read_text())
FAMILIES = {"ghostnetv2": "GhostNetV2", "ghostnetv3": "GhostNetV3", "repghostnet": "RepGhost"}
#: how Paddle calls BN's statistics -> how PyTorch does
STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}


def ours(timm_name):
    """(our architecture, its arguments) for a network of timm's."""
    family, _, percent = timm_name.partition("_")
    name = f"{FAMILIES.get(family, 'GhostNet')}_{scale_suffix(int(percent) / 100)}"
    return name, {} if family in FAMILIES else {"layout": "timm"}


def torch_state(network):
    """Seeded weights as PyTorch names and lays them out, and the names of those that are linear."""
    linear = {n.weight.name for n in network.sublayers() if isinstance(n, paddle.nn.Linear)}
    state = {}
    for spec in weights.tensor_specs(network):
        path, _, kind = spec.structured.rpartition(".")
        name = f"{path}.{STATISTICS.get(kind, kind)}"
        shape = spec.shape[::-1] if spec.parameter in linear else spec.shape
        state[name] = seeded(name, shape)
    return state, linear
