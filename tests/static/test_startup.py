"""The startup Program is Paddle's, made without looking through it for each parameter."""

import paddle
import pytest
from paddle.base.framework import Operator
from paddle.utils import unique_name

from ppghost.models import factory
from ppghost.static.startup import startup_program


def build(startup, times=1):
    """TinyGhostNet in `startup`; with `times` of 2 each parameter is asked for twice."""
    main = paddle.static.Program()
    for _ in range(times):
        with paddle.static.program_guard(main, startup), unique_name.guard():
            network = factory.create("TinyGhostNet", class_num=3)
            network(paddle.static.data("image", [None, 3, 32, 32], "float32"))
    return startup


def described(program):
    ops = [
        (op.type, op.output_arg_names, sorted(op.attr_names)) for op in program.global_block().ops
    ]
    return ops, {name: var.shape for name, var in program.global_block().vars.items()}


@pytest.mark.parametrize("times", [1, 2])
def test_it_holds_what_paddles_own_would(static, times):
    own = build(paddle.static.Program(), times)
    assert described(build(startup_program(), times)) == described(own)
    assert len(own.global_block().ops) > 20


def test_each_op_is_looked_at_once(static, monkeypatch):
    looked = []
    names = Operator.output_arg_names.fget

    def counted(op):
        looked.append(op)
        return names(op)

    startup = startup_program()
    with monkeypatch.context() as patched:
        patched.setattr(Operator, "output_arg_names", property(counted))
        build(startup)
    mine = set(map(id, startup.global_block().ops))
    assert 0 < len([op for op in looked if id(op) in mine]) <= len(mine)


def test_without_first_values_there_are_names_and_shapes(static):
    bare = build(startup_program(initialize=False))
    ops, variables = described(bare)
    assert ops == []
    assert variables == described(build(startup_program()))[1]
