"""Which operators an exported model may hold before we run or convert it.

A `.pdmodel` is a program: reading one is safe, but its `save`, `load`, `print` or `py_func`
operator acts on this machine when it is run. So only operators known to do nothing but compute
their outputs are let through.
"""

from collections.abc import Iterable

from ppghost.errors import InputError

#: what Paddle-Lite 2.13 lists with --print_all_ops and Paddle 2.6 can run, but `print`
_PADDLE_LITE = """
abs acos affine_channel affine_grid anchor_generator arg_max arg_min argsort asin assign
assign_value atan batch_norm beam_search beam_search_decode bilinear_interp bilinear_interp_v2
bitwise_and bitwise_not bitwise_or bitwise_xor bmm box_clip box_coder cast clip
collect_fpn_proposals concat conditional_block conv2d conv2d_transpose conv3d correlation cos
crf_decoding crop crop_tensor ctc_align cumsum deformable_conv density_prior_box
depthwise_conv2d depthwise_conv2d_transpose dequantize_linear dequantize_log
distribute_fpn_proposals dropout elementwise_add elementwise_div elementwise_floordiv
elementwise_max elementwise_min elementwise_mod elementwise_mul elementwise_pow elementwise_sub
elu equal erf exp expand expand_v2 fake_channel_wise_dequantize_max_abs
fake_channel_wise_quantize_dequantize_abs_max fake_dequantize_max_abs fake_quantize_abs_max
fake_quantize_dequantize_abs_max fake_quantize_dequantize_moving_average_abs_max
fake_quantize_moving_average_abs_max fake_quantize_range_abs_max fc feed fetch fill_any_like
fill_constant fill_constant_batch_size_like fill_zeros_like flatten2 flatten_contiguous_range
flip floor gather gather_nd gather_tree gaussian_random gelu generate_proposals
generate_proposals_v2 greater_equal greater_than grid_sampler group_norm gru gru_unit
hard_sigmoid hard_swish im2sequence increment index_select instance_norm inverse is_empty
layer_norm leaky_relu less_equal less_than linear_interp linear_interp_v2 linspace
lod_array_length lod_reset log log_softmax logical_and logical_not logical_or logical_xor
lookup_table lookup_table_dequant lookup_table_v2 lrn lstm match_matrix_tensor matmul matmul_v2
matrix_nms max_pool2d_with_index mean merge_lod_tensor meshgrid mish mul multiclass_nms
multiclass_nms2 multiclass_nms3 nearest_interp nearest_interp_v2 norm not_equal one_hot_v2
p_norm pad pad2d pad3d pixel_shuffle polygon_box_transform pool2d pool3d pow prelu prior_box
quantize_linear range read_from_array reciprocal reduce_all reduce_any reduce_max reduce_mean
reduce_min reduce_prod reduce_sum relu relu6 reshape reshape2 retinanet_detection_output reverse
rnn roi_align roll round rsqrt sampling_id scale scatter scatter_nd_add select_input
sequence_concat sequence_conv sequence_expand sequence_expand_as sequence_mask sequence_pad
sequence_pool sequence_reshape sequence_reverse sequence_softmax sequence_unpad set_value shape
share_data shuffle_channel sigmoid sign silu sin slice softmax softplus softsign split
split_lod_tensor sqrt square squeeze2 stack strided_slice sum swish tan tanh temporal_shift
tensor_array_to_tensor thresholded_relu tile top_k top_k_v2 transpose transpose2 tril_triu
unbind unfold uniform_random unique unique_with_counts unsqueeze2 unstack var_conv_2d
viterbi_decode where where_index while write_to_array yolo_box
"""
#: what else Paddle's image networks are made of: they can be run here, not on a phone
_PADDLE = """
acosh addmm asinh atan2 atanh bernoulli bicubic_interp bicubic_interp_v2 brelu broadcast_tensors
ceil celu channel_shuffle conv3d_transpose cosh cumprod deformable_conv_v1 diag_v2 diagonal dist
dot einsum elementwise_fmax elementwise_fmin erfinv expand_as_v2 expm1 eye
fake_channel_wise_quantize_abs_max fft_c2c fft_c2r fft_r2c fold frobenius_norm hard_shrink
index_add index_sample isfinite_v2 isinf_v2 isnan_v2 kron lerp log10 log1p log2 logit logsigmoid
logsumexp masked_select max_pool3d_with_index maxout moving_average_abs_max_scale mv nms nop
pixel_unshuffle put_along_axis randperm reduce_amax reduce_amin repeat_interleave roi_pool selu
sinh size softshrink stanh take_along_axis tanh_shrink trilinear_interp trilinear_interp_v2 trunc
truncated_gaussian_random unpool
"""
KNOWN = frozenset(f"{_PADDLE_LITE} {_PADDLE}".split())


def check_known(types: Iterable[str], where: str) -> None:
    """Refuse a program with operators that could do more than compute.

    To be called before a program that somebody hands us is run or converted.

    Args:
        types: the types of all its operators.
        where: the file or folder, for the message.

    Raises:
        InputError: some type is not known; it names them.
    """
    unknown = sorted(set(types) - KNOWN)
    if unknown:
        raise InputError(
            "{where}: holds operators that are not known to be harmless, {unknown}; it is "
            "not run. If it is from someone you trust, export it again without them",
            where=where,
            unknown=", ".join(unknown),
        )
