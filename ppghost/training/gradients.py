"""Gradients of a loss and steps along them, appended in time linear in the number of parameters.

Paddle looks through all ops of the Program for the one that writes each parameter's gradient
(`append_backward`), and again for the first one that reads the parameter
(`Optimizer._update_param_device_map`): 4,800 parameters of GhostResNet1202 times 22,000 ops. The
first is for passes of its own that find gradients by their ops, the second for pipelines over
several devices; here nothing asks for either. And with each op whose gradient it makes, it hands
the names of all variables without gradients over to C++, instead of those that the op knows.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import paddle
from paddle.framework import core

#: what `append_backward` puts behind a parameter's name
_SUFFIX = core.grad_var_suffix()


def append_gradients(optimizer: Any, loss: paddle.static.Variable) -> list:
    """As `optimizer.backward(loss)`: (parameter, gradient) of all that are trained and are in use.

    Args:
        optimizer: one of Paddle's, or what goes around one (mixed precision, which scales the
            loss; merging of gradients, which looks for ops by their parameters): that is left as
            it is.
        loss: [1] or a scalar.
    """
    if not isinstance(optimizer, paddle.optimizer.Optimizer):
        return optimizer.backward(loss)
    block = loss.block.program.global_block()
    trained = [parameter for parameter in block.all_parameters() if parameter.trainable]
    with _names_of_each_op():
        optimizer.backward(loss, parameters=trained[:1])  # appends the gradients of all
    named = ((parameter, parameter.name + _SUFFIX) for parameter in trained)
    return [(parameter, block.var(name)) for parameter, name in named if block.has_var(name)]


@contextlib.contextmanager
def _names_of_each_op() -> Iterator[None]:
    """Let what makes an op's gradients be told which of the op's own variables shall have none."""
    make = core.get_grad_op_desc

    def make_of(op: Any, without: set[str], blocks: list) -> Any:
        if blocks:  # an op with a block of its own, such as a loop
            return make(op, without, blocks)
        names = (*op.input_arg_names(), *op.output_arg_names())
        return make(op, without.intersection(name + _SUFFIX for name in names), blocks)

    core.get_grad_op_desc = make_of
    try:
        yield
    finally:
        core.get_grad_op_desc = make


def append_steps(optimizer: Any, gradients: list) -> None:
    """As `optimizer.apply_gradients(gradients)`."""
    if isinstance(optimizer, paddle.optimizer.Optimizer):
        optimizer._update_param_device_map = lambda *_: None
    optimizer.apply_gradients(gradients)
