"""Which ops of a program run in oneDNN's kernels on a CPU, in training and in prediction."""

import collections
from typing import Any

from ppghost.formats.op_desc import all_arguments, set_attribute

#: on a CPU the better part of a step; measured in docs/results.md
ONEDNN_OPS = ("conv2d", "depthwise_conv2d", "relu", "relu6")
#: what may read a convolution's output in oneDNN's layout; in training it is brought into the
#: plain one (`ppghost.static.onednn`)
READ_ONEDNN = frozenset({
    "batch_norm", "conv2d", "depthwise_conv2d", "dropout", "elementwise_add", "elementwise_mul",
    "flatten_contiguous_range", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "pool2d",
    "relu", "relu6", "reshape2", "shape", "sigmoid", "silu", "slice", "split", "swish",
    "transpose2",
})  # fmt: skip


def use_onednn_in(program: Any) -> None:
    """Choose oneDNN's kernels for a ProgramDesc that is only run, never trained.

    Convolutions and ReLUs, for Paddle's own CPU kernels for them take most of the time.
    """
    ops = program.blocks[0].ops
    readers: dict[str, set[str]] = collections.defaultdict(set)
    for op in ops:
        for name in all_arguments(op.inputs):
            readers[name].add(op.type)
    for op in ops:
        if op.type not in ONEDNN_OPS:
            continue
        if op.type.endswith("conv2d") and any(
            readers[name] - READ_ONEDNN for name in all_arguments(op.outputs)
        ):
            continue
        set_attribute(op, "use_mkldnn", True)
