"""What a translated program says where the outputs alone do not tell it."""

import numpy as np
from support import pir_programs as pp

from ppghost.formats import pir
from ppghost.formats.op_desc import arguments, attribute, attribute_values


def translated(folder, *operations):
    """The operators of a program, by type."""
    program = pir.read_program(pp.write(folder, *operations))
    return {op.type: op for op in program.blocks[0].ops}


def whole(id_, numbers):
    value = pp.attribute("value", "1.a_intarray", numbers)
    return pp.operation("1.full_int_array", (), (id_,), [value], shape=[len(numbers)], dtype="i64")


def test_a_reduction_of_every_axis_says_so(tmp_path):
    """As exports of 2.6 do; the repairs for Paddle-Lite go by it."""
    for axes, expected in (([], True), ([0, 1], True), ([1, -2], True), ([-1], False)):
        total = pp.operation("1.sum", (1, 2), (3,), [pp.attribute("keepdim", "0.a_bool", True)])
        ops = translated(tmp_path, pp.data(), whole(2, axes), total, pp.fetch(3))
        assert attribute(ops["reduce_sum"], "reduce_all") is expected
        assert attribute(ops["reduce_sum"], "dim") == axes


def test_a_range_is_added_up_one_by_one(tmp_path):
    """As Paddle's kernels do, whose last numbers are off by then."""
    bounds = [
        pp.full(number, value, dtype="f64") for number, value in ((2, 0.0), (3, 100.0), (4, 0.1))
    ]
    count = pp.operation("1.arange", (2, 3, 4), (5,), shape=[1000])
    ops = translated(tmp_path, pp.data(), *bounds, count, pp.fetch(5))
    total, expected = np.float32(0), []
    for _ in range(1000):
        expected.append(total)
        total += np.float32(0.1)
    assert attribute(ops["assign_value"], "fp32_values") == expected
    assert expected[-1] < 99.8991 < np.float32(0.1) * 999


def test_minus_zero_is_another_constant(tmp_path):
    added = [pp.operation("1.divide", (1, id_), (id_ + 2,), shape=[2, 3]) for id_ in (2, 3)]
    operations = [pp.data(), pp.full(2, 0.0), pp.full(3, -0.0), *added, pp.fetch(4), pp.fetch(5)]
    program = pir.read_program(pp.write(tmp_path, *operations))
    filled = [
        attribute(op, "str_value") for op in program.blocks[0].ops if op.type == "fill_constant"
    ]
    assert filled == ["0.0", "-0.0"]


def test_open_sizes_of_expand_are_not_those_that_stay(tmp_path):
    shape = pp.operation("1.shape64", (1,), (2,), shape=[2], dtype="i64")
    grown = pp.operation("1.expand", (3, 2), (4,), shape=[-1, 3])
    ops = translated(
        tmp_path, pp.data(shape=[-1, 3]), shape, pp.parameter(3, "w", [1, 3]), grown, pp.fetch(4)
    )
    assert attribute(ops["expand_v2"], "shape") == [-2, 3]
    assert len(arguments(ops["expand_v2"].inputs, "expand_shapes_tensor")) == 2
    assert set(ops) == {"feed", "shape", "slice", "fill_constant", "expand_v2", "fetch"}


def test_a_size_that_is_known_is_no_arithmetic(tmp_path):
    shape = pp.operation("1.shape64", (1,), (2,), shape=[2], dtype="i64")
    axes = [
        pp.attribute(name, "0.a_array", [{"#": "0.a_i64", "D": 0}])
        for name in ("axes", "decrease_axis")
    ]
    height = pp.operation("1.slice", (2, 3, 4), (5,), axes, shape=[], dtype="i64")
    double = pp.operation("1.multiply", (5, 6), (7,), shape=[], dtype="i64")
    operations = [
        pp.data(shape=[6, -1]), shape, whole(3, [0]), whole(4, [1]), height,
        pp.full(6, 2, [], "i64"), double, pp.full(8, -1, [], "i64"), pp.combine([7, 8], 9),
        pp.operation("1.reshape", (1, 9), (10,), shape=[-1, -1]), pp.fetch(10),
    ]  # fmt: skip
    ops = translated(tmp_path, *operations)
    assert set(ops) == {"feed", "reshape2", "fetch"}
    assert attribute(ops["reshape2"], "shape") == [12, -1]
    assert [slot.parameter for slot in ops["reshape2"].inputs] == ["X"]


def test_a_size_asked_for_counts_more_than_a_scale(tmp_path):
    scale = pp.attribute("scale", "0.a_array", [{"#": "0.a_f32", "D": 2.0}])
    resized = pp.operation("1.nearest_interp", (1, 2, 0, 0), (3,), [scale], shape=[1, 3, 5, 7])
    ops = translated(tmp_path, pp.data(shape=[1, 3, 4, 4]), whole(2, [5, 7]), resized, pp.fetch(3))
    found = attribute_values(ops["nearest_interp_v2"])
    assert (found["out_h"], found["out_w"], found["scale"]) == (5, 7, [])


def test_numbers_take_the_types_of_paddle_2(tmp_path):
    """Whatever the version of Paddle 3 has made of them."""
    alpha = pp.attribute("negative_slope", "0.a_f64", 1e300)
    leaky = pp.operation("1.leaky_relu", (1,), (2,), [alpha])
    ops = translated(tmp_path, pp.data(), leaky, pp.fetch(2))
    assert attribute(ops["leaky_relu"], "alpha") == float("inf")


def test_every_operator_has_what_quantization_asks_for(tmp_path):
    for op in translated(tmp_path, pp.data(), pp.relu(), pp.fetch(2)).values():
        names = {attr.name for attr in op.attrs}
        assert names >= {"op_role", "op_role_var", "op_namescope", "op_device"}
