"""The four guidelines of the ShuffleNetV2 paper, looked for in a real network.

https://arxiv.org/abs/1807.11164, section 2. Each finding says what the change would save in memory
access at the same number of multiply-accumulates. What it saves in time is for a device to say: a
measured result has latencies by the same names of layers.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ppghost.analysis import operators
from ppghost.analysis.graph import Graph, Operation, Tensor
from ppghost.analysis.layers import Layer
from ppghost.i18n import tr
from ppghost.utils.text import format_bytes

#: channels count as unequal from this ratio on: less costs a 1x1 convolution below 6 % of its bytes
UNEQUAL = 2.0
#: what G4 speaks of, beside the layers that a runtime computes with the convolution before them
_ELEMENT_WISE = ("norm", "bias", "activation", "element-wise")
#: a layer with its operator
Pair = tuple[Layer, Operation]


@dataclass(frozen=True)
class Finding:
    """A place where a guideline is not kept.

    Attributes:
        rule: "G1" to "G4".
        layer: its name; the network's, where a finding is about all of it.
        message: what is there, and what another way would save.
        figure: the ratio of channels (G1), groups (G2), convolutions and poolings between a fork
            and its join (G3), the share of memory access (G4).
        saved_bytes: memory access that the change would save.
    """

    rule: str
    layer: str
    message: str
    figure: float
    saved_bytes: int

    def to_json(self) -> dict[str, Any]:
        """As `ppghost analyze --json` writes it."""
        return dict(vars(self))


def findings_of(network: str, graph: Graph, layers: Sequence[Pair]) -> list[Finding]:
    """All findings, by guideline; within one, what saves most comes first."""
    found = [
        *_unequal_channels(layers),
        *_group_convolutions(layers),
        *_fragments(graph, layers),
        *_element_wise(network, layers),
    ]
    return sorted(found, key=lambda finding: (finding.rule, -finding.saved_bytes))


def _unequal_channels(layers: Sequence[Pair]) -> Iterator[Finding]:
    """G1: of all 1x1 convolutions of as many MACs, that with c1 = c2 moves least.

    hw(c1 + c2) + c1 c2 >= 2 hw sqrt(c1 c2) + c1 c2, eq. 2 there.
    """
    for layer, op in layers:
        if layer.kind != "pointwise" or not layer.is_known or set(op.attribute("strides")) != {1}:
            continue
        out = op.outputs["Output"][0]
        c1, c2 = _channels(op, op.inputs["Input"][0]), _channels(op, out)
        ratio = max(c1, c2) / min(c1, c2)
        if ratio < UNEQUAL:
            continue
        equal = math.sqrt(c1 * c2)
        saved = int(out.bytes // c2 * (c1 + c2 - 2 * equal))
        yield Finding(
            "G1",
            layer.name,
            tr(
                "1x1 convolution from {c1} to {c2} channels (1:{ratio:.3g}); with "
                "{equal:.0f} and {equal:.0f}, and as many MACs, it would move "
                "{format_bytes} less of {memory_bytes_format_bytes}"
            ).format(
                c1=c1,
                c2=c2,
                ratio=ratio,
                equal=equal,
                format_bytes=format_bytes(saved),
                memory_bytes_format_bytes=format_bytes(layer.memory_bytes or 0),
            ),
            ratio,
            saved,
        )


def _group_convolutions(layers: Sequence[Pair]) -> Iterator[Finding]:
    """G2: for the same input and MACs, g groups have g times the outputs to write.

    MAC = hw c1 + B g / c1 + B / hw, eq. 3 there. Depthwise convolutions are the form in which
    every mobile network has groups; the paper counts them with the element-wise operators.
    """
    for layer, op in layers:
        if layer.kind != "group" or not layer.is_known:
            continue
        groups, out = layer.groups or 1, op.outputs["Output"][0]
        saved = round(out.bytes * (1 - 1 / groups))
        yield Finding(
            "G2",
            layer.name,
            tr(
                "convolution in {groups} groups; without groups, from the same input and "
                "with as many MACs, it would write {channels:.0f} channels and move "
                "{format_bytes} less of {memory_bytes_format_bytes}"
            ).format(
                groups=groups,
                channels=_channels(op, out) / groups,
                format_bytes=format_bytes(saved),
                memory_bytes_format_bytes=format_bytes(layer.memory_bytes or 0),
            ),
            groups,
            saved,
        )


def _fragments(graph: Graph, layers: Sequence[Pair]) -> Iterator[Finding]:
    """G3: branches between a fork and its join, each of which is small for a processor."""
    names = {op: layer.name for layer, op in layers}
    heavy = {
        op
        for layer, op in layers
        if op.type in operators.CONVOLUTIONS | operators.TRANSPOSED or layer.kind == "pooling"
    }
    before = _ancestors(graph)
    for op in graph.operations:
        copies = op.type == "concat"
        if op not in names or not (copies or op.type in ("elementwise_add", "sum")):
            continue
        branches = _branches(op, before, graph.operations)
        fragments = [[o for o in branch if o in heavy] for branch in branches]
        parallel = sum(1 for branch in fragments if branch)
        count = len({o for branch in fragments for o in branch})
        if not count or len(branches) < 2 or not (copies or parallel > 1):
            continue
        copied = sum(t.bytes for t in op.reads()) + op.outputs["Out"][0].bytes if copies else 0
        again = _read_again(branches)
        yield Finding(
            "G3",
            names[op],
            tr(
                "{count} branches, {count2} of convolutions and poolings between fork and "
                "join; one convolution instead would not move {glue} once more"
            ).format(count=len(branches), count2=count, glue=_glue(copied, again)),
            count,
            copied + again,
        )


def _glue(copied: int, again: int) -> str:
    parts = (
        [tr("{format_bytes} in the concat").format(format_bytes=format_bytes(copied))]
        if copied
        else []
    )
    if again:
        parts.append(tr("{format_bytes} of shared input").format(format_bytes=format_bytes(again)))
    return tr(" and ").join(parts) or "0 B"


def _ancestors(graph: Graph) -> dict[Operation, int]:
    """All that an operation depends on, itself too, as a set of bits by places in the program."""
    before: dict[Operation, int] = {}
    for place, op in enumerate(graph.operations):
        bits = 1 << place
        for tensor in op.activations:
            if tensor.producer is not None:
                bits |= before[tensor.producer]
        before[op] = bits
    return before


def _branches(
    join: Operation, before: dict[Operation, int], operations: Sequence[Operation]
) -> list[list[Operation]]:
    """For each input of a join the operations that not all of the inputs depend on."""
    reached = [before[t.producer] if t.producer else 0 for t in join.activations]
    common = reached[0] if reached else 0
    for bits in reached:
        common &= bits
    return [_listed(bits & ~common, operations) for bits in reached]


def _listed(bits: int, operations: Sequence[Operation]) -> list[Operation]:
    found = []
    while bits:
        low = bits & -bits
        found.append(operations[low.bit_length() - 1])
        bits ^= low
    return found


def _read_again(branches: Sequence[Sequence[Operation]]) -> int:
    """Bytes of what comes from before the fork, for each branch but the first that reads it."""
    inside = {op for branch in branches for op in branch}
    readers: dict[int, tuple[Tensor, int]] = {}
    for branch in branches:
        for tensor in {t for op in branch for t in op.activations if t.producer not in inside}:
            readers[id(tensor)] = tensor, readers.get(id(tensor), (tensor, 0))[1] + 1
    return sum(tensor.bytes * (count - 1) for tensor, count in readers.values())


def _element_wise(network: str, layers: Sequence[Pair]) -> Iterator[Finding]:
    """G4: element-wise operators compute little and move much."""
    total = sum(layer.memory_bytes or 0 for layer, _ in layers)
    flops = sum(layer.flops or 0 for layer, _ in layers)
    moved = {layer: layer.memory_bytes or 0 for layer, _ in layers if layer.kind in _ELEMENT_WISE}
    if not moved or not total:
        return
    share = sum(moved.values()) / total
    worked = sum(layer.flops or 0 for layer in moved) / flops if flops else 0.0
    alone = {layer: count for layer, count in moved.items() if not layer.folds_into and count}
    rest = sum(moved.values()) - sum(alone.values())
    yield Finding(
        "G4",
        network,
        tr(
            "{count} element-wise operators are {worked:.1f} % of the FLOPs and "
            "{share:.1f} % of the memory access; {format_bytes} less where BN, bias and "
            "activation are computed with the convolution before them, "
            "{alone_format_bytes} less without the other {alone_count}"
        ).format(
            count=len(moved),
            worked=100 * worked,
            share=100 * share,
            format_bytes=format_bytes(rest),
            alone_format_bytes=format_bytes(sum(alone.values())),
            alone_count=len(alone),
        ),
        share,
        rest,
    )
    for layer, count in alone.items():
        yield Finding(
            "G4",
            layer.name,
            tr(
                "{type} by itself, {count:.1f} % of the network's memory access; without "
                "it {format_bytes} less"
            ).format(type=layer.type, count=100 * count / total, format_bytes=format_bytes(count)),
            count / total,
            count,
        )


def _channels(op: Operation, tensor: Tensor) -> int:
    shape = tensor.shape or (1, 1)
    return shape[-1 if operators.is_channels_last(op) else 1]
