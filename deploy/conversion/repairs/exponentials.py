"""Sums of powers of e, which overflow where the largest value is not taken out first."""

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite

#: `kThreshold` of Paddle's softmax functors on CPUs
_LOWEST = -64.0


def softmax_without_overflow(graph: Graph) -> list[str]:
    """Take the largest value out before every `softmax` that is not over the last axis.

    x86's kernel does not: from logits 88 apart on it gives NaN.
    """

    def build(r: Replacement) -> str | None:
        rank = len(r.shape(r.x))
        axis = r.attribute("axis", -1) % rank if rank else 0
        if axis >= rank - 1:
            return None
        lowered = r.binary("sub", r.x, r.reduce("max", r.x, [axis]))
        return r.unary("softmax", lowered, axis=axis)

    return rewrite(graph, "softmax", build)


def log_softmax_to_exp(graph: Graph) -> list[str]:
    """Make every `log_softmax` its definition; the kernel takes the logarithm of what is 0.

    Paddle 2.6 itself counts what is more than 64 below the largest value as 64 below it.
    """

    def build(r: Replacement) -> str | None:
        rank = len(r.shape(r.x))
        if not rank:
            return None
        axes = [r.attribute("axis", -1) % rank]
        lowered = r.binary("sub", r.x, r.reduce("max", r.x, axes))
        lowered = r.unary("clip", lowered, min=_LOWEST, max=0.0)
        total = r.reduce("sum", r.unary("exp", lowered), axes)
        return r.binary("sub", lowered, r.unary("log", total))

    return rewrite(graph, "log_softmax", build)


def logsumexp_to_exp(graph: Graph) -> list[str]:
    """Make every `logsumexp` its definition, with the largest value taken out first."""

    def build(r: Replacement) -> str | None:
        rank = len(r.shape(r.x))
        axes = r.attribute("axis", [0])
        if r.attribute("reduce_all", False) or not axes:
            axes = list(range(rank))
        axes = [axis % rank for axis in axes]
        if len(axes) == rank:
            return None
        largest = r.reduce("max", r.x, axes)
        total = r.reduce("sum", r.unary("exp", r.binary("sub", r.x, largest)), axes)
        result = r.binary("add", r.unary("log", total), largest)
        if r.attribute("keepdim", False):
            return result
        return r.add("squeeze2", {"X": result}, axes=axes)

    return rewrite(graph, "logsumexp", build)
