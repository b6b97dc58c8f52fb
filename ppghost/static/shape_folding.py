"""Shapes that are known, told to the ops that now compute them at each step.

A network of PaddleClas's takes the batch size from its input at each reshape, and as part of a
static Program that is a `shape`, a `slice` and a `fill_constant` per known length: a third of the
ops of CSWinTransformer. Paddle's interpreter needs memory that grows faster than their number.
"""

import collections

import paddle

#: ops that tell lengths: they go when nothing reads them any more
SHAPE_OPS = frozenset({"cast", "elementwise_floordiv", "fill_constant", "shape", "slice"})


def fold_constant_shapes(program: paddle.static.Program, outputs: object) -> None:
    """Let each reshape of a Program without backward ops find its one unknown length itself.

    The ops that tell lengths go where nothing reads them, the network's `outputs` (a Variable, or
    a list or dict of them) excepted.
    """
    block = program.global_block()
    constants = _constants(block.ops)
    for op in block.ops:
        if op.type == "reshape2" and (lengths := op.input("ShapeTensor")):
            shape = [constants.get(name, -1) for name in lengths]
            if shape.count(-1) <= 1:
                op.desc.set_input("ShapeTensor", [])
                op._set_attr("shape", shape)
    readers = collections.Counter(variable.name for variable in paddle.utils.flatten(outputs))
    readers.update(name for op in block.ops for name in op.input_arg_names)
    for index in reversed(range(len(block.ops))):
        op = block.ops[index]
        if op.type in SHAPE_OPS and not any(readers[name] for name in op.output_arg_names):
            readers.subtract(op.input_arg_names)
            block._remove_op(index, sync=False)  # else it compares all ops each time


def _constants(ops: list) -> dict[str, int]:
    """Lengths that a `fill_constant` of a number writes, and nothing else.

    `ops` are the global block's; those with blocks of their own name all that is written there.
    """
    writers = collections.Counter(name for op in ops for name in op.output_arg_names)
    filled = {
        op.output("Out")[0]: int(op.attr("value"))
        for op in ops
        if op.type == "fill_constant" and not op.input_arg_names
    }
    return {name: value for name, value in filled.items() if writers[name] == 1}
