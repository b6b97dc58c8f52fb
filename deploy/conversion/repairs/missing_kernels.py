"""Operators without a kernel, made of operators that have one."""

import math
from typing import Any

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import (
    argument,
    attribute,
    new_operator,
    replace_operator,
    set_attribute,
)
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite
from ppghost.formats.program_desc import framework


def remove_dropout(graph: Graph) -> list[str]:
    """Take away every `dropout`, which does nothing in inference; a constant factor may remain.

    Paddle-Lite's own elimination no longer recognises what Paddle 2.6 exports: its kernel copies
    the tensor, in fp32 even in an fp16 file.
    """
    repaired = []
    for block, op in graph.operators("dropout"):
        if not attribute(op, "is_test", False) or argument(op, "Seed"):
            continue
        out, x = str(argument(op, "Out")), str(argument(op, "X"))
        factor = 1.0
        if attribute(op, "dropout_implementation", "downgrade_in_infer") == "downgrade_in_infer":
            factor -= attribute(op, "dropout_prob", 0.5)
        if factor != 1 or not graph.bypass(block, op):
            attributes = {"scale": factor, "bias": 0.0, "bias_after_scale": True}
            scale = new_operator("scale", {"X": x}, {"Out": out}, attributes)
            replace_operator(block, op, [scale])
        repaired.append(out)
    return repaired


def log1p_to_log(graph: Graph) -> list[str]:
    """Make every `log1p` log(1 + x)."""
    return rewrite(graph, "log1p", lambda r: r.unary("log", r.scale(r.x, 1, 1)))


def log2_to_log(graph: Graph) -> list[str]:
    """Make every `log2` log(x) / log(2)."""
    return rewrite(graph, "log2", lambda r: r.scale(r.unary("log", r.x), 1 / math.log(2)))


def log10_to_log(graph: Graph) -> list[str]:
    """Make every `log10` log(x) / log(10)."""
    return rewrite(graph, "log10", lambda r: r.scale(r.unary("log", r.x), 1 / math.log(10)))


def ceil_to_floor(graph: Graph) -> list[str]:
    """Make every `ceil` -floor(-x)."""
    return rewrite(graph, "ceil", lambda r: r.scale(r.unary("floor", r.scale(r.x, -1)), -1))


def sign_to_comparisons(graph: Graph) -> list[str]:
    """Make every `sign` (x > 0) - (x < 0)."""
    import numpy as np

    kinds = framework().VarType

    def build(r: Replacement) -> str:
        zero = r.constant(np.zeros(1, np.float32))

        def holds(comparison: str) -> str:
            operands = {"X": r.x, "Y": zero}
            truth = r.add(comparison, operands, data_type=kinds.BOOL, axis=-1, force_cpu=False)
            return r.add("cast", {"X": truth}, in_dtype=kinds.BOOL, out_dtype=kinds.FP32)

        return r.binary("sub", holds("greater_than"), holds("less_than"))

    return rewrite(graph, "sign", build)


def sum_to_additions(graph: Graph) -> list[str]:
    """Make every `sum` of several tensors additions of two."""

    def build(r: Replacement) -> str:
        [slot] = [slot for slot in r.op.inputs if slot.parameter == "X"]
        total, *others = slot.arguments
        for other in others:
            total = r.binary("add", total, other)
        return total

    return rewrite(graph, "sum", build, any_type=True)


def arg_min_to_arg_max(graph: Graph) -> list[str]:
    """Make every `arg_min` the `arg_max` of -x, or of -1 - x for whole numbers."""
    kinds = framework().VarType

    def build(r: Replacement) -> str | None:
        if graph.dtype(r.x) not in (kinds.FP32, kinds.INT32, kinds.INT64):
            return None
        # the least whole number has no negative
        shift = 0 if graph.dtype(r.x) == kinds.FP32 else -1
        names = ("axis", "keepdims", "flatten", "dtype")
        found = {name: value for name in names if (value := r.attribute(name)) is not None}
        result = r.add("arg_max", {"X": r.scale(r.x, -1, shift)})
        for name, value in found.items():
            set_attribute(r.last, name, value, "LONG" if name == "axis" else None)
        return result

    return rewrite(graph, "arg_min", build, any_type=True)


def flatten_before_arg_max(graph: Graph) -> list[str]:
    """Put a reshape before every `arg_max` over all elements.

    Paddle-Lite searches the first axis, whatever is asked for.
    """

    def build(r: Replacement) -> str | None:
        if not r.attribute("flatten", False):
            return None
        flat = r.reshape(r.x, [-1])
        found = r.add("arg_max", {"X": flat}, [1], dtype=r.attribute("dtype", 3), keepdims=False)
        set_attribute(r.last, "axis", 0, "LONG")
        # with keepdims there are as many ones as the input has sizes
        return r.reshape(found, r.shape(r.out)) if r.attribute("keepdims", False) else found

    return rewrite(graph, "arg_max", build, any_type=True)


def smallest_to_largest(graph: Graph) -> list[str]:
    """Make every `top_k_v2` of the smallest values one of the largest of -x.

    Paddle-Lite gives the largest values whatever is asked for.
    """
    repaired = []
    for block, op in graph.operators("top_k_v2"):
        x, out = str(argument(op, "X")), str(argument(op, "Out"))
        if attribute(op, "largest", True) or graph.dtype(x) != framework().VarType.FP32:
            continue
        negative = graph.add_variable(block, f"{x}.negative", graph.shape(x), graph.dtype(x))
        largest = graph.add_variable(block, f"{out}.negative", graph.shape(out), graph.dtype(x))
        top = new_operator("top_k_v2", {}, {}, {})
        top.CopyFrom(op)
        set_attribute(top, "largest", True)
        for slots, name in ((top.inputs, negative), (top.outputs, largest)):
            for slot in slots:
                if slot.parameter in ("X", "Out"):
                    slot.arguments[:] = [name]
        replace_operator(block, op, [_negation(x, negative), top, _negation(largest, out)])
        repaired.append(out)
    return repaired


def channel_shuffle_to_shuffle_channel(graph: Graph) -> list[str]:
    """Make every `channel_shuffle` the older `shuffle_channel`, which does the same."""

    def build(r: Replacement) -> str | None:
        if r.attribute("data_format", "NCHW") != "NCHW":
            return None
        return r.unary("shuffle_channel", r.x, group=r.attribute("groups"))

    return rewrite(graph, "channel_shuffle", build, any_type=True)


def pixel_unshuffle_to_transpose(graph: Graph) -> list[str]:
    """Make every `pixel_unshuffle` a reshape, a transpose and a reshape."""

    def build(r: Replacement) -> str | None:
        batch, channels, height, width = r.shape(r.x)
        factor = r.attribute("downscale_factor", 1)
        if r.attribute("data_format", "NCHW") != "NCHW" or min(channels, height, width) < 1:
            return None
        rows, columns = height // factor, width // factor
        blocks = r.reshape(r.x, [batch, channels, rows, factor, columns, factor])
        sorted_ = r.transpose(blocks, [0, 1, 3, 5, 2, 4])
        return r.reshape(sorted_, [batch, channels * factor**2, rows, columns])

    return rewrite(graph, "pixel_unshuffle", build, any_type=True)


def _negation(x: str, out: str) -> Any:
    attributes = {"scale": -1.0, "bias": 0.0, "bias_after_scale": True}
    return new_operator("scale", {"X": x}, {"Out": out}, attributes)
