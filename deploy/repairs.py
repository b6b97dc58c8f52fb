"""Named repairs of what Paddle 2.6.2 exports and Paddle-Lite 2.13rc0 cannot read.

Each pass changes a ProgramDesc in place and returns how many operators it repaired. A pass only
adds what is missing, so a graph that needs no repair stays as it is.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.program import MODEL_FILE, PARAMS_FILE, load_program
from ppghost.errors import InputError


def add_xshape(program: Any) -> int:
    """Give every `flatten_contiguous_range` its `XShape` output.

    Paddle leaves out this output, used only for gradients, at export; Paddle-Lite reads it
    unasked, and the x86 conversion dies with SIGSEGV.
    """
    repaired = 0
    variables = {var.name: var for block in program.blocks for var in block.vars}
    for block in program.blocks:
        for op in block.ops:
            if op.type != "flatten_contiguous_range":
                continue
            if any(output.parameter == "XShape" and output.arguments for output in op.outputs):
                continue
            arguments = {slot.parameter: slot.arguments for slot in (*op.inputs, *op.outputs)}
            source = variables[arguments["X"][0]]
            shape = block.vars.add()
            shape.CopyFrom(source)
            shape.name = f"{arguments['Out'][0]}.xshape"
            shape.persistable = False
            # by Paddle's convention a zero, then the shape of X
            tensor = shape.type.lod_tensor.tensor
            tensor.dims[:] = [0, *tensor.dims]
            op.outputs.add(parameter="XShape", arguments=[shape.name])
            repaired += 1
    return repaired


def add_relu6_threshold(program: Any) -> int:
    """Give every `relu6` its `threshold` attribute, 6.

    Paddle no longer writes an attribute that equals its default; Paddle-Lite insists on it, and
    conversion aborts for every target.
    """
    from paddle.base.proto.framework_pb2 import FLOAT

    repaired = 0
    for block in program.blocks:
        for op in block.ops:
            if op.type == "relu6" and all(attr.name != "threshold" for attr in op.attrs):
                op.attrs.add(name="threshold", type=FLOAT, f=6.0)
                repaired += 1
    return repaired


#: every pass, in the order it is run
PASSES: list[Callable[[Any], int]] = [add_xshape, add_relu6_threshold]


def repair(program: Any) -> dict[str, int]:
    """Run every pass on `program` in place; the passes that changed something, with counts."""
    counts = {one_pass.__name__: one_pass(program) for one_pass in PASSES}
    return {name: count for name, count in counts.items() if count}


def repair_model(src_dir: Path, dst_dir: Path) -> dict[str, int]:
    """Write a repaired copy of the exported model in `src_dir` to `dst_dir`.

    Returns {pass name: operators repaired}. Raises InputError for an unreadable model or a
    place that cannot be written.
    """
    program = load_program(src_dir / MODEL_FILE)
    counts = repair(program)
    try:
        dst_dir.mkdir(parents=True, exist_ok=True)
        (dst_dir / MODEL_FILE).write_bytes(program.SerializeToString())
        shutil.copyfile(src_dir / PARAMS_FILE, dst_dir / PARAMS_FILE)
    except OSError as error:
        raise InputError(
            f"{dst_dir}: cannot copy the model there ({error.strerror or error})"
        ) from None
    return counts
