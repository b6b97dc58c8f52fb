"""Ghost modules in a program, and what each saves against the convolution that it replaces.

GhostNet paper, https://arxiv.org/abs/1911.11907, section 3.1: a convolution k x k from c to n
channels becomes a primary convolution to n / s channels and, of its maps, s - 1 ghosts each by
d x d depthwise convolutions. A module is found by its shape, in anybody's model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ppghost.analysis import operators
from ppghost.analysis.graph import Graph, Operation, Tensor
from ppghost.analysis.layers import Layer


@dataclass(frozen=True)
class GhostModule:
    """A ghost module and the convolution that it replaces.

    Attributes:
        name: of the concat that ends it.
        in_channels, out_channels: c and n.
        kernel, dw_size: k and d.
        ratio: s, how many maps are made of each of the primary convolution's.
        macs, weights: of both convolutions.
        plain_macs, plain_weights: of the convolution that it replaces.
    """

    name: str
    in_channels: int
    out_channels: int
    kernel: int
    dw_size: int
    ratio: float
    macs: int
    weights: int
    plain_macs: int
    plain_weights: int

    @property
    def speed_up(self) -> float:
        """r_s, eq. 4."""
        return self.plain_macs / self.macs

    @property
    def compression(self) -> float:
        """r_c, eq. 5."""
        return self.plain_weights / self.weights

    @property
    def approximate(self) -> float:
        """What both come to where d is about k: s c / (s + c - 1), about s (eqs. 4 and 5)."""
        s, c = self.ratio, self.in_channels
        return s * c / (s + c - 1)

    def to_json(self) -> dict[str, Any]:
        """As `ppghost analyze --json` writes it."""
        return vars(self) | {
            "speed_up": self.speed_up,
            "compression": self.compression,
            "approximate": self.approximate,
        }


@dataclass(frozen=True)
class GhostTotals:
    """What all ghost modules together do for a network.

    Attributes:
        modules: how many there are.
        speed_up, compression: of the modules together.
        ratio: s, and `approximate` s c / (s + c - 1), means weighted by the plain convolutions'
            multiply-accumulates.
        network_speed_up, network_compression: of the whole network, with all that is no module:
            multiply-accumulates, and parameters.
    """

    modules: int
    speed_up: float
    compression: float
    ratio: float
    approximate: float
    network_speed_up: float
    network_compression: float


def totals(modules: Sequence[GhostModule], macs: int, params: int) -> GhostTotals | None:
    """What ghost modules do for a network of `macs` and `params`; None without modules."""
    if not modules:
        return None
    plain_macs = sum(module.plain_macs for module in modules)
    plain_weights = sum(module.plain_weights for module in modules)
    own_macs = sum(module.macs for module in modules)
    own_weights = sum(module.weights for module in modules)
    return GhostTotals(
        len(modules),
        plain_macs / own_macs,
        plain_weights / own_weights,
        sum(module.ratio * module.plain_macs for module in modules) / plain_macs,
        sum(module.approximate * module.plain_macs for module in modules) / plain_macs,
        (macs - own_macs + plain_macs) / macs,
        (params - own_weights + plain_weights) / params,
    )


def find_ghost_modules(
    graph: Graph, layers: Sequence[tuple[Layer, Operation]]
) -> list[GhostModule]:
    """The ghost modules of a program, in its order."""
    names = {op: layer.name for layer, op in layers}
    found = (_module(op, names) for op in graph.operations if op.type == "concat")
    return [module for module in found if module is not None]


def _module(concat: Operation, names: dict[Operation, str]) -> GhostModule | None:
    """The module that `concat` ends, if it joins a convolution with a depthwise one of its maps."""
    if len(concat.inputs.get("X", ())) != 2 or concat not in names:
        return None
    primary, cheap = (_convolution(tensor) for tensor in concat.inputs["X"])
    if primary is None or cheap is None or primary.attribute("groups", 1) != 1:
        return None
    if operators.kind_of(cheap) != "depthwise" or not _follows(cheap, concat.inputs["X"][0]):
        return None
    sizes = [_sizes(tensor) for tensor in (primary.input("Filter"), cheap.input("Filter"))]
    out = _whole_output(concat)
    if not all(sizes) or out.shape is None or set(cheap.attribute("strides", [1])) != {1}:
        return None
    (maps, channels, kernel, width), (ghosts, _, dw_size, _) = sizes
    outputs = out.shape[3] if operators.is_channels_last(primary) else out.shape[1]
    positions = out.size // outputs
    weights = maps * channels * kernel * width + ghosts * dw_size * dw_size
    plain = outputs * channels * kernel * width
    return GhostModule(
        name=names[concat].removesuffix(".concat"),
        in_channels=channels,
        out_channels=outputs,
        kernel=kernel,
        dw_size=dw_size,
        ratio=outputs / maps,
        macs=positions * weights,
        weights=weights,
        plain_macs=positions * plain,
        plain_weights=plain,
    )


def _sizes(kernel: Tensor | None) -> tuple[int, ...]:
    return kernel.shape if kernel and kernel.shape and len(kernel.shape) == 4 else ()


def _convolution(tensor: Tensor) -> Operation | None:
    """The convolution whose maps, normalised and activated, a tensor is."""
    op = tensor.producer
    while op is not None and operators.kind_of(op) in ("norm", "activation", "bias"):
        op = op.main_input.producer if op.main_input else None
    return op if op is not None and op.type in operators.CONVOLUTIONS else None


def _follows(cheap: Operation, primary: Tensor) -> bool:
    """Whether a convolution works on what the module's other half is."""
    return cheap.main_input is primary


def _whole_output(concat: Operation) -> Tensor:
    """What a module gives: its maps, of which those beyond the channels asked for are cut off."""
    out = concat.outputs["Out"][0]
    if len(out.readers) == 1 and out.readers[0].type in ("slice", "strided_slice"):
        cut = out.readers[0]
        if cut.attribute("axes") == [1] and cut.attribute("starts") == [0] and cut.main_output:
            return cut.main_output
    return out
