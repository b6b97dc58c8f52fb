"""A Program's ops in oneDNN's kernels, for training and for evaluation while weights change."""

import collections

import paddle
from paddle.base import core
from paddle.base.framework import Block, Operator

from ppghost.formats.onednn_ops import ONEDNN_OPS
from ppghost.static.runtime import without_call_stacks

#: Paddle's numbers of layouts (phi `DataLayout`)
_NCHW, _ONEDNN = 2, 5
_CONVOLUTIONS = ("conv2d", "depthwise_conv2d")
_CONVOLUTION_GRADIENTS = tuple(f"{kind}_grad" for kind in _CONVOLUTIONS)


def use_onednn(program: paddle.static.Program) -> None:
    """Run convolutions and ReLU, forward and backward, in oneDNN's kernels.

    But not 1x1 convolutions: they are products of matrices, which MKL computes in the plain layout,
    and changes of layout cost more than oneDNN gains.

    What a convolution writes in a layout of oneDNN's choice, and others read, is brought into the
    plain layout by an op of the Program. Paddle would do so itself, but keep both forms until the
    first step is over, the peak of a run's memory; and the gradients of `concat`, `roll` and others
    would take oneDNN's form for the plain one.
    """
    block = program.global_block()
    chosen = [op for op in block.ops if _runs_in_onednn(block, op)]
    for op in chosen:
        op._set_attr("use_mkldnn", True)
        # else an evaluation Program keeps the weights of its first run, in oneDNN's layout,
        # and never sees what training makes of them
        if op.has_attr("is_test"):
            op._set_attr("is_test", False)
    written = dict(_to_make_plain(block, chosen))
    with without_call_stacks():
        for place in reversed(range(len(block.ops))):
            for name in written.get(block.ops[place], ()):
                _make_plain(block, place, name)


def _runs_in_onednn(block: Block, op: Operator) -> bool:
    return op.type.removesuffix("_grad") in ONEDNN_OPS and not _is_product(block, op)


def _is_product(block: Block, op: Operator) -> bool:
    """Whether it is a 1x1 convolution, which Paddle's own kernel gives to MKL as it is."""
    if op.type not in ("conv2d", "conv2d_grad"):
        return False
    kernel = block.var(op.input("Filter")[0]).shape[2:]
    return (*kernel, *op.attr("strides"), *op.attr("paddings")) == (1, 1, 1, 1, 0, 0)


def _to_make_plain(block: Block, chosen: list[Operator]):
    """Yield the convolutions among `chosen` with those of their outputs that shall be plain.

    Not what oneDNN's ops alone read, as in convolution, ReLU, convolution, and not its gradient.
    """
    readers = collections.defaultdict(set)
    for op in block.ops:
        for name in op.input_arg_names:
            readers[name].add(op)
    own, kept = set(chosen), set()
    for op in chosen:
        if op.type in _CONVOLUTIONS:
            [name] = op.output("Output")
            if readers[name] <= own:
                kept.add(name)
            else:
                yield op, [name]
        elif op.type in _CONVOLUTION_GRADIENTS:
            if op.input("Input")[0] not in kept:
                yield op, op.output("Input@GRAD")
        elif kept.issuperset(op.input_arg_names):  # an activation
            kept.update(op.output_arg_names)


def _make_plain(block: Block, place: int, name: str) -> None:
    """Let the op at `place` write another tensor, and one behind it make `name` of that."""
    plain = block.var(name)
    own = block.create_var(
        name=f"{name}@ONEDNN", shape=plain.shape, dtype=plain.dtype, stop_gradient=True
    )
    block.ops[place]._rename_output(name, own.name)
    role = core.op_proto_and_checker_maker.kOpRoleAttrName()
    block._insert_op_without_sync(
        place + 1,
        type="transfer_layout",
        inputs={"X": [own]},
        outputs={"Out": [plain]},
        attrs={"src_layout": _ONEDNN, "dst_layout": _NCHW, role: block.ops[place].attr(role)},
    )
