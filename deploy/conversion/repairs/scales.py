"""`scale`, which Paddle-Lite folds into its neighbours without a look at what they are."""

from typing import Any

from ppghost.deploy.conversion.repairs.convolutions import FUSED_ACTIVATIONS, before
from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import (
    argument,
    attribute,
    set_argument,
    set_attribute,
)
from ppghost.deploy.conversion.repairs.replacement import Replacement


def scale_before_bias(graph: Graph) -> list[str]:
    """Make every scale * (x + bias) behind a convolution scale * x + scale * bias.

    Paddle-Lite folds a `scale` into the convolution as if the bias were always added last.
    """
    producers, uses, repaired = graph.producers(), graph.uses(), []
    for _, op in graph.operators("scale"):
        if not _has_numbers(op) or attribute(op, "bias_after_scale", True):
            continue
        if not attribute(op, "bias", 0.0):
            continue
        if before(graph, producers, uses, str(argument(op, "X"))) is not None:
            _set_numbers(op, *_numbers(op))
            repaired.append(str(argument(op, "Out")))
    return repaired


def merge_scales(graph: Graph) -> list[str]:
    """Make every chain of scales one.

    Paddle-Lite joins them in pairs in an order that depends on where they lie in its memory: the
    same program gave different files from run to run. One by 1 at the end, as every exported
    model has, does no harm.
    """
    rewritten, repaired = graph.rewritten(), []
    for block, op in graph.operators("scale"):
        if {argument(op, "X"), argument(op, "Out")} & rewritten:
            continue
        uses = graph.uses()
        following = _only_scale(uses, op)
        if following is None or all(other is not following for other in block.ops):
            continue
        if _numbers(following) == (1.0, 0.0) and _only_scale(uses, following) is None:
            continue
        (first, shift), (second, offset) = _numbers(op), _numbers(following)
        _set_numbers(following, first * second, shift * second + offset)
        set_argument(following, "X", str(argument(op, "X")))
        repaired.append(str(argument(following, "Out")))
        block.ops.remove(op)
    return repaired


def remove_scale_of_input(graph: Graph) -> list[str]:
    """Take away every scale by 1 of an input of the model.

    Paddle-Lite takes it away too, but calls the model's input then by the name of its result.
    """
    producers, repaired = graph.producers(), []
    for block, op in graph.operators("scale"):
        x, out = str(argument(op, "X")), str(argument(op, "Out"))
        if not _has_numbers(op) or _numbers(op) != (1.0, 0.0) or x not in producers:
            continue
        if producers[x].type == "feed" and graph.bypass(block, op):
            repaired.append(out)
    return repaired


def scale_after_activation(graph: Graph) -> list[str]:
    """Make every scale behind a convolution and its activation a product with a parameter.

    Paddle-Lite joins convolution and activation, and then multiplies the convolution's weights,
    as if there were no activation.
    """
    import numpy as np

    producers, uses, repaired = graph.producers(), graph.uses(), []
    for block, op in graph.operators("scale"):
        x = str(argument(op, "X"))
        source = producers.get(x)
        if source is None or source.type not in FUSED_ACTIVATIONS or len(uses[x]) != 1:
            continue
        if not _has_numbers(op) or _numbers(op) == (1.0, 0.0):
            continue
        if before(graph, producers, uses, str(argument(source, "X"))) is None:
            continue
        scale, bias = _numbers(op)
        if source.type in ("relu", "leaky_relu") and scale > 0 and not bias:
            # there the order makes no difference
            continue
        replacement, result = Replacement(graph, block, op), x
        if scale != 1:
            result = replacement.binary(
                "mul", x, replacement.constant(np.array([scale], np.float32))
            )
        if bias:
            result = replacement.binary(
                "add", result, replacement.constant(np.array([bias], np.float32))
            )
        replacement.apply(result)
        repaired.append(replacement.out)
    return repaired


def _only_scale(uses: Any, op: Any) -> Any | None:
    """The scale that alone reads the result of a scale, if both are by two constant numbers."""
    readers = uses[str(argument(op, "Out"))]
    if len(readers) != 1 or readers[0].type != "scale":
        return None
    return readers[0] if _has_numbers(op) and _has_numbers(readers[0]) else None


def _has_numbers(op: Any) -> bool:
    return not argument(op, "ScaleTensor")


def _numbers(op: Any) -> tuple[float, float]:
    """What a scale multiplies by, and what it adds then."""
    scale, bias = attribute(op, "scale", 1.0), attribute(op, "bias", 0.0)
    return scale, bias if attribute(op, "bias_after_scale", True) else scale * bias


def _set_numbers(op: Any, scale: float, bias: float) -> None:
    set_attribute(op, "scale", scale)
    set_attribute(op, "bias", bias)
    set_attribute(op, "bias_after_scale", True)
