"""The sizes that tensors have when a program runs: `python -m ppghost.analysis.measured_shapes`.

Standard input is a line of JSON, {"inputs", "unknown"}, then a ProgramDesc whose operators are
known to be harmless; the last line of standard output is {name: shape}.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle

from ppghost.formats.program_desc import InputSpec, framework, input_dtype
from ppghost.static.runtime import static_graph


def measure(
    program: Any, inputs: Sequence[InputSpec], unknown: Sequence[str]
) -> dict[str, list[int]]:
    """Run a program once, with zeros for its parameters and ones for its inputs.

    Args:
        program: a ProgramDesc.
        inputs: what is fed.
        unknown: the tensors whose sizes are asked for.
    """
    ops = [op for op in program.blocks[0].ops if op.type not in ("feed", "fetch")]
    bare = framework().ProgramDesc()
    bare.CopyFrom(program)
    del bare.blocks[0].ops[:]
    bare.blocks[0].ops.extend(ops)
    with static_graph() as place:
        runnable = paddle.static.Program.parse_from_string(bare.SerializeToString())
        executor, scope = paddle.static.Executor(place), paddle.static.Scope()
        for variable in runnable.list_vars():
            if variable.persistable and variable.type == framework().VarType.LOD_TENSOR:
                dtype = paddle.base.data_feeder.convert_dtype(variable.dtype)
                zeros = np.zeros([max(1, size) for size in variable.shape], dtype)
                scope.var(variable.name).get_tensor().set(zeros, place)
        feed = {spec["name"]: np.ones(spec["shape"], input_dtype(spec)) for spec in inputs}
        tensors = executor.run(
            runnable, feed=feed, fetch_list=list(unknown), return_numpy=False, scope=scope
        )
    return {name: list(tensor.shape()) for name, tensor in zip(unknown, tensors, strict=True)}


if __name__ == "__main__":
    request = json.loads(sys.stdin.buffer.readline())
    asked = framework().ProgramDesc.FromString(sys.stdin.buffer.read())
    print(json.dumps(measure(asked, request["inputs"], request["unknown"])))
