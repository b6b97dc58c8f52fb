"""Operators on channels-last images, which Paddle-Lite computes as if channels came first."""

from typing import Any

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import (
    argument,
    attribute,
    new_operator,
    replace_operator,
    set_argument,
    set_attribute,
)

#: operators with a layout -> their image input and output, and the attribute's name
_LAYOUTS = {
    "conv2d": ("Input", "Output", "data_format"),
    "depthwise_conv2d": ("Input", "Output", "data_format"),
    "conv2d_transpose": ("Input", "Output", "data_format"),
    "pool2d": ("X", "Out", "data_format"),
    "batch_norm": ("X", "Y", "data_layout"),
    "group_norm": ("X", "Y", "data_layout"),
    "prelu": ("X", "Out", "data_format"),
    "bilinear_interp_v2": ("X", "Out", "data_layout"),
    "nearest_interp_v2": ("X", "Out", "data_layout"),
}
_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


def channels_last_to_first(graph: Graph) -> list[str]:
    """Transpose at the borders of operators on NHWC images, which become operators on NCHW ones.

    Between two such operators no transpose is left.
    """
    #: block and channels-last variable, written once -> the same with channels first
    first: dict[tuple[int, str], str] = {}
    rewritten, repaired = graph.rewritten(), []
    for block, op in graph.operators(*_LAYOUTS):
        source, result, name = _LAYOUTS[op.type]
        x, out = str(argument(op, source)), str(argument(op, result))
        if attribute(op, name, "NCHW") != "NHWC" or len(graph.shape(x)) != 4:
            continue
        new: list[Any] = []
        before, after = (block.idx, x), (block.idx, out)
        if before not in first or x in rewritten:
            first[before] = _transposed(graph, block, new, x, _TO_CHANNELS_FIRST)
        changed = new_operator(op.type, {}, {}, {})
        changed.CopyFrom(op)
        set_attribute(changed, name, "NCHW")
        set_argument(changed, source, first[before])
        sizes = graph.shape(out)
        first[after] = graph.add_variable(
            block, f"{out}.nchw", [sizes[axis] for axis in _TO_CHANNELS_FIRST], graph.dtype(out)
        )
        for slot in changed.outputs:
            if slot.parameter == result:
                slot.arguments[:] = [first[after]]
        new += [changed, _transpose(graph, block, first[after], out, _TO_CHANNELS_LAST)]
        replace_operator(block, op, new)
        repaired.append(out)
    _remove_unread(graph, set(repaired))
    return repaired


def _transposed(graph: Graph, block: Any, new: list[Any], x: str, order: list[int]) -> str:
    sizes = graph.shape(x)
    name = graph.add_variable(block, f"{x}.nchw", [sizes[axis] for axis in order], graph.dtype(x))
    new.append(_transpose(graph, block, x, name, order))
    return name


def _transpose(graph: Graph, block: Any, x: str, out: str, order: list[int]) -> Any:
    shadow = graph.add_variable(block, f"{out}.xshape", [0, *graph.shape(x)], graph.dtype(x))
    return new_operator("transpose2", {"X": x}, {"Out": out, "XShape": shadow}, {"axis": order})


def _remove_unread(graph: Graph, names: set[str]) -> None:
    """Take away the transposes to `names` that no operator reads any more."""
    uses = graph.uses()
    for block, op in graph.operators("transpose2"):
        out = str(argument(op, "Out"))
        if out in names and not uses[out]:
            block.ops.remove(op)
