"""While a Program is built nothing is found out about who builds it, and all is as before then."""

import inspect

import paddle
from paddle.base.layers import math_op_patch

from ppghost.static.runtime import without_call_stacks


def test_sums_with_an_open_batch_ask_for_no_stack(static, monkeypatch):
    def refuse(*_):
        raise AssertionError("the stack was looked at")

    monkeypatch.setattr(inspect, "stack", refuse)
    with paddle.static.program_guard(paddle.static.Program()), without_call_stacks():
        x = paddle.static.data("x", [-1, 3])
        total = x + x
    assert tuple(total.shape) == (-1, 3)
    assert total.block.ops[-1].attr("op_callstack") == []
    assert math_op_patch.inspect is inspect
