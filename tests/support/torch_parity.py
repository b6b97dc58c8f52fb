"""What our networks compute with seeded weights in a file of PyTorch's, beside its goldens."""

import hashlib

import numpy as np
import paddle

from ppghost import weights
from ppghost.models import factory
from ppghost.static.program import assign
from support import torch_layout
from support.building import building
from support.seeded_weights import images, seeded

#: how Paddle calls BN's statistics -> how PyTorch does
STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}


def same(x):
    """What it is given."""
    return x


def torch_state(network, rename=same):
    """A state dict of seeded weights with the names and layouts that PyTorch has for a network.

    `rename` maps a layer's structured path to its path there, None for one that is not there.
    """
    linear = {n.weight.name for n in network.sublayers() if isinstance(n, paddle.nn.Linear)}
    state = {}
    for spec in weights.tensor_specs(network):
        path, _, kind = spec.structured.rpartition(".")
        there = rename(path)
        if there is None:
            continue
        name = f"{there}.{STATISTICS.get(kind, kind)}"
        shape = spec.shape[::-1] if spec.parameter in linear else spec.shape
        state[name] = seeded(name, shape)
    return state


def layout(state):
    """The hash of names and shapes that goldens hold."""
    shapes = sorted((key, array.shape) for key, array in state.items())
    return hashlib.sha256(repr(shapes).encode()).hexdigest()


def check(folder, goldens, golden, name, rename=same, **arguments):
    """Hold our network `name` to a golden entry, with weights that it reads from a file.

    `rename` is that of `torch_state`.
    """
    scope = paddle.static.Scope()
    with building() as main:
        image = paddle.static.data("image", [None, 3, goldens["size"], goldens["size"]])
        network = factory.create(name, class_num=goldens["class_num"], **arguments)
        logits = network(image)
    state = torch_state(network, rename)
    assert layout(state) == golden["layout"]

    file = torch_layout.save(state, folder / "torch.pth")
    assign(scope, weights.load(file, network, name).arrays)
    with paddle.static.scope_guard(scope):
        program = main.clone(for_test=True)
        feed = {"image": images(goldens["size"])}
        [actual] = paddle.static.Executor().run(program, feed=feed, fetch_list=[logits])
    expected = np.array(golden["logits"])
    bound = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(actual[:, : expected.shape[1]], expected, rtol=1e-5, atol=bound)
