"""Shapes: constants without dimensions, and what asks for the sizes of another tensor."""

import math

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import attribute, main_output, set_attribute
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite


def give_constants_a_dimension(graph: Graph) -> list[str]:
    """Make every `fill_constant` of shape [] one of shape [1].

    Paddle 2.5 and later write the numbers of comparisons, conditions and powers so. Paddle-Lite
    knows no tensor without dimensions, and the runtime ends the process.
    """
    repaired = []
    for _, op in graph.operators("fill_constant"):
        if attribute(op, "shape", []) or any(slot.arguments for slot in op.inputs):
            continue
        set_attribute(op, "shape", [1], "LONGS")
        out = main_output(op)
        graph.variable(out).type.lod_tensor.tensor.dims[:] = [1]
        repaired.append(out)
    return repaired


def size_to_constant(graph: Graph) -> list[str]:
    """Make every `size`, the number of elements, a constant where all sizes are known."""

    def build(r: Replacement) -> str | None:
        sizes = r.shape(r.input("Input"))
        if min(sizes, default=1) < 1:
            return None
        count = math.prod(sizes)
        return r.add(
            "fill_constant", {}, [1], shape=[1], value=float(count), str_value=str(count),
            dtype=r.graph.dtype(r.out), force_cpu=False,
        )  # fmt: skip

    return rewrite(graph, "size", build, reads=("Input",), any_type=True)


def expand_as_to_expand(graph: Graph) -> list[str]:
    """Make every `expand_as_v2` an `expand_v2` to the sizes that the program knows."""

    def build(r: Replacement) -> str | None:
        wanted = r.attribute("target_shape") or r.shape(r.out)
        # one open size may stay as it is, if it is the input's own
        own = [0] * (len(wanted) - len(r.shape(r.x))) + r.shape(r.x)
        if any(size < 1 and other != size for size, other in zip(wanted, own, strict=True)):
            return None
        return r.add("expand_v2", {"X": r.x}, shape=wanted)

    return rewrite(graph, "expand_as_v2", build, reads=("X", "Y"), any_type=True)
