"""What Paddle no longer writes and Paddle-Lite reads unasked: attributes, outputs, parameters."""

import math

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import (
    argument,
    attribute,
    main_output,
    set_argument,
    set_attribute,
)


def add_xshape(graph: Graph) -> list[str]:
    """Give every `flatten_contiguous_range` its `XShape` output.

    Paddle leaves out this output, used only for gradients, at export; Paddle-Lite reads it
    unasked, and the x86 conversion dies with SIGSEGV.
    """
    repaired = []
    for block, op in graph.operators("flatten_contiguous_range"):
        if argument(op, "XShape"):
            continue
        x, out = str(argument(op, "X")), main_output(op)
        # by Paddle's convention a zero, then the shape of X
        shape = [0, *graph.shape(x)]
        name = graph.add_variable(block, f"{out}.xshape", shape, graph.dtype(x))
        op.outputs.add(parameter="XShape", arguments=[name])
        repaired.append(out)
    return repaired


def add_instance_norm_statistics(graph: Graph) -> list[str]:
    """Give every `instance_norm` its `SavedMean` and `SavedVariance` outputs.

    As with XShape: left out at export, and conversion aborts for every target.
    """
    repaired = []
    for block, op in graph.operators("instance_norm"):
        missing = [name for name in ("SavedMean", "SavedVariance") if not argument(op, name)]
        x, out = str(argument(op, "X")), main_output(op)
        for slot in missing:
            # one for each sample and channel
            name = graph.add_variable(block, f"{out}.{slot.lower()}", [-1], graph.dtype(x))
            op.outputs.add(parameter=slot, arguments=[name])
        if missing:
            repaired.append(out)
    return repaired


def add_layer_norm_affine(graph: Graph) -> list[str]:
    """Give every `layer_norm` without a scale or a shift one of ones, or of zeros.

    Paddle-Lite reads both, whether they are there or not, and dies with SIGSEGV.
    """
    import numpy as np

    repaired = []
    for _, op in graph.operators("layer_norm"):
        missing = [slot for slot in ("Scale", "Bias") if not argument(op, slot)]
        x = str(argument(op, "X"))
        size = math.prod(graph.shape(x)[attribute(op, "begin_norm_axis", 1) :])
        if not missing or size < 1:
            continue
        out = str(argument(op, "Y"))
        for slot in missing:
            fill = np.ones if slot == "Scale" else np.zeros
            name = graph.add_parameter(f"{out}.{slot.lower()}", fill(size, np.float32))
            set_argument(op, slot, name)
        repaired.append(out)
    return repaired


def add_relu6_threshold(graph: Graph) -> list[str]:
    """Give every `relu6` its `threshold` attribute, 6.

    Paddle no longer writes an attribute that equals its default; Paddle-Lite insists on it, and
    conversion aborts for every target.
    """
    return _add_float(graph, "relu6", "threshold", 6.0)


def add_swish_beta(graph: Graph) -> list[str]:
    """Give every `swish` its `beta` attribute, 1, as with relu6's threshold."""
    return _add_float(graph, "swish", "beta", 1.0)


def add_reduce_all(graph: Graph) -> list[str]:
    """Name all axes in every reduction that names none.

    Paddle means all of them by that; in Paddle-Lite the runtime dies.
    """
    repaired = []
    for _, op in graph.operators(*_REDUCTIONS):
        if attribute(op, "dim", [0]) or attribute(op, "reduce_all", False):
            continue
        rank = len(graph.shape(str(argument(op, "X"))))
        set_attribute(op, "dim", list(range(rank)))
        set_attribute(op, "reduce_all", True)
        repaired.append(main_output(op))
    return repaired


_REDUCTIONS = tuple(
    f"reduce_{kind}" for kind in ("all", "any", "max", "mean", "min", "prod", "sum")
)


def _add_float(graph: Graph, kind: str, name: str, value: float) -> list[str]:
    repaired = []
    for _, op in graph.operators(kind):
        if attribute(op, name) is None:
            set_attribute(op, name, value)
            repaired.append(main_output(op))
    return repaired
