"""Folding of shapes: fewer ops, the same numbers."""

import numpy as np
import paddle
import pytest

from ppghost.static import shape_folding as shapes

pytestmark = pytest.mark.usefixtures("static")


def run(build, size, fold):
    """(what `build` makes of a batch of that size, the types of its ops)."""
    program = paddle.static.Program()
    with paddle.static.program_guard(program):
        outputs = build(paddle.static.data("x", [None, 6, 4]))
        if fold:
            shapes.fold_constant_shapes(program, outputs)
    feed = {"x": np.arange(size * 24, dtype="float32").reshape(size, 6, 4)}
    values = paddle.static.Executor().run(program, feed=feed, fetch_list=outputs)
    return values, [op.type for op in program.global_block().ops]


def lengths(x):
    return [paddle.shape(x)[0], paddle.shape(x)[1], paddle.shape(x)[2]]


def of_batch(x):
    return [x.reshape([lengths(x)[0], 2, 3, 4]).transpose([0, 2, 1, 3])]


def of_a_part(x):
    return [x.reshape([lengths(x)[0].floor_divide(paddle.to_tensor(2, "int32")), 12, 4])]


def of_two(x):
    batch, rows, _ = lengths(x)
    return [x.reshape([batch, rows, 2, 2])]


def of_batch_and_the_rest(x):
    return [x.reshape([lengths(x)[0], -1, 2])]


def of_a_counter(x):
    rows = paddle.full([1], 1, "int32")
    paddle.increment(rows, 1)
    return [x.reshape([-1, rows, 12])]


def of_a_filled_length(x):
    rows = paddle.full([1], paddle.to_tensor(2, "int32"), "int32")
    return [x.reshape([-1, rows, 12])]


def set_in_a_branch(x):
    rows = paddle.full([1], 1, "int32")

    def two():
        paddle.assign(paddle.full([1], 2, "int32"), rows)

    paddle.static.nn.cond(lengths(x)[0] > 0, two)
    return [x.reshape([-1, rows, 12])]


def length_as_output(x):
    batch = lengths(x)[0]
    return [x.reshape([batch, 24]), batch]


def in_a_branch(x):
    batch = lengths(x)[0]
    y = x.reshape([batch, 24])
    return [paddle.static.nn.cond(batch > 3, lambda: y + batch.astype("float32"), lambda: y)]


@pytest.mark.parametrize(
    ("build", "gone"),
    [
        (of_batch, {"shape", "slice", "fill_constant"}),
        (of_a_part, {"shape", "slice", "cast", "elementwise_floordiv", "fill_constant"}),
        (of_two, set()),
        (of_batch_and_the_rest, set()),
        (of_a_counter, set()),
        (of_a_filled_length, set()),
        (set_in_a_branch, set()),
        (length_as_output, {"fill_constant"}),
        (in_a_branch, set()),
    ],
)
@pytest.mark.parametrize("size", [2, 4])
def test_the_numbers_stay_whatever_the_batch(build, gone, size):
    plain, before = run(build, size, fold=False)
    folded, after = run(build, size, fold=True)
    for expected, value in zip(plain, folded, strict=True):
        np.testing.assert_array_equal(value, expected)
    assert gone == set(before) - set(after)
