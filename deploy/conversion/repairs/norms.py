"""Norms of vectors and matrices, made of sums and maxima."""

import math

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite


def p_norm_to_reductions(graph: Graph) -> list[str]:
    """Make every `p_norm` of order 1 or infinity a sum or a maximum of |x|.

    Paddle-Lite gives that of order 2 whatever is asked for.
    """
    kinds = {1.0: "sum", math.inf: "max"}

    def build(r: Replacement) -> str | None:
        kind = kinds.get(r.attribute("porder", 2.0))
        if kind is None:
            return None
        axes = None if r.attribute("asvector", False) else [r.attribute("axis", -1)]
        return _reduced(r, kind, r.unary("abs", r.x), axes)

    return rewrite(graph, "p_norm", build)


def frobenius_norm_to_sum(graph: Graph) -> list[str]:
    """Make every `frobenius_norm` the root of a sum of squares."""

    def build(r: Replacement) -> str | None:
        axes = None if r.attribute("reduce_all", False) else r.attribute("dim", [-1])
        return r.unary("sqrt", _reduced(r, "sum", r.binary("mul", r.x, r.x), axes))

    return rewrite(graph, "frobenius_norm", build)


def _reduced(r: Replacement, kind: str, x: str, axes: list[int] | None) -> str:
    """Over some axes or, for None, over all; of the shape of the replaced output."""
    rank = len(r.shape(x))
    axes = None if axes is None or len(axes) == rank else [axis % rank for axis in axes]
    if axes is None:
        # Paddle-Lite has no 0-D tensors: there is one number
        return r.reshape(r.reduce(kind, r.reshape(x, [-1]), [0]), r.shape(r.out) or [1])
    result = r.reduce(kind, x, axes)
    if len(r.shape(r.out)) == rank:
        return result
    return r.add("squeeze2", {"X": result}, axes=axes)
