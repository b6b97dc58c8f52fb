"""Weights and images by a rule: the same here and where a reference network runs, without a file.

PyTorch's side imports this module too (`tests/models/make_timm_goldens.py`): numpy alone.
"""

import math
import zlib

import numpy as np


def seeded(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of a PyTorch state dict by its name there, in the range of trained ones.

    Variances are positive, branches that are summed count half; so logits of the ghost nets are
    of the order of one and few gates are shut, which would hide what is wrong behind them.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    kind = name.rpartition(".")[2]
    if kind == "running_var":
        array = rng.uniform(0.5, 1.5, shape)
    elif kind == "weight" and len(shape) == 1:
        branch = "_rpr_" in name or ".fusion_bn." in name
        array = rng.uniform(0.5, 0.9, shape) * (0.5 if branch else 1)
    elif len(shape) == 1:
        array = rng.normal(0, 0.1, shape)
    else:
        array = rng.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape)
    return array.astype("float32")


def images(size: int, count: int = 2) -> np.ndarray:
    """Images [count, 3, size, size]."""
    return np.random.default_rng(size).normal(size=(count, 3, size, size)).astype("float32")
