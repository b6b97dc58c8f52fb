"""Named repairs of what Paddle 2.6.2 exports and Paddle-Lite 2.13rc0 cannot read.

Each pass changes a ProgramDesc in place and returns how many operators it repaired. What is
computed stays the same, and a graph that needs no repair stays as it is.
"""

from collections.abc import Callable
from typing import Any

from ppghost.formats.program_desc import framework


def add_xshape(program: Any) -> int:
    """Give every `flatten_contiguous_range` its `XShape` output.

    Paddle leaves out this output, used only for gradients, at export; Paddle-Lite reads it
    unasked, and the x86 conversion dies with SIGSEGV.
    """
    repaired = 0
    for block, op in _operators(program, "flatten_contiguous_range"):
        if _has_output(op, "XShape"):
            continue
        shape = _add_output(program, block, op, "XShape", like=op.inputs[0].arguments[0])
        # by Paddle's convention a zero, then the shape of X
        shape.dims[:] = [0, *shape.dims]
        repaired += 1
    return repaired


def add_instance_norm_statistics(program: Any) -> int:
    """Give every `instance_norm` its `SavedMean` and `SavedVariance` outputs.

    As with XShape: left out at export, and conversion aborts for every target.
    """
    repaired = 0
    for block, op in _operators(program, "instance_norm"):
        missing = [name for name in ("SavedMean", "SavedVariance") if not _has_output(op, name)]
        [source] = [slot.arguments[0] for slot in op.inputs if slot.parameter == "X"]
        for name in missing:
            statistics = _add_output(program, block, op, name, like=source)
            # one for each sample and channel
            statistics.dims[:] = [-1]
        repaired += bool(missing)
    return repaired


def add_relu6_threshold(program: Any) -> int:
    """Give every `relu6` its `threshold` attribute, 6.

    Paddle no longer writes an attribute that equals its default; Paddle-Lite insists on it, and
    conversion aborts for every target.
    """
    return _add_float(program, "relu6", "threshold", 6.0)


def add_swish_beta(program: Any) -> int:
    """Give every `swish` its `beta` attribute, 1, as with relu6's threshold."""
    return _add_float(program, "swish", "beta", 1.0)


def bmm_to_matmul(program: Any) -> int:
    """Make every `bmm` a `matmul_v2`, which computes the same from the same inputs.

    Paddle-Lite lists bmm among its operators, but has no kernel for it on any of our targets.
    """
    repaired = 0
    for _, op in _operators(program, "bmm"):
        op.type = "matmul_v2"
        for name in ("trans_x", "trans_y"):
            op.attrs.add(name=name, type=framework().BOOLEAN, b=False)
        repaired += 1
    return repaired


def matmul_to_mul(program: Any) -> int:
    """Make every `matmul_v2` by a weight matrix a `mul`, as Paddle 1.x wrote such layers.

    Paddle-Lite's weight-only quantization (`--quant_model`) scales the rows of matmul_v2's weights
    and gets nonsense or NaN out of them; those of mul it handles rightly. The result is the same
    otherwise, and Paddle-Lite joins mul and the addition of the bias into its `fc`.
    """
    variables = {var.name: var for block in program.blocks for var in block.vars}
    repaired = 0
    for _, op in _operators(program, "matmul_v2"):
        x, y = (
            variables[slot.arguments[0]]
            for name in ("X", "Y")
            for slot in op.inputs
            if slot.parameter == name
        )
        flipped = any(attr.name in ("trans_x", "trans_y") and attr.b for attr in op.attrs)
        rank = len(x.type.lod_tensor.tensor.dims)
        if flipped or rank < 2 or not y.persistable or len(y.type.lod_tensor.tensor.dims) != 2:
            continue
        op.type = "mul"
        op.attrs.add(name="x_num_col_dims", type=framework().INT, i=rank - 1)
        op.attrs.add(name="y_num_col_dims", type=framework().INT, i=1)
        repaired += 1
    return repaired


#: every pass, in the order it is run
PASSES: list[Callable[[Any], int]] = [
    add_xshape,
    add_instance_norm_statistics,
    add_relu6_threshold,
    add_swish_beta,
    bmm_to_matmul,
    matmul_to_mul,
]


def repair(program: Any) -> dict[str, int]:
    """Run every pass on `program` in place; the passes that changed something, with counts."""
    counts = {repair_pass.__name__: repair_pass(program) for repair_pass in PASSES}
    return {name: count for name, count in counts.items() if count}


def _operators(program: Any, kind: str) -> list[tuple[Any, Any]]:
    """Every operator of this type with its block."""
    return [(block, op) for block in program.blocks for op in block.ops if op.type == kind]


def _has_output(op: Any, name: str) -> bool:
    return any(output.parameter == name and output.arguments for output in op.outputs)


def _add_output(program: Any, block: Any, op: Any, name: str, *, like: str) -> Any:
    """Give `op` the output `name`, a new variable of the type of `like`; returns its tensor."""
    [source] = [var for scope in program.blocks for var in scope.vars if var.name == like][:1]
    variable = block.vars.add()
    variable.CopyFrom(source)
    variable.name = f"{op.outputs[0].arguments[0]}.{name.lower()}"
    variable.persistable = False
    op.outputs.add(parameter=name, arguments=[variable.name])
    return variable.type.lod_tensor.tensor


def _add_float(program: Any, kind: str, name: str, value: float) -> int:
    repaired = 0
    for _, op in _operators(program, kind):
        if all(attr.name != name for attr in op.attrs):
            op.attrs.add(name=name, type=framework().FLOAT, f=value)
            repaired += 1
    return repaired
