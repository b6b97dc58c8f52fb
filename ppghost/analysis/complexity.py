"""Where a network's parameters and multiply-accumulates are, counted on the built Program."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import paddle
from paddle.utils import unique_name

from ppghost.models import factory, registry
from ppghost.static import runtime as static


class Totals(NamedTuple):
    """Trainable parameters, and multiply-accumulates of one image."""

    params: int
    macs: int


def count(program: paddle.static.Program) -> Totals:
    """Trainable parameters, and MACs of convolutions and fully connected layers.

    The Program is built for a batch of 1, so that every shape is known.
    """
    params = sum(math.prod(p.shape) for p in program.all_parameters() if p.trainable)
    return Totals(
        params, sum(_macs(program.global_block(), op) for op in program.global_block().ops)
    )


def count_architecture(name: str, shape: Sequence[int] | None = None, **arguments) -> Totals:
    """`count` for an architecture of the zoo on an image [C, H, W], by default its own."""
    static.enable()
    if shape is None:
        shape = registry.ARCHITECTURES[name].input_shape
    program = paddle.static.Program()
    with paddle.static.program_guard(program, paddle.static.Program()), unique_name.guard():
        factory.create(name, **arguments)(paddle.static.data("image", [1, *shape], "float32"))
    return count(program)


def _macs(block, op) -> int:
    """Multiply-accumulates of one op: outputs times the inputs that each one sums over."""
    if op.type in ("conv2d", "depthwise_conv2d"):
        per_output = math.prod(block.var(op.input("Filter")[0]).shape[1:])
        return _numel(block.var(op.output("Output")[0])) * per_output
    if op.type in ("matmul_v2", "mul"):
        weights = block.var(op.input("Y")[0]).shape
        transposed = op.type == "matmul_v2" and op.attr("trans_y")
        return _numel(block.var(op.output("Out")[0])) * weights[-1 if transposed else -2]
    return 0


def _numel(variable) -> int:
    return math.prod(variable.shape)
