"""A Program's ops in oneDNN's kernels."""

import paddle

from ppghost.formats.onednn_ops import OpTensors, onednn_ops


def use_onednn(program: paddle.static.Program) -> None:
    """Run convolutions and ReLU, forward and backward, in oneDNN's kernels (`onednn_ops`)."""
    ops = program.global_block().ops
    tensors = [OpTensors(op.type, op.input_arg_names, op.output_arg_names) for op in ops]
    for place in onednn_ops(tensors):
        op = ops[place]
        op._set_attr("use_mkldnn", True)
        # else an evaluation Program keeps the weights of its first run, in oneDNN's layout,
        # and never sees what training makes of them
        if op.has_attr("is_test"):
            op._set_attr("is_test", False)
