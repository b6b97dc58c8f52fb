"""The startup Program is Paddle's, made without looking through it for each parameter."""

import numpy as np
import paddle
import pytest
from paddle.base.framework import Operator
from paddle.utils import unique_name

from ppghost.models import factory
from ppghost.static.startup import run_startup, startup_program


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


def test_values_are_those_of_paddles_interpreter(static):
    startup = startup_program()
    initializers = [
        paddle.nn.initializer.TruncatedNormal(),
        paddle.nn.initializer.Orthogonal(),
        paddle.nn.initializer.Uniform(),
    ]
    with paddle.static.program_guard(paddle.static.Program(), startup), unique_name.guard():
        for initializer in initializers:
            paddle.create_parameter([4, 3], "float32", default_initializer=initializer)
    build(startup)
    executor = paddle.static.Executor(paddle.CPUPlace())

    def values(run):
        scope = paddle.static.Scope()
        paddle.seed(7)
        run(scope)
        kept = [variable.name for variable in startup.list_vars() if variable.persistable]
        return {name: np.array(scope.find_var(name).get_tensor()) for name in kept}

    expected = values(lambda scope: executor.run(startup, scope=scope))
    found = values(lambda scope: run_startup(executor, startup, scope))
    assert len(found) > 20
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
