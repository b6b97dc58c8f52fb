"""Named repairs of what Paddle 2.6.2 exports and Paddle-Lite 2.13rc0 cannot read or reads wrongly.

Each pass rewrites a graph so that it computes the same and Paddle-Lite does too. A graph that
needs no repair stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ppghost.deploy.conversion.options import TARGETS
from ppghost.deploy.conversion.repairs import (
    activations,
    convolutions,
    exponentials,
    layout,
    matrix_products,
    missing_attributes,
    missing_kernels,
    norms,
    padding,
    powers,
    resizing,
    scales,
    shapes,
)
from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.formats.exported import ExportedModel

#: the OpenCL files have arm kernels for what the GPU cannot do
PHONES, X86_ONLY = ("arm", "opencl"), ("x86",)


@dataclass(frozen=True)
class Repair:
    """A named pass.

    Attributes:
        apply: changes a graph and returns the output variables of what it repaired.
        targets: those that need it; to others it is not applied.
    """

    apply: Callable[[Graph], list[str]]
    targets: tuple[str, ...] = tuple(TARGETS)

    @property
    def name(self) -> str:
        """What results and the log call it."""
        return self.apply.__name__

    @property
    def description(self) -> str:
        """Its purpose in one line."""
        return (self.apply.__doc__ or "").strip().splitlines()[0]

    def to_json(self) -> dict[str, Any]:
        """Its entry in the result of `ppghost convert --list-repairs`."""
        return {"name": self.name, "description": self.description, "targets": list(self.targets)}


class Repaired(NamedTuple):
    """A model's program after the repairs.

    Attributes:
        program: a ProgramDesc.
        params: all parameters as in one file; None while they are the model's own.
        sites: by repair, in the order of `PASSES`: the output variables where it was needed.
    """

    program: Any
    params: bytes | None
    sites: dict[str, list[str]]

    def counts(self) -> dict[str, int]:
        """How often each repair was needed."""
        return {name: len(outputs) for name, outputs in self.sites.items()}


#: every pass, in the order it is run: first those that leave operators to the later ones
PASSES: list[Repair] = [
    Repair(shapes.give_constants_a_dimension),
    Repair(shapes.size_to_constant),
    Repair(shapes.expand_as_to_expand),
    Repair(missing_kernels.remove_dropout),
    Repair(layout.channels_last_to_first),
    Repair(missing_attributes.add_xshape),
    Repair(missing_attributes.add_instance_norm_statistics),
    Repair(missing_attributes.add_layer_norm_affine),
    Repair(missing_attributes.add_relu6_threshold),
    Repair(missing_attributes.add_swish_beta),
    Repair(missing_attributes.add_reduce_all),
    Repair(activations.brelu_to_clip),
    Repair(activations.selu_to_elu),
    Repair(activations.celu_to_elu),
    Repair(activations.logsigmoid_to_softplus),
    Repair(activations.tanh_shrink_to_tanh),
    Repair(activations.softsign_to_division, PHONES),
    Repair(activations.activation_after_transposed),
    Repair(activations.maxout_to_max),
    Repair(powers.pow_to_products),
    Repair(powers.elementwise_pow_to_products),
    Repair(missing_kernels.log1p_to_log),
    Repair(missing_kernels.log2_to_log),
    Repair(missing_kernels.log10_to_log),
    Repair(missing_kernels.ceil_to_floor),
    Repair(missing_kernels.sign_to_comparisons, X86_ONLY),
    Repair(missing_kernels.sum_to_additions, X86_ONLY),
    Repair(exponentials.softmax_without_overflow, X86_ONLY),
    Repair(exponentials.log_softmax_to_exp),
    Repair(exponentials.logsumexp_to_exp),
    Repair(norms.p_norm_to_reductions),
    Repair(norms.frobenius_norm_to_sum),
    Repair(missing_kernels.arg_min_to_arg_max),
    Repair(missing_kernels.flatten_before_arg_max),
    Repair(missing_kernels.smallest_to_largest),
    Repair(missing_kernels.channel_shuffle_to_shuffle_channel),
    Repair(missing_kernels.pixel_unshuffle_to_transpose),
    Repair(padding.add_padding_value),
    Repair(padding.flip_negative_strides),
    Repair(padding.set_value_numbers),
    Repair(resizing.resize_to_matmul),
    Repair(resizing.linear_to_bilinear, X86_ONLY),
    Repair(resizing.affine_grid_to_matmul, X86_ONLY),
    Repair(matrix_products.bmm_to_matmul),
    Repair(matrix_products.mv_to_matmul),
    Repair(matrix_products.dot_to_sum),
    Repair(matrix_products.addmm_to_matmul),
    Repair(matrix_products.einsum_to_matmul),
    Repair(matrix_products.matmul_to_mul),
    Repair(convolutions.widen_last_axis_parameters),
    Repair(scales.scale_before_bias),
    Repair(scales.merge_scales),
    Repair(scales.remove_scale_of_input),
    Repair(scales.scale_after_activation),
    Repair(convolutions.unshare_filters),
    Repair(convolutions.separate_convolutions),
    Repair(activations.activation_after_elementwise, X86_ONLY),
]


def repair(model: ExportedModel, *targets: str) -> Repaired:
    """Run every pass that one of some targets needs on a copy of a model's program.

    Args:
        model: is not changed.
        targets: of `TARGETS`.

    Returns:
        The program, its parameters, and which passes changed something, where.
    """
    graph = Graph(model)
    sites = {
        each.name: outputs
        for each in PASSES
        if set(targets) & set(each.targets) and (outputs := each.apply(graph))
    }
    return Repaired(graph.program, graph.params(), sites)
