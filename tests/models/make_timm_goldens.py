"""What timm computes with seeded weights, for the tests that hold our networks to it.

Run by hand, in an environment with torch and timm (made with timm 1.0.31, torch 2.13):

    PYTHONPATH=tests python tests/models/make_timm_goldens.py

It writes `timm_goldens.json` beside this file: per network the parameters, a hash of the names and
shapes of its tensors, and its logits of the first classes for images of `support.seeded_weights`.
"""

import hashlib
import json
import re
from pathlib import Path

import timm
import torch
from support.seeded_weights import images, seeded

NETWORKS = [
    *("ghostnet_050", "ghostnet_100", "ghostnet_130"),
    *("ghostnetv2_100", "ghostnetv2_130", "ghostnetv2_160"),
    *("ghostnetv3_050", "ghostnetv3_100", "ghostnetv3_130", "ghostnetv3_160"),
    *("repghostnet_050", "repghostnet_058", "repghostnet_080", "repghostnet_100"),
    *("repghostnet_111", "repghostnet_130", "repghostnet_150", "repghostnet_200"),
]
SIZE, CLASSES, KEPT = 96, 10, 5


def golden(name: str) -> dict:
    """The entry of a network of timm's."""
    return entry(timm.create_model(name), timm.create_model(name, num_classes=CLASSES))


def entry(published: torch.nn.Module, network: torch.nn.Module) -> dict:
    """The entry of a network that is published with all of ImageNet's classes."""
    params = sum(parameter.numel() for parameter in published.parameters())
    network.eval()
    shapes = {
        key: tuple(value.shape)
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    network.load_state_dict(
        {key: torch.from_numpy(seeded(key, shape)) for key, shape in shapes.items()}, strict=False
    )
    with torch.no_grad():
        logits = network(torch.from_numpy(images(SIZE)))
    layout = hashlib.sha256(repr(sorted(shapes.items())).encode()).hexdigest()
    return {"params": params, "layout": layout, "logits": logits[:, :KEPT].tolist()}


def write(goldens: dict[str, dict], file: str) -> None:
    """Write the entries to a file beside this one."""
    settings = {"size": SIZE, "class_num": CLASSES, "networks": goldens}
    text = json.dumps(settings, indent=1)
    text = re.sub(r"(?<=[\[,])\s+(?=[-\d])|(?<=\d)\s+(?=\])", " ", text)  # a line per image
    Path(__file__).with_name(file).write_text(text + "\n")


if __name__ == "__main__":
    write({name: golden(name) for name in NETWORKS}, "timm_goldens.json")
