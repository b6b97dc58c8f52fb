"""What torchvision computes with seeded weights, as `make_timm_goldens.py` does it for timm.

Run by hand, in an environment with torch, timm and torchvision (made with 2.13 and 0.28):

    PYTHONPATH=tests:tests/models python tests/models/make_torchvision_goldens.py

It writes `torchvision_goldens.json` beside this file.
"""

import torchvision
from make_timm_goldens import CLASSES, entry, write

NETWORKS = [
    *("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0"),
    *("squeezenet1_0", "squeezenet1_1"),
]


def golden(name: str) -> dict:
    """The entry of a network of torchvision's."""
    build = torchvision.models.get_model
    return entry(build(name), build(name, num_classes=CLASSES))


if __name__ == "__main__":
    write({name: golden(name) for name in NETWORKS}, "torchvision_goldens.json")
