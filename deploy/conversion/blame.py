"""Which operator `paddle_lite_opt` dies on without a word: the first that it cannot be given."""

from collections.abc import Callable
from typing import Any

from ppghost.deploy.conversion.repairs.operators import new_operator
from ppghost.formats.program_desc import framework


def first_fatal_operator(program: Any, converts: Callable[[Any], bool]) -> str | None:
    """Find the operator with which a program stops being convertible, by bisection.

    Args:
        program: that cannot be converted; of it ever shorter beginnings are tried.
        converts: whether a program can be.

    Returns:
        The operator's type and output, for people; None if no beginning fails.
    """
    count = sum(op.type != "fetch" for op in program.blocks[0].ops)
    # of `right` operators a beginning converts, of `wrong` it does not
    right, wrong = 0, count
    if converts(_beginning(program, count)):
        return None
    while wrong - right > 1:
        middle = (right + wrong) // 2
        if converts(_beginning(program, middle)):
            right = middle
        else:
            wrong = middle
    op = [op for op in program.blocks[0].ops if op.type != "fetch"][wrong - 1]
    outputs = [name for slot in op.outputs for name in slot.arguments]
    return f"{op.type} ({', '.join(outputs[:1])})"


def _beginning(program: Any, count: int) -> Any:
    """A copy with the first `count` operators of the main block, the last one's output fetched."""
    copy = framework().ProgramDesc()
    copy.CopyFrom(program)
    block = copy.blocks[0]
    ops = [op for op in program.blocks[0].ops if op.type != "fetch"][:count]
    del block.ops[:]
    block.ops.extend(ops)
    last = next((slot.arguments[0] for slot in ops[-1].outputs if slot.arguments), None)
    if last is not None and ops[-1].type != "feed":
        block.ops.append(new_operator("fetch", {"X": last}, {"Out": "fetch"}, {"col": 0}))
    return copy
