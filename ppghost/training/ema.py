"""Moving averages of the weights, as part of a training Program."""

from collections.abc import Iterable

import paddle


def append_averages(state: Iterable, config: dict) -> dict[str, str]:
    """Append the update of `EMA`'s moving averages, PaddleClas's `ppcls/utils/ema.py`.

    `average = decay * average + (1 - decay) * value`, once per update of the weights, for each
    tensor of the network but tables of whole numbers, BN's statistics too; the caller sets the
    averages' first values. Returns tensor -> average, by name.
    """
    share = 1 - config["EMA"]["decay"]
    if config["Global"]["update_freq"] > 1:
        block = paddle.static.default_main_program().global_block()
        merged = block.var("gradient_merge_step")  # GradientMergeOptimizer's, 0 at an update
        share = share * paddle.cast(merged == 0, "float32")
    names = {}
    for tensor in state:
        if tensor.dtype != paddle.float32:
            continue
        average = paddle.static.create_global_var(
            tensor.shape, 0.0, tensor.dtype, persistable=True, name=f"{tensor.name}@EMA"
        )
        paddle.assign((1 - share) * average + share * tensor, output=average)
        names[tensor.name] = average.name
    return names
