"""Branches for training that become one convolution for inference (RepVGG, arXiv 2101.03697).

Each branch is a convolution, or the identity, with batch normalisation behind it. For inference
that is linear, so that the sum of all branches is one convolution with a bias: same outputs, fewer
operations. A network with such branches takes `deploy`, False for the form that is trained, True
for the merged one; `reparameterize` makes the weights of the second out of those of the first.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import paddle

from ppghost.models.layers import BN_EPSILON, batch_norm, conv_layer
from ppghost.models.network import Network, parameter_name, running_network


class Branch(NamedTuple):
    """A convolution with batch normalisation, or the latter alone.

    Attributes:
        name: its builders' dotted name.
        kernel_size: odd and no larger than that of the whole; None for batch normalisation alone.
    """

    name: str
    kernel_size: int | None


class Merge(NamedTuple):
    """A convolution that stands for branches: the size of its kernel [k, k], its groups."""

    kernel_size: int
    groups: int
    branches: Sequence[Branch]


def branched_conv(
    input,
    num_filters: int,
    kernel_size: int,
    stride: int = 1,
    groups: int = 1,
    *,
    name: str,
    branches: Sequence[Branch],
    deploy: bool,
):
    """The sum of branches, or the convolution that stands for them.

    Args:
        input: [N, C, H, W].
        num_filters: C of the output.
        kernel_size: of the convolution, odd.
        stride: of every branch; 1 where the identity is one.
        groups: of every branch.
        name: dotted name of the convolution.
        branches: in the order of summation.
        deploy: whether to build the convolution.

    Returns:
        [N, num_filters, ceil(H / stride), ceil(W / stride)].
    """
    if deploy:
        return conv_layer(input, num_filters, kernel_size, stride, groups, name, bias=True)
    if network := running_network():
        network.merges[name] = Merge(kernel_size, groups, branches)
    total = None
    for branch in branches:
        x = input
        if branch.kernel_size is not None:
            x = conv_layer(x, num_filters, branch.kernel_size, stride, groups, branch.name)
        x = batch_norm(x, name=branch.name)
        total = x if total is None else paddle.add(total, x)
    return total


def reparameterize(network: Network, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights for the deploy form of a network.

    Args:
        network: in the form that is trained; called once.
        arrays: its weights by parameter name.

    Returns:
        The weights of the same network with `deploy=True`, by parameter name. Sums are made in
        double precision.
    """
    merged: dict[str, np.ndarray] = {}
    gone: set[str] = set()
    for name, merge in network.merges.items():
        fused = [_fused(arrays, branch, merge) for branch in merge.branches]
        for suffix, parts in zip(("weights", "offset"), zip(*fused, strict=True), strict=True):
            merged[parameter_name(name, suffix)] = np.sum(parts, axis=0).astype("float32")
        for branch in merge.branches:
            gone |= {parameter_name(branch.name, suffix) for suffix in ("weights", *_BN)}
    return {name: array for name, array in arrays.items() if name not in gone} | merged


_BN = ("bn_scale", "bn_offset", "bn_mean", "bn_variance")


def _fused(
    arrays: Mapping[str, np.ndarray], branch: Branch, merge: Merge
) -> tuple[np.ndarray, np.ndarray]:
    """The kernel [out, in / groups, k, k] and the bias [out] that compute what a branch does."""
    scale, offset, mean, variance = (
        arrays[parameter_name(branch.name, suffix)].astype("float64") for suffix in _BN
    )
    factor = scale / np.sqrt(variance + BN_EPSILON)
    if branch.kernel_size is None:
        kernel = _identity(len(scale), merge.groups)
    else:
        kernel = arrays[parameter_name(branch.name, "weights")]
    around = (merge.kernel_size - kernel.shape[-1]) // 2
    kernel = np.pad(kernel, [(0, 0), (0, 0), (around, around), (around, around)])
    return kernel * factor[:, None, None, None], offset - mean * factor


def _identity(channels: int, groups: int) -> np.ndarray:
    """The 1x1 kernel [channels, channels / groups, 1, 1] that changes nothing."""
    per_group = channels // groups
    return np.tile(np.eye(per_group), (groups, 1))[:, :, None, None]
