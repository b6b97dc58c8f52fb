"""Weights trained with one kind of dropout, in a network that has the other.

With probability p, "upscale_in_train" divides what it keeps by 1 - p in training and does nothing
in evaluation; "downgrade_in_infer" keeps in training and multiplies by 1 - p in evaluation. What
follows the dropout learns values that differ by that factor, and only there: W learnt with the one
computes in training and in evaluation what W times the factor does with the other.
"""

import paddle
from paddle.base.core import op_proto_and_checker_maker as op_maker
from paddle.utils import unique_name

from ppghost.i18n import tr
from ppghost.models import factory
from ppghost.models.network import named_state
from ppghost.static.runtime import static_graph
from ppghost.static.startup import startup_program

#: what may stand between a dropout and its layer: reshapes; ReLU and pooling commute with a factor
_BETWEEN = {"reshape2", "flatten_contiguous_range", "squeeze2", "unsqueeze2", "relu", "pool2d"}
#: op -> the input that holds its weights
_WEIGHTS = {"conv2d": "Filter", "depthwise_conv2d": "Filter", "matmul_v2": "Y", "mul": "Y"}

UPSCALE, DOWNGRADE = "upscale_in_train", "downgrade_in_infer"


def factors(network: paddle.nn.Layer, name: str, trained: str) -> dict[str, float]:
    """Structured name -> factor that weights trained with dropout of kind `trained` need.

    Args:
        network: what `ppghost.models.factory.create` made; of static mode called once, with or
            without what trains it behind.
        name: its architecture.
        trained: UPSCALE or DOWNGRADE.

    Raises:
        ValueError: a dropout of the other kind is followed by something that cannot take a factor.
    """
    state = named_state(network)
    if any(isinstance(tensor, paddle.Tensor) for tensor in state.values()):
        state = named_state(_static_twin(network, name))  # dygraph has no Program to look at
    structured = {variable.name: key for key, variable in state.items()}
    [program] = {variable.block.program for variable in state.values()}
    found: dict[str, float] = {}
    # what trains a network comes behind it, and reads its variables too
    ops = [op for op in program.global_block().ops if _is_forward(op)]
    for op in ops:
        if op.type != "dropout" or not op.attr("dropout_prob"):
            continue
        kept = 1.0 - op.attr("dropout_prob")
        if op.attr("dropout_implementation") != trained:
            factor = kept if trained == DOWNGRADE else 1 / kept
            for weight in _layers_after(ops, op.output("Out")[0]):
                if weight not in structured:
                    raise ValueError(tr("dropout of another kind before a product of activations"))
                key = structured[weight]
                found[key] = found.get(key, 1.0) * factor
    return found


def _static_twin(network: paddle.nn.Layer, name: str) -> paddle.nn.Layer:
    """The same network again, called in a Program of its own."""
    with (
        static_graph(),
        paddle.static.program_guard(paddle.static.Program(), startup_program(initialize=False)),
        unique_name.guard(),
    ):
        twin = factory.create(name, **factory.arguments_of(network))
        twin(paddle.static.data("image", [None, *factory.find(name).input_shape], "float32"))
    return twin


def _is_forward(op) -> bool:
    roles = op_maker.OpRole
    return op.attr(op_maker.kOpRoleAttrName()) == int(roles.Forward)


def _layers_after(ops: list, name: str) -> list[str]:
    """Weights of the layers that read the variable `name`, directly or after a reshape."""
    weights = []
    for op in ops:
        if name not in op.input_arg_names:
            continue
        if op.type in _WEIGHTS:
            weights += op.input(_WEIGHTS[op.type])
        elif op.type in _BETWEEN:
            weights += _layers_after(ops, op.output("Out")[0])
        else:
            raise ValueError(tr("dropout of another kind before {type}").format(type=op.type))
    return weights
