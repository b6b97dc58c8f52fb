"""The sizes of all tensors of a program whose inputs are known, where it leaves them open itself.

Paddle's own rules say what each operator makes of the sizes of its inputs. Where a program takes
sizes from tensors (a reshape to what another operator says), no rule knows them: then the program
runs once, and what came out is measured. Values do not matter for that: its parameters are zeros,
its inputs ones, and its parameter file is not needed.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ppghost.analysis.graph import Shapes
from ppghost.formats.op_desc import all_arguments
from ppghost.formats.operators import check_known
from ppghost.formats.program_desc import InputSpec, framework, operator_types

logger = logging.getLogger(__name__)

#: how long a program may run for its sizes
_TIMEOUT_S = 120


def has_open_sizes(program: Any, inputs: Sequence[InputSpec]) -> bool:
    """Whether the program itself does not say all sizes, or says others than the inputs have."""
    lod_tensor = framework().VarType.LOD_TENSOR
    variables = {variable.name: variable for variable in program.blocks[0].vars}
    given = all(
        list(variables[spec["name"]].type.lod_tensor.tensor.dims) == spec["shape"]
        for spec in inputs
    )
    written = [
        name
        for op in program.blocks[0].ops
        if op.type not in ("feed", "fetch")
        for slot in op.outputs
        if slot.parameter != "XShape"  # what the gradient would need
        for name in slot.arguments
    ]
    sizes = (
        size
        for name in written
        if name in variables and variables[name].type.type == lod_tensor
        for size in variables[name].type.lod_tensor.tensor.dims
    )
    reused = len(set(written)) < len(written)
    return not given or reused or min(sizes, default=0) < 0


def infer_shapes(program: Any, inputs: Sequence[InputSpec], name: str) -> Shapes:
    """The shape of all that operators of the main block write, by operator and name.

    A size that nothing tells is -1.

    Args:
        program: a ProgramDesc.
        inputs: what is fed.
        name: of the program, for messages.

    Raises:
        InputError: the program would have to run for its sizes, and has an operator that is not
            known to be harmless.
        ValueError: an operator cannot take what it would get.
    """
    fixed = _fix_inputs(program, inputs)
    shapes = _by_rules(fixed)
    if unknown := sorted({name for (_, name), shape in shapes.items() if _is_open(shape)}):
        check_known(operator_types(program), name)
        shapes |= _by_running(fixed, inputs, unknown)
    return shapes


def reason(error: BaseException) -> str:
    """The line of one of Paddle's errors that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("(") or "Error: " in line]
    return (told or lines or [type(error).__name__])[0]


def _is_open(shape: Sequence[int]) -> bool:
    return min(shape, default=0) < 0


def _fix_inputs(program: Any, inputs: Sequence[InputSpec]) -> Any:
    """A copy whose inputs have their sizes."""
    fixed = framework().ProgramDesc()
    fixed.CopyFrom(program)
    variables = {variable.name: variable for variable in fixed.blocks[0].vars}
    for spec in inputs:
        variables[spec["name"]].type.lod_tensor.tensor.dims[:] = spec["shape"]
    return fixed


def _by_rules(program: Any) -> dict[tuple[int, str], tuple[int, ...]]:
    from ppghost.utils.paddle import import_paddle

    import_paddle()
    from paddle.base import core

    desc = core.ProgramDesc(program.SerializeToString())
    block = desc.block(0)
    shapes = {}
    for index, op in enumerate(program.blocks[0].ops):
        if op.type in ("feed", "fetch"):
            continue
        block.op(index).infer_shape(block)
        for name in all_arguments(op.outputs):
            variable = block.find_var(name.encode())
            if variable is not None and variable.type() == core.VarDesc.VarType.LOD_TENSOR:
                shapes[index, name] = tuple(variable.shape())
    return shapes


def _by_running(
    program: Any, inputs: Sequence[InputSpec], unknown: Sequence[str]
) -> dict[tuple[int, str], tuple[int, ...]]:
    """What is `unknown`, measured; nothing where the program cannot run."""
    found = _measure(program, inputs, unknown)
    return {
        (index, name): tuple(found[name])
        for index, op in enumerate(program.blocks[0].ops)
        for name in all_arguments(op.outputs)
        if name in found
    }


def _measure(
    program: Any, inputs: Sequence[InputSpec], unknown: Sequence[str]
) -> Mapping[str, Sequence[int]]:
    """In a process of its own: what Paddle cannot compute may end the process."""
    request = json.dumps({"inputs": inputs, "unknown": unknown}).encode() + b"\n"
    try:
        run = subprocess.run(
            [sys.executable, "-m", "ppghost.analysis.measured_shapes"],
            input=request + program.SerializeToString(),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "GLOG_minloglevel": "3"},
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
        return json.loads(run.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, OSError, ValueError, IndexError) as error:
        logger.debug("it does not run for its sizes: %s", error)
        return {}
