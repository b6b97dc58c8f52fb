"""A program in which every variable has one writer and, as far as that can be known, its sizes."""

from collections.abc import Sequence
from typing import Any

from ppghost.formats.program_desc import InputSpec, framework
from ppghost.utils.paddle import import_paddle

#: operators whose outputs are as large as the values ask for; Paddle declares sizes for some of
#: them all the same
_SIZED_BY_VALUES = """
distribute_fpn_proposals collect_fpn_proposals generate_proposals generate_proposals_v2
masked_select matrix_nms multiclass_nms multiclass_nms2 multiclass_nms3 retinanet_detection_output
unique unique_with_counts where_index
"""


def with_known_shapes(program: Any, inputs: Sequence[InputSpec]) -> Any:
    """A copy whose variables have the sizes that Paddle's own shape inference gives them.

    What depends on values, or what Paddle cannot infer, has open sizes (-1). A variable that
    several operators write, as programs of Paddle 1.x do to save memory, becomes several.

    Args:
        program: a ProgramDesc, which is not changed.
        inputs: all of its inputs, with every size.
    """
    copy = framework().ProgramDesc()
    copy.CopyFrom(program)
    _give_each_writer_its_variable(copy.blocks[0])
    variables = {var.name: var for var in copy.blocks[0].vars}
    for spec in inputs:
        variables[spec["name"]].type.lod_tensor.tensor.dims[:] = spec["shape"]
    return framework().ProgramDesc.FromString(_infer(copy))


def _give_each_writer_its_variable(block: Any) -> None:
    variables = {var.name: var for var in block.vars}
    current: dict[str, str] = {}
    for op in block.ops:
        for slot in op.inputs:
            slot.arguments[:] = [current.get(name, name) for name in slot.arguments]
        for slot in op.outputs:
            slot.arguments[:] = [
                _written(name, block, variables, current) for name in slot.arguments
            ]


def _written(name: str, block: Any, variables: dict[str, Any], current: dict[str, str]) -> str:
    """The variable that a writer of `name` writes: a new one if there was another writer."""
    var = variables.get(name)
    if var is None or var.persistable:
        return name
    if name not in current:
        current[name] = name
        return name
    new = next(f"{name}@{n}" for n in range(len(variables)) if f"{name}@{n}" not in variables)
    variables[new] = block.vars.add()
    variables[new].CopyFrom(var)
    variables[new].name = new
    current[name] = new
    return new


def _infer(program: Any) -> bytes:
    """The program's bytes after Paddle's inference, operator by operator."""
    desc = import_paddle().base.core.ProgramDesc(program.SerializeToString())
    block = desc.block(0)
    for number in range(block.op_size()):
        op = block.op(number)
        if op.type() in ("feed", "fetch"):
            continue
        try:
            op.infer_shape(block)
            known = op.type() not in _SIZED_BY_VALUES.split()
        # whatever Paddle's C++ checks say of sizes that are not known: then these are not either
        except (RuntimeError, ValueError, IndexError, TypeError, OSError):
            known = False
        if not known:
            _open_outputs(op, block)
    return bytes(desc.serialize_to_string())


def _open_outputs(op: Any, block: Any) -> None:
    for name in op.output_arg_names():
        var = block.find_var(name.encode())
        if var is not None and not var.persistable() and _is_tensor(var):
            var.set_shape([-1] * max(1, len(var.shape())))


def _is_tensor(var: Any) -> bool:
    return int(var.type()) == framework().VarType.LOD_TENSOR
