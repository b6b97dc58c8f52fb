"""Which ops of a program run in oneDNN's kernels on a CPU, in training and in prediction."""

import collections
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ppghost.formats.op_desc import all_arguments, set_attribute

#: on a CPU the better part of a step; measured in docs/results.md
_ONEDNN_OPS = ("conv2d", "depthwise_conv2d", "relu", "relu6")
#: what may read a convolution's output in oneDNN's layout. The gradients of others (`concat`,
#: `unfold`, `roll`, `gather`, interpolation) call plain memory oneDNN's, and the step fails; each
#: of these is compared with plain kernels by a test
READ_ONEDNN = frozenset({
    "batch_norm", "conv2d", "depthwise_conv2d", "dropout", "elementwise_add", "elementwise_mul",
    "flatten_contiguous_range", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "pool2d",
    "relu", "relu6", "reshape2", "shape", "sigmoid", "silu", "slice", "split", "swish",
    "transpose2",
})  # fmt: skip


class OpTensors(NamedTuple):
    """An op: its type, and the names of the tensors that it reads and writes."""

    type: str
    inputs: Iterable[str]
    outputs: Iterable[str]


def onednn_ops(ops: Sequence[OpTensors]) -> list[int]:
    """Places of the convolutions and ReLUs that are to run in oneDNN's kernels.

    Paddle's own CPU kernels for them take most of a step. Not for every op: oneDNN's batch_norm
    and others crash in training. Gradients follow their ops.
    """
    readers: dict[str, set[str]] = collections.defaultdict(set)
    for op in ops:
        for name in () if op.type.endswith("_grad") else op.inputs:
            readers[name].add(op.type)
    chosen = []
    for place, op in enumerate(ops):
        kind = op.type.removesuffix("_grad")
        if kind not in _ONEDNN_OPS:
            continue
        forward_convolution = op.type == kind and kind.endswith("conv2d")
        if forward_convolution and any(readers[name] - READ_ONEDNN for name in op.outputs):
            continue
        chosen.append(place)
    return chosen


def use_onednn_in(program: Any) -> None:
    """Choose oneDNN's kernels (`onednn_ops`) in a ProgramDesc that is only run, never trained."""
    ops = program.blocks[0].ops
    for place in onednn_ops(
        [OpTensors(op.type, all_arguments(op.inputs), all_arguments(op.outputs)) for op in ops]
    ):
        set_attribute(ops[place], "use_mkldnn", True)
