"""Convolutions, which Paddle-Lite joins with their neighbours, wrongly in some places."""

from collections import defaultdict
from typing import Any

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import (
    argument,
    attribute,
    new_operator,
    set_argument,
)

CONVOLUTIONS = ("conv2d", "depthwise_conv2d", "conv2d_transpose")
#: the activations that Paddle-Lite joins with a convolution
FUSED_ACTIVATIONS = ("relu", "relu6", "leaky_relu", "hard_swish")


def unshare_filters(graph: Graph) -> list[str]:
    """Give convolutions that share a filter, but not what follows, filters of their own.

    Paddle-Lite folds the batch norm, scale or 1x1 convolution behind a convolution into its
    filter, once for each that uses it: the heads of FCOS, NanoDet or RetinaNet, with one filter
    for all levels and a batch norm for each, are scaled by the batch norms of all levels.
    """
    uses, repaired = graph.uses(), []
    sharers: dict[str, list[Any]] = defaultdict(list)
    for _, op in graph.operators(*CONVOLUTIONS):
        sharers[str(argument(op, "Filter"))].append(op)
    for name, ops in sharers.items():
        if len(ops) < 2 or not graph.is_parameter(name):
            continue
        if not any(_is_folded(graph, uses, op) for op in ops):
            continue
        for op in ops[1:]:
            set_argument(op, "Filter", graph.add_parameter(name, graph.parameter(name)))
        repaired += [str(argument(op, "Output")) for op in ops]
    return repaired


def separate_convolutions(graph: Graph) -> list[str]:
    """Put a scale by 1 between convolutions that Paddle-Lite would join wrongly.

    It joins a convolution with a widening 1x1 convolution behind it, and, once it found one such
    pair, every other pair too. Only two 1x1 convolutions come out right. It takes the scale away
    itself, after it joined convolutions.
    """
    uses = graph.uses()
    pairs = []
    for block, op in graph.operators("conv2d"):
        chain = _linear_chain(graph, uses, op)
        following = _only_use(uses, chain)
        if following is not None and following.type == "conv2d":
            pairs.append((block, op, chain, following))
    if not any(_is_widening(graph, op, following) for _, op, _, following in pairs):
        return []
    repaired = []
    for block, op, name, following in pairs:
        shared = len(uses[str(argument(following, "Filter"))]) > 1
        if shared or (_is_pointwise(graph, op) and _is_pointwise(graph, following)):
            continue
        _insert_identity(graph, block, name, following, "Input")
        repaired.append(str(argument(following, "Output")))
    return repaired


def widen_last_axis_parameters(graph: Graph) -> list[str]:
    """Make a parameter [W], added along the last axis behind a convolution, [1, 1, 1, W].

    Paddle-Lite takes one of as many numbers as there are channels for the convolution's bias,
    whatever the axis.
    """
    producers, uses, repaired = graph.producers(), graph.uses(), []
    for _, op in graph.operators("elementwise_add"):
        x, y = str(argument(op, "X")), str(argument(op, "Y"))
        if not graph.is_parameter(y) or before(graph, producers, uses, x) is None:
            continue
        if attribute(op, "axis", -1) not in (-1, 3) or len(graph.shape(y)) != 1:
            continue
        if graph.shape(y)[0] != graph.shape(x)[1] or graph.shape(y)[0] == 1:
            continue
        values = graph.parameter(y).reshape(1, 1, 1, -1)
        set_argument(op, "Y", graph.add_parameter(y, values))
        repaired.append(str(argument(op, "Out")))
    return repaired


def before(graph: Graph, producers: dict[str, Any], uses: Any, name: str) -> Any | None:
    """The convolution that `name` comes from by nothing but what is folded into it."""
    while (op := producers.get(name)) is not None and len(uses[name]) == 1:
        if op.type in CONVOLUTIONS:
            return op
        if not (op.type == "batch_norm" or _adds_bias(graph, uses, op)):
            return None
        name = str(argument(op, "X"))
    return None


def _linear_chain(graph: Graph, uses: Any, convolution: Any) -> str:
    """The last variable behind a convolution that Paddle-Lite makes one with it."""
    name = str(argument(convolution, "Output"))
    while (op := _only_use(uses, name)) is not None:
        if op.type == "batch_norm":
            name = str(argument(op, "Y"))
        elif _adds_bias(graph, uses, op):
            name = str(argument(op, "Out"))
        else:
            break
    return name


def _only_use(uses: Any, name: str) -> Any | None:
    found = uses.get(name, [])
    return found[0] if len(found) == 1 else None


def _adds_bias(graph: Graph, uses: Any, op: Any) -> bool:
    """Whether it adds a parameter that Paddle-Lite takes for the bias of a convolution."""
    y = str(argument(op, "Y"))
    if op.type != "elementwise_add" or not graph.is_parameter(y):
        return False
    return len(graph.shape(y)) == 1 and len(uses[y]) == 1


def _is_folded(graph: Graph, uses: Any, convolution: Any) -> bool:
    """Whether Paddle-Lite folds anything into the filter of a convolution."""
    name = str(argument(convolution, "Output"))
    while (op := _only_use(uses, name)) is not None:
        if op.type == "batch_norm":
            # one that is shared itself stays where it is
            return len(uses[str(argument(op, "Scale"))]) == 1
        if op.type == "scale":
            return (attribute(op, "scale", 1.0), attribute(op, "bias", 0.0)) != (1.0, 0.0)
        if op.type == "conv2d":
            return _is_merged(graph, uses, convolution, op)
        if not _adds_bias(graph, uses, op):
            return False
        name = str(argument(op, "Out"))
    return False


def _is_merged(graph: Graph, uses: Any, first: Any, second: Any) -> bool:
    """Whether two convolutions become one; those that come out wrong are separated instead."""
    return (
        _is_widening(graph, first, second)
        and len(uses[str(argument(second, "Filter"))]) == 1
        and _is_pointwise(graph, first)
        and _is_pointwise(graph, second)
    )


def _is_widening(graph: Graph, first: Any, second: Any) -> bool:
    """Whether Paddle-Lite wants to join two convolutions, by its own rule."""
    middle, inside, *_ = graph.shape(str(argument(first, "Filter")))
    outside, _, *kernel = graph.shape(str(argument(second, "Filter")))
    if attribute(first, "groups", 1) != 1 or attribute(second, "groups", 1) != 1:
        return False
    return kernel == [1, 1] and 0 < inside * (outside - middle) <= middle * outside


def _is_pointwise(graph: Graph, convolution: Any) -> bool:
    return (
        graph.shape(str(argument(convolution, "Filter")))[2:] == [1, 1]
        and attribute(convolution, "groups", 1) == 1
        and set(attribute(convolution, "strides", [1])) == {1}
        and set(attribute(convolution, "paddings", [0])) == {0}
        and attribute(convolution, "padding_algorithm", "EXPLICIT") != "SAME"
    )


def _insert_identity(graph: Graph, block: Any, name: str, reader: Any, slot: str) -> None:
    """Let `reader` read `name` through a scale by 1."""
    copy = graph.add_variable(block, f"{name}.identity", graph.shape(name), graph.dtype(name))
    attributes = {"scale": 1.0, "bias": 0.0, "bias_after_scale": True}
    index = next(number for number, op in enumerate(block.ops) if op is reader)
    block.ops.insert(index, new_operator("scale", {"X": name}, {"Out": copy}, attributes))
    set_argument(reader, slot, copy)
