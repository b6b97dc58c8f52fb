"""A program cut at its layers: the pieces together are the whole, and equal layers are found."""

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812
import pytest
from support.programs import export_program

from ppghost.deploy.conversion.repairs import repair
from ppghost.deploy.profiling.cut import cut
from ppghost.deploy.profiling.shapes import with_known_shapes
from ppghost.deploy.profiling.standalone import standalone
from ppghost.formats.exported import open_model
from ppghost.formats.paddle_tensors import split_records
from ppghost.formats.program_desc import feed_names, parameter_names, program_inputs
from ppghost.models import factory
from ppghost.utils.paddle_inference import Engine


def convolution(x, channels, **settings):
    return paddle.static.nn.conv2d(x, channels, 3, padding=1, **settings)


def shuffle(x):
    _, c, h, w = x.shape
    x = paddle.transpose(paddle.reshape(x, [-1, 2, c // 2, h, w]), [0, 2, 1, 3, 4])
    return F.relu(paddle.reshape(x, [-1, c, h, w]))


def branches(x):
    """A fork whose ends are added, split and joined; a constant; a shuffle of channels."""
    x = convolution(x, 8)
    y = paddle.multiply(F.sigmoid(x), x) + paddle.full([1], 0.5)
    one, two = paddle.split(shuffle(y), 2, axis=1)
    return paddle.concat([convolution(two, 4, act="relu"), one], axis=1)


def ghost(x):
    network = factory.create("TinyGhostNet", class_num=5)
    network.eval()
    return F.softmax(network(x))


def equal_layers(x):
    x = convolution(x, 3, act="relu")
    x = convolution(x, 3, act="relu")
    x = convolution(x, 3)
    return convolution(x, 3, act="relu", stride=2)


def sized_by_values(x):
    x = convolution(x, 4, act="relu")
    positive = paddle.flatten(paddle.nonzero(x).astype("float32"))
    return F.relu(positive * 2.0) + 1.0, paddle.mean(x)


def conditional(x):
    x = convolution(x, 4, act="relu")
    large = paddle.mean(x) > 1.0
    x = paddle.static.nn.cond(large, lambda: x * 2.0, lambda: x + 1.0)
    return F.softmax(paddle.reshape(x, [-1, 4 * 16]))


def exported(tmp_path, build, side=8):
    inputs = {"x": [-1, 3, side, side]}
    return open_model(export_program(tmp_path, build, inputs, draw_vectors=True))


def pieces_of(model, program=None):
    """The known program of a model, what it is cut into, and each piece as a program."""
    repaired = repair(model, "x86")
    program = repaired.program if program is None else program
    known = with_known_shapes(program, program_inputs(program, None))
    names = parameter_names(known)
    params = model.params() if repaired.params is None else repaired.params
    records = dict(zip(names, split_records(params, len(names)), strict=True))
    parts = cut(known)
    return known, parts, [standalone(piece, known, records) for piece in parts.pieces]


def outputs_of(known):
    fetches = [op for op in known.blocks[0].ops if op.type == "fetch"]
    columns = {attr.i: op for op in fetches for attr in op.attrs if attr.name == "col"}
    return [columns[number].inputs[0].arguments[0] for number in sorted(columns)]


def run_pieces(known, parts, programs, image):
    """What the pieces compute one after the other, each with its own numbered variables."""
    values = {feed_names(known)[0]: image}
    for piece, made in zip(parts.pieces, programs, strict=True):
        # Paddle loads no program without parameters
        engine = Engine(made.program.SerializeToString(), made.params)
        feeds = feed_names(made.program)
        results = engine(
            {feed: values[name] for feed, name in zip(feeds, piece.inputs, strict=True)}
        )
        assert [list(result.shape) for result in results] == made.outputs
        values |= zip(piece.outputs, results, strict=True)
    return [values[name] for name in outputs_of(known)]


@pytest.mark.parametrize(("build", "side"), [(branches, 8), (ghost, 32)])
def test_pieces_one_after_the_other_compute_what_the_whole_does(tmp_path, build, side):
    model = exported(tmp_path, build, side)
    known, parts, programs = pieces_of(model)
    assert not parts.uncut
    image = np.random.default_rng(0).standard_normal((1, 3, side, side), np.float32)
    whole = Engine(model.program.SerializeToString(), model.params())({"x": image})
    for found, right in zip(run_pieces(known, parts, programs, image), whole, strict=True):
        np.testing.assert_array_equal(found, right)


def test_a_layer_takes_along_what_is_computed_with_it(tmp_path):
    _, parts, _ = pieces_of(exported(tmp_path, branches))
    types = [piece.types for piece in parts.pieces]
    assert types == [
        # its output is read twice: the sigmoid is another layer
        ["conv2d", "elementwise_add"],
        ["sigmoid"],
        # the constant comes along, to be added
        ["fill_constant", "elementwise_mul", "elementwise_add"],
        # one kernel of Paddle-Lite's
        ["reshape2", "transpose2", "reshape2", "relu"],
        ["split"],
        ["conv2d", "elementwise_add", "relu"],
        # the scale by 1 is Paddle's, at every output
        ["concat", "scale"],
    ]


def test_layers_that_differ_in_their_weights_alone_are_equal(tmp_path):
    _, parts, programs = pieces_of(exported(tmp_path, equal_layers))
    first, second, linear, strided = (made.signature for made in programs)
    assert first == second
    assert len({first, linear, strided}) == 3
    assert programs[0].params != programs[1].params
    assert [piece.name for piece in parts.pieces] == [f"conv2d_{number}" for number in range(4)]


def test_memory_access_is_inputs_parameters_and_outputs(tmp_path):
    _, _, programs = pieces_of(exported(tmp_path, equal_layers))
    # 3x8x8 in, 3x3x3x3 weights and 3 biases, 3x8x8 out; the last one has an output of 3x4x4
    assert programs[0].bytes == 4 * (192 + 84 + 192)
    assert programs[-1].bytes == 4 * (192 + 84 + 48)


def test_what_depends_on_values_is_named_and_the_rest_is_cut(tmp_path):
    _, parts, _ = pieces_of(exported(tmp_path, sized_by_values))
    reasons = {each.types[0]: each.reason for each in parts.uncut}
    assert reasons["where_index"].endswith("its size is not known before it runs")
    assert [piece.types[0] for piece in parts.pieces] == ["conv2d", "reduce_mean"]


def test_loops_and_conditions_are_named_and_the_rest_is_cut(tmp_path):
    _, parts, _ = pieces_of(exported(tmp_path, conditional, side=4))
    reasons = {each.types[0]: each.reason for each in parts.uncut}
    assert reasons["conditional_block"] == "it is a loop or a condition"
    assert [piece.types[0] for piece in parts.pieces] == ["conv2d", "reduce_mean"]


def test_a_variable_that_is_written_twice_is_two(tmp_path):
    """As programs of Paddle 1.x save memory."""
    model = exported(tmp_path, equal_layers)
    program = model.program
    whole = Engine(program.SerializeToString(), model.params())
    ops = program.blocks[0].ops
    adds = [op for op in ops if op.type == "elementwise_add"]
    for add in adds:
        [written] = add.outputs[0].arguments
        into = add.inputs[0].arguments[0]
        for op in ops:
            for slot in (*op.inputs, *op.outputs):
                slot.arguments[:] = [into if name == written else name for name in slot.arguments]
    known, parts, programs = pieces_of(model)
    assert len(parts.pieces) == 4
    image = np.random.default_rng(0).standard_normal((1, 3, 8, 8), np.float32)
    [found] = run_pieces(known, parts, programs, image)
    np.testing.assert_array_equal(found, whole({"x": image})[0])
