"""Where a network's parameters and multiply-accumulates are, counted on its Program."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import paddle
from paddle.utils import unique_name

from ppghost.config import loading
from ppghost.errors import InputError
from ppghost.formats.exported import open_model
from ppghost.formats.program_desc import feed_names, framework, parameter_names
from ppghost.models import factory
from ppghost.static.program import arch_arguments, image_shape, with_known_shape
from ppghost.static.runtime import static_graph
from ppghost.static.startup import startup_program


class Totals(NamedTuple):
    """Trainable parameters, and multiply-accumulates of one image."""

    params: int
    macs: int


@dataclass(frozen=True)
class Complexity:
    """What one image costs a network.

    Attributes:
        name: of the network.
        input_shape: the image, [C, H, W].
        params: trainable parameters; BN's statistics are none.
        macs: multiply-accumulates of convolutions and fully connected layers for one image.
    """

    name: str
    input_shape: tuple[int, ...]
    params: int
    macs: int


def analyze(
    target: str | Path | dict,
    *,
    image_size: int | Sequence[int] | None = None,
    class_num: int | None = None,
) -> Complexity:
    """Parameters and MACs of a network.

    Args:
        target: the name of an architecture, a config (its file, or what `load_config` gave), or the
            folder of an exported model.
        image_size: H and W (or one number for both) in place of the target's own.
        class_num: in place of the target's own.

    Raises:
        InputError: no such target, or a size that it cannot have.
    """
    if isinstance(target, str | Path) and Path(target).is_dir():
        if image_size is not None or class_num is not None:
            raise InputError(f"{target}: an exported model has its size and its classes already")
        return _analyze_exported(Path(target))
    if isinstance(target, str | Path) and Path(target).suffix in (".yaml", ".yml"):
        target = loading.load_config(target)
    if isinstance(target, dict):
        name, shape = target["Arch"]["name"], tuple(image_shape(with_known_shape(target)))
        arguments = arch_arguments(target)
    else:
        name, shape, arguments = str(target), factory.find(str(target)).input_shape, {}
    if image_size is not None:
        size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        shape = (shape[0], *size)
    if class_num is not None:
        arguments["class_num"] = class_num
    return Complexity(name, shape, *count_architecture(name, shape, **arguments))


def _analyze_exported(folder: Path) -> Complexity:
    model = open_model(folder)
    variables = {variable.name: variable for variable in model.program.blocks[0].vars}
    [image, *_] = feed_names(model.program)
    shape = tuple(_sizes(variables[image])[1:])
    if min(shape) < 1:
        raise InputError(
            f"{folder}: its input leaves sizes open ({shape}); export it with fixed ones"
        )
    return Complexity(model.name, shape, *count(model.program))


def count_architecture(name: str, shape: Sequence[int] | None = None, **arguments: Any) -> Totals:
    """Parameters and MACs of an architecture.

    Args:
        name: see `ppghost list`.
        shape: the image [C, H, W]; None for the one that the architecture is made for.
        arguments: of its constructor.

    Raises:
        InputError: no such architecture, or one that cannot be built so.
    """
    shape = factory.find(name).input_shape if shape is None else shape
    program = paddle.static.Program()
    with (
        static_graph(),
        paddle.static.program_guard(program, startup_program(initialize=False)),
        unique_name.guard(),
    ):
        network = factory.create(name, **arguments)
        with factory.building(name):
            network(paddle.static.data("image", [1, *shape], "float32"))
    return count(framework().ProgramDesc.FromString(program.desc.serialize_to_string()))


def count(program: Any) -> Totals:
    """Trainable parameters, and MACs of convolutions and fully connected layers, for one image.

    Args:
        program: a ProgramDesc whose sizes are known, but for the batch.
    """
    variables = {variable.name: variable for variable in program.blocks[0].vars}
    ops = program.blocks[0].ops
    statistics = {
        name
        for op in ops
        if op.type == "batch_norm"
        for slot in ("Mean", "Variance")
        for name in _arguments(op.inputs, slot)
    }
    float32 = framework().VarType.FP32
    params = sum(
        math.prod(_sizes(variables[name]))
        for name in parameter_names(program)
        if name not in statistics and variables[name].type.lod_tensor.tensor.data_type == float32
    )
    return Totals(params, sum(_macs(variables, op) for op in ops))


def _macs(variables: dict[str, Any], op: Any) -> int:
    """Multiply-accumulates of one op: outputs times the inputs that each one sums over."""
    if op.type in ("conv2d", "depthwise_conv2d"):
        [kernel], [output] = _arguments(op.inputs, "Filter"), _arguments(op.outputs, "Output")
        return _per_image(variables[output]) * math.prod(_sizes(variables[kernel])[1:])
    if op.type in ("matmul_v2", "mul"):
        [weights], [output] = _arguments(op.inputs, "Y"), _arguments(op.outputs, "Out")
        transposed = any(attr.name == "trans_y" and attr.b for attr in op.attrs)
        return _per_image(variables[output]) * _sizes(variables[weights])[-1 if transposed else -2]
    return 0


def _arguments(slots: Any, name: str) -> list[str]:
    return [argument for slot in slots if slot.parameter == name for argument in slot.arguments]


def _sizes(variable: Any) -> list[int]:
    return list(variable.type.lod_tensor.tensor.dims)


def _per_image(variable: Any) -> int:
    """The number of values for a batch of one; an open size is the batch."""
    return math.prod(max(1, size) for size in _sizes(variable))
