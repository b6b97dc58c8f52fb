"""Weights trained with one kind of dropout, in a network that has the other.

With probability p, "upscale_in_train" divides what it keeps by 1 - p in training and does nothing
in evaluation; "downgrade_in_infer" keeps in training and multiplies by 1 - p in evaluation. What
follows the dropout learns values that differ by that factor, and only there.
"""

#: what may stand between a dropout and its layer: reshapes, and ReLU, which commutes with a factor
_BETWEEN = {"reshape2", "flatten_contiguous_range", "squeeze2", "unsqueeze2", "relu"}
#: op -> the input that holds its weights
_WEIGHTS = {"conv2d": "Filter", "depthwise_conv2d": "Filter", "matmul_v2": "Y", "mul": "Y"}

UPSCALE, DOWNGRADE = "upscale_in_train", "downgrade_in_infer"


def factors(program, trained: str) -> dict[str, float]:
    """Parameter -> factor that weights trained with dropout of kind `trained` need in `program`.

    Args:
        program: the network's, in training or evaluation mode.
        trained: UPSCALE or DOWNGRADE.

    Raises:
        ValueError: a dropout of the other kind is followed by something that cannot take a factor.
    """
    found: dict[str, float] = {}
    ops = program.global_block().ops
    for op in ops:
        if op.type != "dropout" or not op.attr("dropout_prob"):
            continue
        kept = 1.0 - op.attr("dropout_prob")
        if op.attr("dropout_implementation") != trained:
            factor = kept if trained == DOWNGRADE else 1 / kept
            for weight in _layers_after(ops, op.output("Out")[0]):
                found[weight] = found.get(weight, 1.0) * factor
    return found


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
            raise ValueError(f"dropout of another kind before {op.type}")
    return weights
