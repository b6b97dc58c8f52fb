"""Activations that Paddle-Lite has no kernel for, or computes with other constants than asked."""

import math

from ppghost.deploy.conversion.repairs.convolutions import before
from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite


def brelu_to_clip(graph: Graph) -> list[str]:
    """Make every `brelu` (hardtanh) a `clip`."""
    return rewrite(
        graph,
        "brelu",
        lambda r: r.unary(
            "clip", r.x, min=r.attribute("t_min", 0.0), max=r.attribute("t_max", 24.0)
        ),
    )


def selu_to_elu(graph: Graph) -> list[str]:
    """Make every `selu` an `elu` with a factor."""
    return rewrite(
        graph,
        "selu",
        lambda r: r.scale(
            r.unary("elu", r.x, alpha=r.attribute("alpha", 1.6732632423543772)),
            r.attribute("scale", 1.0507009873554805),
        ),
    )


def celu_to_elu(graph: Graph) -> list[str]:
    """Make every `celu` an `elu` of x / alpha, times alpha."""

    def build(r: Replacement) -> str | None:
        alpha = r.attribute("alpha", 1.0)
        if alpha <= 0:
            return None
        return r.scale(r.unary("elu", r.scale(r.x, 1 / alpha), alpha=1.0), alpha)

    return rewrite(graph, "celu", build)


def logsigmoid_to_softplus(graph: Graph) -> list[str]:
    """Make every `logsigmoid` -softplus(-x)."""
    return rewrite(
        graph,
        "logsigmoid",
        lambda r: r.scale(r.unary("softplus", r.scale(r.x, -1), beta=1.0, threshold=20.0), -1),
    )


def tanh_shrink_to_tanh(graph: Graph) -> list[str]:
    """Make every `tanh_shrink` x - tanh(x)."""
    return rewrite(graph, "tanh_shrink", lambda r: r.binary("sub", r.x, r.unary("tanh", r.x)))


def softsign_to_division(graph: Graph) -> list[str]:
    """Make every `softsign` x / (1 + |x|)."""
    return rewrite(
        graph,
        "softsign",
        lambda r: r.binary("div", r.x, r.scale(r.unary("abs", r.x), 1, 1)),
    )


def activation_after_transposed(graph: Graph) -> list[str]:
    """Spell out every `hard_swish` or `hard_sigmoid` behind a transposed convolution.

    Paddle-Lite joins the two and has no kernel for the result.
    """
    producers, uses = graph.producers(), graph.uses()

    def joined(r: Replacement) -> bool:
        convolution = before(graph, producers, uses, r.x)
        return convolution is not None and convolution.type == "conv2d_transpose"

    def hard_swish(r: Replacement) -> str | None:
        if not joined(r):
            return None
        return r.binary("mul", r.x, r.unary("hard_sigmoid", r.x, slope=1 / 6, offset=0.5))

    def hard_sigmoid(r: Replacement) -> str | None:
        if not joined(r):
            return None
        line = r.scale(r.x, r.attribute("slope", 0.2), r.attribute("offset", 0.5))
        return r.unary("clip", line, min=0.0, max=1.0)

    replaced = rewrite(graph, "hard_sigmoid", hard_sigmoid)
    return [*replaced, *rewrite(graph, "hard_swish", hard_swish)]


def activation_after_elementwise(graph: Graph) -> list[str]:
    """Spell out every `abs`, and bound every `tanh`, behind an addition, subtraction or product.

    For x86 Paddle-Lite joins the two; the result has no kernel for `abs`, and gives NaN for a
    `tanh` of large values.
    """
    joined = ("elementwise_add", "elementwise_sub", "elementwise_mul")
    producers = graph.producers()

    def is_joined(r: Replacement) -> bool:
        producer = producers.get(r.x)
        return producer is not None and producer.type in joined

    def absolute(r: Replacement) -> str | None:
        return r.binary("max", r.x, r.scale(r.x, -1)) if is_joined(r) else None

    def tanh(r: Replacement) -> str | None:
        # in float32 it is 1 from 9.02 on
        return r.unary("tanh", r.unary("clip", r.x, min=-10.0, max=10.0)) if is_joined(r) else None

    return [*rewrite(graph, "abs", absolute), *rewrite(graph, "tanh", tanh)]


def maxout_to_max(graph: Graph) -> list[str]:
    """Make every `maxout` a `reduce_max` over the channels of a group."""

    def build(r: Replacement) -> str | None:
        sizes, groups = r.shape(r.x), r.attribute("groups")
        axis = r.attribute("axis", 1) % len(sizes)
        # with one open size reshape works it out
        if sum(size < 1 for size in sizes) > 1 or sizes[axis] < 1:
            return None
        outer, inner = math.prod(sizes[: axis + 1]) // groups, math.prod(sizes[axis + 1 :])
        outer, inner = max(outer, -1), max(inner, -1)
        grouped = r.reshape(r.x, [outer, groups, inner])
        largest = r.add(
            "reduce_max", {"X": grouped}, [outer, inner],
            dim=[1], keep_dim=False, reduce_all=False,
        )  # fmt: skip
        return r.reshape(largest, [*sizes[:axis], sizes[axis] // groups, *sizes[axis + 1 :]])

    return rewrite(graph, "maxout", build)
