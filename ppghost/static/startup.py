"""The Program that gives parameters their first values, built in time linear in their number.

Before each new parameter Paddle asks every op of the startup Program whether it initialises that
one already (`_is_inited_by` in `Block.create_parameter`): 16,828 parameters make 140 million
questions, minutes for GhostResNet1202. This Program's block remembers what its ops write.
Nothing of Paddle is replaced: other Programs are as they were.
"""

from typing import Any

import paddle
from paddle.base.framework import Block
from paddle.framework import core

#: what Paddle does not count as initialising the parameter that it writes
_NOT_INITIALIZERS = frozenset({"c_broadcast", "c_sync_comm_stream", "coalesce_tensor"})


def startup_program(*, initialize: bool = True) -> paddle.static.Program:
    """An empty Program for `paddle.static.program_guard(main, startup)`.

    Args:
        initialize: False for a network that shall never run: its parameters then have names and
            shapes only, and none of the ops that would draw their values.
    """
    program = paddle.static.Program()
    program.blocks = [_StartupBlock(program, initialize)]
    return program


def run_startup(executor: paddle.static.Executor, program: paddle.static.Program, scope) -> None:
    """Run a startup Program in a scope, its ops one after another.

    Paddle's interpreter first asks of each pair of ops whether one depends on the other: 8,000 ops
    take 24 s, of which running them is 0.4 s. Its older executor, which still runs data sets and
    pipelines, just runs them; the values are the same bit for bit. On GPUs a startup Program also
    lets processes meet, which is left to the interpreter.
    """
    if not isinstance(executor.place, paddle.CPUPlace):
        executor.run(program, scope=scope)
        return
    place = core.Place()
    place.set_place(executor.place)
    # block 0, in the scope itself, with its variables made, and nothing to skip
    core.Executor(place).run(program.desc, scope, 0, False, True, [])


class _StartupBlock(Block):
    """A global block that does not look through all its ops for each parameter."""

    def __init__(self, program: paddle.static.Program, initialize: bool) -> None:
        super().__init__(program, 0)
        self._initialize = initialize
        self._initialized: set[str] = set()
        self._ops_seen = 0

    def create_parameter(self, *args: Any, **kwargs: Any) -> Any:
        """As Paddle's: a parameter that has no first value yet gets it from its initializer."""
        initializer = kwargs.pop("initializer", None)
        parameter = super().create_parameter(*args, **kwargs)
        if self._initialize and initializer and parameter.name not in self._written():
            stop_gradient = parameter.stop_gradient
            initializer(parameter, self)
            parameter.stop_gradient = stop_gradient  # appending an op may have changed it
        return parameter

    def _written(self) -> set[str]:
        """What the ops of the block write, those since the last call looked at too."""
        for op in self.ops[self._ops_seen :]:
            if op.type not in _NOT_INITIALIZERS:
                self._initialized.update(op.output_arg_names)
        self._ops_seen = len(self.ops)
        return self._initialized
