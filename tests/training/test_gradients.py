"""Gradients and steps appended in linear time are those that Paddle appends."""

import paddle
import pytest
from paddle.utils import unique_name

from ppghost.models import factory
from ppghost.training.gradients import append_gradients, append_steps


def _paddles_gradients(optimizer, loss):
    return optimizer.backward(loss)


def _paddles_steps(optimizer, gradients):
    optimizer.apply_gradients(gradients)


def build(backward, step, optimizer):
    """The ops of a training Program with one parameter frozen, one unused, and the pairs."""
    main = paddle.static.Program()
    with paddle.static.program_guard(main, paddle.static.Program()), unique_name.guard():
        image = paddle.static.data("image", [2, 3, 32, 32], "float32")
        paddle.create_parameter([1], "float32", name="unused")
        network = factory.create("TinyGhostNet", class_num=3)
        logits = network(image)
        network.parameters()[0].trainable = False
        loss = paddle.mean(logits)
        steps = optimizer()
        gradients = backward(steps, loss)
        step(steps, gradients)
    ops = [
        (op.type, op.input_arg_names, op.output_arg_names, op.attr("op_role"))
        for op in main.global_block().ops
    ]
    return ops, [(parameter.name, gradient.name) for parameter, gradient in gradients]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: paddle.optimizer.Momentum(0.1, grad_clip=paddle.nn.ClipGradByNorm(1.0)),
        lambda: paddle.optimizer.AdamW(0.1),
        lambda: paddle.incubate.optimizer.GradientMergeOptimizer(
            paddle.optimizer.SGD(0.1), k_steps=2
        ),
    ],
    ids=["momentum, clipped", "adamw", "merged"],
)
def test_programs_are_the_same(static, optimizer):
    ours = build(append_gradients, append_steps, optimizer)
    assert ours == build(_paddles_gradients, _paddles_steps, optimizer)
    assert len(ours[1]) > 20
    assert "unused" not in dict(ours[1])
