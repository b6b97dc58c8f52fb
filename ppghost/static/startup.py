"""The Program that gives parameters their first values, built in time linear in their number.

Before each new parameter Paddle asks every op of the startup Program whether it initialises that
one already (`_is_inited_by` in `Block.create_parameter`): 16,828 parameters make 140 million
questions, minutes for GhostResNet1202. This Program's block remembers what its ops write.
Nothing of Paddle is replaced: other Programs are as they were.
"""

from typing import Any

import paddle
from paddle.base.framework import Block

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
