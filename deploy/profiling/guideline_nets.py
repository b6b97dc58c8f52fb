"""Test nets of the four guidelines of ShuffleNetV2 (arXiv 1807.11164, section 2).

Within a guideline every net has as many multiply-accumulates, as nearly as whole channels allow;
what is varied is the ratio of channels (G1), the groups of a convolution (G2), into how many
fragments a block falls (G3), and what it computes element by element (G4). As in the paper each
net is ten equal blocks. Paddle-Lite computes ReLU within the convolution before it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ppghost.deploy.profiling.net_writer import NetWriter

BLOCKS = 10
#: side of what the blocks read, in pixels: half of the paper's, for a quarter of the time
SIDE = 28

#: appends a block that reads a variable; returns the one that it computes, of as many channels
Block = Callable[[NetWriter, str], str]


@dataclass(frozen=True)
class NetSpec:
    """One net.

    Attributes:
        guideline: "G1" to "G4"; the first net of each is what the others are compared with.
        variant: what is varied.
        channels: that its blocks read.
        block: what it is made of.
    """

    guideline: str
    variant: str
    channels: int
    block: Block

    @property
    def name(self) -> str:
        """As in "G1 1:6"."""
        return f"{self.guideline} {self.variant}"

    def write(self, folder: Path) -> None:
        """Write it as an exported model. Raises InputError."""
        net = NetWriter(self.channels, SIDE)
        x = net.image
        for _ in range(BLOCKS):
            x = self.block(net, x)
        net.write(x, folder)


def guideline_nets() -> Iterator[NetSpec]:
    """Every net, by guideline: blocks of 128 x 128 products, or nearly so (G1 twice, G4 1.06)."""
    ratios = {"1:1": (128, 128), "1:2": (90, 180), "1:6": (52, 312), "1:12": (37, 444)}
    for ratio, (narrow, wide) in ratios.items():
        yield NetSpec("G1", ratio, narrow, partial(_there_and_back, narrow=narrow, wide=wide))
    for groups, channels in {1: 128, 2: 180, 4: 256, 8: 360}.items():
        block = partial(_pointwise, channels=channels, groups=groups)
        yield NetSpec("G2", f"{groups} group{'s' * (groups > 1)}", channels, block)
    yield NetSpec("G3", "1 fragment", 128, partial(_in_series, channels=128, fragments=1))
    for fragments, channels in {2: 90, 4: 64}.items():
        for name, arrange in (("in series", _in_series), ("in parallel", _in_parallel)):
            block = partial(arrange, channels=channels, fragments=fragments)
            yield NetSpec("G3", f"{fragments} fragments {name}", channels, block)
    for relu, shortcut in ((True, True), (False, True), (True, False), (False, False)):
        variant = f"{'ReLU' if relu else 'no ReLU'}, {'shortcut' if shortcut else 'no shortcut'}"
        block = partial(_bottleneck, channels=128, relu=relu, shortcut=shortcut)
        yield NetSpec("G4", variant, 128, block)


def _pointwise(net: NetWriter, x: str, channels: int, groups: int = 1) -> str:
    return net.relu(net.conv(x, channels, groups=groups))


def _there_and_back(net: NetWriter, x: str, narrow: int, wide: int) -> str:
    """Two pointwise convolutions, narrow to wide and wide to narrow."""
    return _pointwise(net, _pointwise(net, x, wide), narrow)


def _in_series(net: NetWriter, x: str, channels: int, fragments: int) -> str:
    """Pointwise convolutions one after the other."""
    for _ in range(fragments):
        x = _pointwise(net, x, channels)
    return x


def _in_parallel(net: NetWriter, x: str, channels: int, fragments: int) -> str:
    """Pointwise convolutions beside each other, added up."""
    total, *others = [_pointwise(net, x, channels) for _ in range(fragments)]
    for path in others:
        total = net.add(total, path)
    return total


def _bottleneck(net: NetWriter, x: str, channels: int, relu: bool, shortcut: bool) -> str:
    """1x1 to a quarter of the channels, 3x3, 1x1 back; with ReLU and a shortcut or without."""

    def activated(y: str) -> str:
        return net.relu(y) if relu else y

    inner = activated(net.conv(x, channels // 4))
    out = net.conv(activated(net.conv(inner, channels // 4, 3)), channels)
    return activated(net.add(out, x) if shortcut else out)
