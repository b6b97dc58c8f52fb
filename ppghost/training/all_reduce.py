"""What processes sum in a step, as ops of a Program.

Gradients, metrics and the wish to stop travel in one flat tensor, one all-reduce a step.
"""

import math

import paddle


def average(gradients: list[tuple], metrics: dict, stop: paddle.static.Variable, size: int) -> dict:
    """Append to the current Program the step's one all-reduce; gradients are averaged in place.

    Args:
        gradients: (parameter, gradient) pairs, as `Optimizer.backward` returns them.
        metrics: scalars by name, such as the loss.
        stop: this process's wish to stop, float32 [1]; 0 is none.
        size: how many processes there are.

    Returns:
        The metrics averaged over the processes, and the sum of their wishes as "stop".
    """
    tensors = [*(gradient for _, gradient in gradients), *metrics.values(), stop]
    flat = paddle.concat([paddle.reshape(tensor, [-1]) for tensor in tensors])
    sizes = [math.prod(tensor.shape) for tensor in tensors]
    *means, wish = paddle.split(_all_reduce(flat) / size, sizes)
    for (_, gradient), mean in zip(gradients, means):  # noqa: B905 - the metrics' follow
        # Paddle's GradientMergeOptimizer wants to see the op of the backward pass here
        made_by = gradient.op
        paddle.assign(paddle.reshape(mean, gradient.shape), output=gradient)
        gradient.op = made_by
    return {**dict(zip(metrics, means[len(gradients) :], strict=True)), "stop": wish * size}


def mean(scalar: paddle.static.Variable, size: int) -> paddle.static.Variable:
    """Append to the current Program the mean of a scalar over `size` processes."""
    return scalar if size == 1 else _all_reduce(scalar) / size


def append_nccl_startup(startup: paddle.static.Program) -> None:
    """Append to a start-up Program what makes ring 0, where GPUs meet, by Paddle's own helper."""
    from paddle.distributed.fleet.base.role_maker import PaddleCloudRoleMaker
    from paddle.distributed.fleet.meta_optimizers.common import CollectiveHelper

    roles = PaddleCloudRoleMaker(is_collective=True)
    CollectiveHelper(roles).update_startup_program(startup)


def _all_reduce(tensor: paddle.static.Variable) -> paddle.static.Variable:
    block = paddle.static.default_main_program().current_block()
    total = block.create_var(dtype=tensor.dtype, shape=tensor.shape)
    block.append_op(
        type="c_allreduce_sum",
        inputs={"X": [tensor]},
        outputs={"Out": [total]},
        attrs={"ring_id": 0, "use_calc_stream": True},
    )
    return total


def sum_program() -> tuple:
    program = paddle.static.Program()
    with paddle.static.program_guard(program, paddle.static.Program()):
        return program, _all_reduce(paddle.static.data("values", [-1], "float64"))
