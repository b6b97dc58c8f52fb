"""Layers summed up: by stage, by block, by kind."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ppghost.analysis.layers import Layer


@dataclass
class Part:
    """Some layers of a network together.

    Attributes:
        name: of the stage, block or kind.
        layers: how many.
        output_shape: what the last of them gives.
        params, macs, flops, activations, memory_bytes: sums; layers whose cost is unknown are not
            in them.
    """

    name: str
    layers: int = 0
    output_shape: tuple[int, ...] | None = None
    params: int = 0
    macs: int = 0
    flops: int = 0
    activations: int = 0
    memory_bytes: int = 0

    def add(self, layer: Layer) -> None:
        """Take a layer in."""
        self.layers += 1
        self.output_shape = layer.output_shape or self.output_shape
        self.params += layer.params
        self.macs += layer.macs or 0
        self.flops += layer.flops or 0
        self.activations += layer.activations or 0
        self.memory_bytes += layer.memory_bytes or 0

    @property
    def intensity(self) -> float:
        """Floating-point operations for each byte moved."""
        return self.flops / self.memory_bytes if self.memory_bytes else 0.0

    def to_json(self) -> dict[str, Any]:
        """As `ppghost analyze --json` writes it."""
        return vars(self) | {"intensity": self.intensity}


def parts_of(layers: Iterable[Layer], key: Callable[[Layer], str]) -> list[Part]:
    """Layers summed up by what `key` says of each, in the order of their first."""
    parts: dict[str, Part] = {}
    for layer in layers:
        parts.setdefault(key(layer), Part(key(layer))).add(layer)
    return list(parts.values())
