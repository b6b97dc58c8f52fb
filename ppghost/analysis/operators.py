"""What one operator costs: multiply-accumulates, floating-point operations, bytes moved.

The conventions, which docs/analysis.md states for readers:

* a multiply-accumulate is one product that is added to a sum, in convolutions and matrix products;
  borders filled with zeros count as the rest;
* a floating-point operation is one addition, multiplication, comparison or function of one value,
  so that a multiply-accumulate is two;
* memory access counts each tensor that is read or written once, as in the ShuffleNetV2 paper
  (https://arxiv.org/abs/1807.11164, section 2, guideline 1): a 1x1 convolution of h x w maps from
  c1 to c2 channels moves hw(c1 + c2) + c1 c2 values.
"""

import math
from typing import NamedTuple

from ppghost.analysis.graph import VIEWS, Operation, Tensor


class Cost(NamedTuple):
    """What an operator costs for one image.

    Attributes:
        macs: multiply-accumulates.
        flops: floating-point operations.
        read, written: bytes.
    """

    macs: int
    flops: int
    read: int
    written: int


CONVOLUTIONS = frozenset({
    "conv2d", "depthwise_conv2d", "conv3d", "deformable_conv", "deformable_conv_v1",
    "conv2d_fusion",
})  # fmt: skip
TRANSPOSED = frozenset({"conv2d_transpose", "depthwise_conv2d_transpose", "conv3d_transpose"})
MATRIX_PRODUCTS = frozenset({
    "mul", "matmul", "matmul_v2", "bmm", "mv", "dot", "fc", "addmm", "einsum",
})  # fmt: skip
NORMS = frozenset({
    "batch_norm", "sync_batch_norm", "inplace_abn", "instance_norm", "layer_norm", "group_norm",
})  # fmt: skip
POOLS = frozenset({
    "pool2d", "pool3d", "max_pool2d_with_index", "max_pool3d_with_index",
})  # fmt: skip
ACTIVATIONS = frozenset({
    "relu", "relu6", "sigmoid", "tanh", "hard_sigmoid", "hard_swish", "swish", "silu", "gelu",
    "elu", "leaky_relu", "prelu", "mish", "softplus", "softsign", "selu", "celu", "brelu", "clip",
    "thresholded_relu", "logsigmoid", "softshrink", "hard_shrink", "tanh_shrink", "stanh",
})  # fmt: skip
#: values moved, none computed
_MOVES = frozenset({
    "concat", "split", "split_lod_tensor", "slice", "strided_slice", "crop", "crop_tensor",
    "transpose", "transpose2", "stack", "unstack", "unbind", "gather", "gather_nd", "index_select",
    "index_sample", "take_along_axis", "lookup_table", "lookup_table_v2", "shuffle_channel",
    "channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "pad", "pad2d", "pad3d", "tile",
    "expand", "expand_v2", "expand_as_v2", "flip", "reverse", "roll", "assign", "assign_value",
    "cast", "fill_constant", "fill_any_like", "fill_zeros_like", "fill_constant_batch_size_like",
    "range", "meshgrid", "one_hot_v2", "where", "nearest_interp", "nearest_interp_v2", "unfold",
    "im2sequence", "scatter", "temporal_shift", "gaussian_random", "uniform_random", "eye",
})  # fmt: skip
#: of their input, only as much is read as is written
_PARTIAL_READS = frozenset({
    "slice", "strided_slice", "crop", "crop_tensor", "gather", "gather_nd", "index_select",
    "index_sample", "take_along_axis", "lookup_table", "lookup_table_v2",
})  # fmt: skip
#: operations for each value written
_PER_OUTPUT = {
    # linear interpolation is a + t (b - a): three operations, in x twice, in y once
    "bilinear_interp": 9, "bilinear_interp_v2": 9,
    # five sums of four products
    "bicubic_interp": 35, "bicubic_interp_v2": 35,
    # BN at inference: a factor and an offset
    "batch_norm": 2, "sync_batch_norm": 2, "inplace_abn": 2,
    # two sums for mean and variance, the square, then subtract, divide, scale, shift
    "instance_norm": 7, "layer_norm": 7, "group_norm": 7,
    # the maximum, subtract, exp, the sum, divide
    "softmax": 5, "log_softmax": 5,
}  # fmt: skip
#: one operation for each value read, as all that is called reduce_...
_REDUCTIONS = frozenset({"mean", "p_norm", "logsumexp", "frobenius_norm"})
#: what is not counted: how often these run, or on what, is known when they do
UNCOUNTED = frozenset({
    "while", "conditional_block", "lstm", "gru", "gru_unit", "cudnn_lstm", "beam_search", "py_func",
    "multiclass_nms", "multiclass_nms2", "multiclass_nms3", "matrix_nms", "generate_proposals",
    "generate_proposals_v2", "correlation", "var_conv_2d", "match_matrix_tensor",
})  # fmt: skip


def kind_of(op: Operation) -> str:
    """What an operator is in the terms of the articles: "pointwise", "depthwise", "bias", ..."""
    if op.type in CONVOLUTIONS:
        return _convolution_kind(op)
    if op.type in TRANSPOSED:
        return "transposed"
    if op.type in MATRIX_PRODUCTS:
        return "fc" if op.parameters else "matmul"
    if op.type == "rnn":
        return "recurrent"
    if op.type in NORMS:
        return "norm"
    if op.type in POOLS or op.type.startswith("reduce_") or op.type == "mean":
        return "pooling"
    if op.type in ACTIVATIONS:
        return "activation"
    if op.type == "elementwise_add" and op.parameters and len(op.activations) == 1:
        return "bias"
    if op.type.startswith("elementwise_") or op.type in ("sum", "scale"):
        return "element-wise"
    return "data movement" if op.type in _MOVES else "other"


def _convolution_kind(op: Operation) -> str:
    kernel = _shape(op.input("Filter"))  # [M, C / groups, kh, kw]
    if op.attribute("groups", 1) > 1:
        return "depthwise" if kernel[1:2] == (1,) else "group"
    return "pointwise" if math.prod(kernel[2:]) == 1 else "convolution"


def is_channels_last(op: Operation) -> bool:
    """Whether an operator's images are [N, H, W, C]."""
    layout = op.attribute("data_format") or op.attribute("data_layout") or ""
    return layout in ("NHWC", "NDHWC")


def cost_of(op: Operation) -> Cost | None:
    """What an operator costs; None where a size is unknown that it depends on."""
    if is_view(op):
        return Cost(0, 0, 0, 0)
    tensors = [*op.reads(), *op.writes()]
    if op.type in UNCOUNTED or not tensors or any(t.shape is None for t in tensors):
        return None
    macs = _macs(op)
    flops = 2 * macs + _bias(op) if macs else _operations(op)
    return Cost(macs, flops, _bytes_read(op), sum(tensor.bytes for tensor in op.writes()))


def is_view(op: Operation) -> bool:
    """Whether an operator gives the values that it got."""
    if op.type == "dropout":  # at inference; unless it did not scale in training
        mode = op.attribute("dropout_implementation", "downgrade_in_infer")
        return mode == "upscale_in_train"
    if op.type == "scale":  # Paddle's export puts one before what is fetched
        return op.attribute("scale", 1.0) == 1.0 and op.attribute("bias", 0.0) == 0.0
    return op.type in VIEWS


def _output_size(op: Operation) -> int:
    return op.main_output.size if op.main_output else 0


def _macs(op: Operation) -> int:
    """Multiply-accumulates: outputs times the inputs that each one sums over."""
    if op.type in CONVOLUTIONS:
        return _output_size(op) * math.prod(_shape(op.input("Filter"))[1:])
    if op.type in TRANSPOSED:  # each input is multiplied by the kernels of its group
        data = op.input("Input")
        return (data.size if data else 0) * math.prod(_shape(op.input("Filter"))[1:])
    if op.type == "rnn":
        return _recurrent_macs(op)
    if op.type in MATRIX_PRODUCTS:
        return _matrix_macs(op)
    return 0


def _matrix_macs(op: Operation) -> int:
    if op.type == "einsum":
        return _einsum_macs(op)
    if op.type == "mul":
        rows = _shape(op.input("Y"))[: op.attribute("y_num_col_dims", 1)]
        return _output_size(op) * math.prod(rows)
    if op.type == "fc":
        return _output_size(op) * _shape(op.input("W"))[0]
    first = _shape(op.input("X"))
    transposed = op.attribute("trans_x", op.attribute("transpose_X", False))
    return _output_size(op) * first[-2 if transposed and len(first) > 1 else -1]


def _einsum_macs(op: Operation) -> int:
    """A product for each value of all indices together, if there are two factors."""
    terms = op.attribute("equation", "").replace(" ", "").split("->")[0].split(",")
    operands = op.inputs.get("Operands", [])
    if len(terms) != 2 or len(operands) != 2:
        return 0
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        labels = term.replace("...", "")
        shape = _shape(operand)
        batch = len(shape) - len(labels)
        sizes |= {f"...{batch - i}": size for i, size in enumerate(shape[:batch])}
        sizes |= dict(zip(labels, shape[batch:], strict=True))
    return math.prod(sizes.values())


def _recurrent_macs(op: Operation) -> int:
    """Every matrix of weights once for each step; [T, N, C] without `is_test` alike."""
    steps = _shape(op.input("Input"))[0]
    weights = [tensor for tensor in op.inputs.get("WeightList", []) if len(_shape(tensor)) == 2]
    return steps * sum(tensor.size for tensor in weights)


def _bias(op: Operation) -> int:
    return _output_size(op) if op.input("Bias", "ResidualData") else 0


def _operations(op: Operation) -> int:
    """Floating-point operations of what multiplies no matrices."""
    out = _output_size(op)
    if op.type in _MOVES:
        return 0
    if op.type in POOLS:
        return _pool_operations(op, out)
    if op.type.startswith("reduce_") or op.type in _REDUCTIONS:
        return op.main_input.size if op.main_input else 0
    if op.type == "sum":
        return (len(op.inputs.get("X", ())) - 1) * out
    if op.type == "scale":
        return out * (1 + bool(op.attribute("bias", 0.0)))
    return out * _PER_OUTPUT.get(op.type, 1)


def _pool_operations(op: Operation, out: int) -> int:
    """The values of every window; each value once where windows share the image among them."""
    if is_global_pool(op) or op.attribute("adaptive", False):
        return op.main_input.size if op.main_input else 0
    return out * math.prod(op.attribute("ksize", [1]))


def is_global_pool(op: Operation) -> bool:
    """Whether an operator makes one value of each channel."""
    if op.type == "reduce_mean" or op.type == "mean":
        shape = op.main_input.shape if op.main_input else None
        axes = {axis % len(shape) for axis in op.attribute("dim", [])} if shape else set()
        return bool(shape) and len(shape or ()) == 4 and axes in ({2, 3}, {1, 2})
    if op.type not in POOLS:
        return False
    if op.attribute("global_pooling", False):
        return True
    shape = op.main_input.shape if op.main_input else None
    window = op.attribute("ksize", [])
    if op.attribute("adaptive", False):
        return set(window) == {1}
    spatial = (shape[1:-1] if is_channels_last(op) else shape[2:]) if shape else ()
    return list(spatial) == list(window) and max(window, default=1) > 1


def _bytes_read(op: Operation) -> int:
    """Every tensor once; of what is only looked up, what is found."""
    main = op.main_input or op.input("W", "X", "Input")
    if op.type in _PARTIAL_READS and main is not None:
        partial = op.input("W") if op.type.startswith("lookup") else main
        rest = sum(tensor.bytes for tensor in op.reads() if tensor is not partial)
        return rest + _output_size(op) * (partial or main).item_bytes
    return sum(tensor.bytes for tensor in op.reads())


def _shape(tensor: Tensor | None) -> tuple[int, ...]:
    return tensor.shape if tensor is not None and tensor.shape else (0,)
