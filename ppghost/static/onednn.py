"""Which ops of a Program run in oneDNN's kernels on a CPU."""

import collections

import paddle

#: on a CPU the better part of a step; measured in docs/results.md
_ONEDNN_OPS = ("conv2d", "depthwise_conv2d", "relu")
#: what may read a convolution's output in oneDNN's layout. The gradients of others (`concat`,
#: `unfold`, `roll`, `gather`, interpolation) call plain memory oneDNN's, and the step fails; each
#: of these is compared with plain kernels by a test
READ_ONEDNN = frozenset({
    "batch_norm", "conv2d", "depthwise_conv2d", "dropout", "elementwise_add", "elementwise_mul",
    "flatten_contiguous_range", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "pool2d",
    "relu", "relu6", "reshape2", "shape", "sigmoid", "silu", "slice", "split", "swish",
    "transpose2",
})  # fmt: skip


def use_onednn(program: paddle.static.Program) -> None:
    """Run convolutions and ReLU, forward and backward, in oneDNN's kernels.

    Paddle's own CPU kernels for them take most of a step. Not for every op: oneDNN's batch_norm
    and others crash in training.
    """
    ops = program.global_block().ops
    readers: dict[str, set[str]] = collections.defaultdict(set)
    for op in ops:
        for name in () if op.type.endswith("_grad") else op.input_arg_names:
            readers[name].add(op.type)
    for op in ops:
        if op.type.removesuffix("_grad") not in _ONEDNN_OPS:
            continue
        convolution = "Output" in op.output_names
        if convolution and not readers[op.output("Output")[0]] <= READ_ONEDNN:
            continue
        op._set_attr("use_mkldnn", True)
        # else an evaluation Program keeps the weights of its first run, in oneDNN's layout,
        # and never sees what training makes of them
        if op.has_attr("is_test"):
            op._set_attr("is_test", False)
