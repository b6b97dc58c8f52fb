"""Branches that are merged: same outputs, fewer operations, what is deployed."""

import json

import numpy as np
import paddle
import pytest
import yaml
from paddle.utils import unique_name
from support import ROOT, torch_layout
from support.seeded_weights import images, seeded
from support.torch_parity import torch_state

from ppghost import weights
from ppghost.config import loading as config
from ppghost.formats.exported import open_model, read_description
from ppghost.inference.export import export
from ppghost.models import factory, registry
from ppghost.models.network import Network
from ppghost.models.reparameterization import Branch, branched_conv, reparameterize
from ppghost.utils.paddle_inference import Engine

GOLDENS = json.loads((ROOT / "tests" / "models" / "timm_goldens.json").read_text())


def network_of(build, in_channels):
    with unique_name.guard():
        network = Network(build, in_channels)
    network.eval()
    return network


def parameters(network):
    return {spec.parameter: spec.shape for spec in weights.tensor_specs(network)}


def trained_like(network):
    """Seeded weights by parameter name, set in the network; BN's statistics are of nobody."""
    for tensor in network.state_dict().values():
        kind = "running_var" if tensor.name.endswith("variance") else "weight"
        tensor.set_value(seeded(f"{tensor.name}.{kind}", tuple(tensor.shape)))
    return {tensor.name: tensor.numpy() for tensor in network.state_dict().values()}


@pytest.mark.parametrize(
    ("groups", "stride", "sizes"),
    [
        (1, 1, (3, 1, None)),
        (2, 1, (5, None, 3)),
        (6, 1, (None, 3)),
        (6, 2, (1, 5, 5)),
        (3, 2, (1, 1)),
        (1, 1, (None,)),
    ],
)
def test_a_merged_convolution_is_the_sum_of_its_branches(dygraph, groups, stride, sizes):
    branches = [Branch(f"block.branch{i}", size) for i, size in enumerate(sizes)]
    size = max(size or 1 for size in sizes)

    def build(x, deploy):
        x = branched_conv(
            x, 6, size, stride, groups, name="block.conv", branches=branches, deploy=deploy
        )
        return paddle.nn.functional.relu(x)

    branched = network_of(lambda x: build(x, False), 6)
    arrays = reparameterize(branched, trained_like(branched))
    merged = network_of(lambda x: build(x, True), 6)
    assert {name: array.shape for name, array in arrays.items()} == parameters(merged)
    merged.set_state_dict(arrays, use_structured_name=False)

    x = paddle.to_tensor(np.random.default_rng(0).normal(size=(2, 6, 9, 12)).astype("float32"))
    expected = branched(x).numpy()
    assert expected.any()
    np.testing.assert_allclose(merged(x).numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["RepGhost_x0_5", "GhostNetV3_x0_5"])
def test_the_deploy_form_computes_what_was_trained(dygraph, name):
    with unique_name.guard():
        trained = factory.create(name, class_num=7)
    with unique_name.guard():
        deployed = factory.create(name, class_num=7, deploy=True)
    trained.eval()
    deployed.eval()
    arrays = reparameterize(trained, trained_like(trained))
    assert {key: array.shape for key, array in arrays.items()} == parameters(deployed)
    deployed.set_state_dict(arrays, use_structured_name=False)
    x = paddle.to_tensor(images(64))
    expected = trained(x).numpy()
    assert np.abs(expected).max() > 0.1
    bound = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(deployed(x).numpy(), expected, rtol=1e-5, atol=bound)


def test_export_writes_the_deploy_form_of_timms_weights(dygraph, config_file, tmp_path):
    """From a PyTorch checkpoint with branches to an inference model without, timm's logits out."""
    golden = GOLDENS["networks"]["repghostnet_050"]
    network = factory.create_model("RepGhost_x0_5", class_num=GOLDENS["class_num"])
    state = torch_state(network)
    content = yaml.safe_load(config_file.read_text())
    size = GOLDENS["size"]
    content["Global"] |= {
        "image_shape": [3, size, size],
        "pretrained_model": str(torch_layout.save(state, tmp_path / "timm.pth")),
    }
    content["Arch"] = {
        "name": "RepGhost_x0_5",
        "class_num": GOLDENS["class_num"],
        "infer_add_softmax": False,
    }
    del content["Infer"]["PostProcess"]["class_id_map_file"]
    config_file.write_text(yaml.safe_dump(content))
    result = export(config.load_config(config_file), tmp_path / "model")

    assert result.to_json()["reparameterized"]
    description = read_description(result.model_dir)["Global"]
    assert description["reparameterized"]
    assert description["params"] < registry.complexity("RepGhost_x0_5")["params"]
    model = open_model(result.model_dir)
    types = [op.type for op in model.program.blocks[0].ops]
    assert types.count("batch_norm") == 112 - 2 * 32  # both branches of each module lose theirs
    assert types.count("reshape2") == 1  # biases need none
    engine = Engine(model.program.SerializeToString(), model.params())
    [logits] = engine({"image": images(size)})
    expected = np.array(golden["logits"])
    bound = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(logits[:, : expected.shape[1]], expected, rtol=1e-5, atol=bound)
