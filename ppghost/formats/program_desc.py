"""What a ProgramDesc, the content of a `.pdmodel`, says: operators, parameters, inputs.

A ProgramDesc is protobuf. Only its message classes are taken from Paddle: they are loaded from
Paddle's own file without importing Paddle, which costs over a second, so that a program is read
and judged before anything that could run it is there.
"""

import functools
import importlib.util
import math
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import SourceFileLoader
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

from ppghost.errors import ConversionError, InputError
from ppghost.utils.text import nearest

_FRAMEWORK = "paddle.base.proto.framework_pb2"
#: the first version whose programs are of another kind
_NEWER = 3_000_000
#: of one input: 4 GB of float32
_MAX_NUMBERS = 2**30


class TensorShape(TypedDict):
    """A tensor by name, with its sizes; the first one is the batch."""

    name: str
    shape: list[int]


class InputSpec(TensorShape, total=False):
    """An input, with numpy's name of its type where that is not float32."""

    dtype: str


@functools.cache
def framework() -> ModuleType:
    """Paddle's protobuf messages (`ProgramDesc`, `VarType`, ...), of Paddle itself if it is loaded.

    Raises:
        ModuleNotFoundError: Paddle is not installed.
    """
    if _FRAMEWORK in sys.modules:
        return sys.modules[_FRAMEWORK]
    paddle = importlib.util.find_spec("paddle")
    if paddle is None or paddle.origin is None:
        raise ModuleNotFoundError("No module named 'paddle'", name="paddle")
    path = Path(paddle.origin).parent.joinpath(*_FRAMEWORK.split(".")[1:]).with_suffix(".py")
    # protobuf gives the same classes to Paddle, where that is imported later
    loader = SourceFileLoader("ppghost.formats._framework_pb2", str(path))
    module = ModuleType(loader.name)
    loader.exec_module(module)
    return module


def load_program(path: Path) -> Any:
    """Parse a `.pdmodel` into a ProgramDesc.

    Raises:
        InputError: the file cannot be read, or is no program.
    """
    from google.protobuf.message import DecodeError

    program = framework().ProgramDesc()
    cause = None
    try:
        program.ParseFromString(path.read_bytes())
    except OSError as error:
        raise InputError(
            "{path}: cannot be read ({strerror})", path=path, strerror=error.strerror or error
        ) from error
    except DecodeError as error:
        cause = error
        program.Clear()
    if (written := program.version.version) >= _NEWER:
        raise InputError(
            "{path}: written by Paddle {version}, which neither Paddle 2.6 nor Paddle-Lite "
            "reads; export the model with Paddle 2.6",
            path=path,
            version=_version(written),
        )
    if not program.blocks or not program.blocks[0].ops:
        raise InputError(
            "{path}: not a Paddle program (damaged?); export the model again", path=path
        ) from cause
    return program


def _version(number: int) -> str:
    """Paddle's version out of the number that programs carry: 2006002 is 2.6.2."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def operator_types(program: Any) -> set[str]:
    """The types of all operators of `program`, those of its sub-blocks too."""
    return {op.type for block in program.blocks for op in block.ops}


def is_int8(program: Any) -> bool:
    """Whether `program` computes in int8, or simulates it, as `ppghost quantize` writes it."""
    return any("quantize" in kind for kind in operator_types(program))


def parameter_names(program: Any) -> list[str]:
    """The parameters of `program`, in the order in which Paddle puts them into one file."""
    lod_tensor = framework().VarType.LOD_TENSOR
    return sorted(
        var.name
        for var in program.blocks[0].vars
        if var.persistable and var.type.type == lod_tensor
    )


def feed_names(program: Any) -> list[str]:
    """The inputs of `program` in feed order: by `col`, for the feed operators stand reversed."""
    return [op.outputs[0].arguments[0] for op in _by_column(program, "feed")]


def fetch_names(program: Any) -> list[str]:
    """The outputs of `program` in fetch order; one that is fetched twice is there twice."""
    return [op.inputs[0].arguments[0] for op in _by_column(program, "fetch")]


def _by_column(program: Any, kind: str) -> list[Any]:
    ops = [op for op in program.blocks[0].ops if op.type == kind]
    columns = [attr.i for op in ops for attr in op.attrs if attr.name == "col"]
    if len(columns) == len(ops):
        ops = [op for _, op in sorted(zip(columns, ops, strict=True), key=itemgetter(0))]
    return ops


def declared_shape(program: Any, name: str) -> list[int]:
    """The sizes of a variable of `program`, -1 where they are open."""
    [variable] = (var for var in program.blocks[0].vars if var.name == name)
    return list(variable.type.lod_tensor.tensor.dims)


def check_parameters_are_fixed(program: Any) -> None:
    """Refuse a program that draws its own parameters anew at every run.

    Some networks of PaddleClas's initialise themselves by operators that, in static mode, land in
    the program itself: what is exported so is a different network each time.

    Raises:
        ConversionError: it does, and which parameters.
    """
    parameters = set(parameter_names(program))
    drawn = {
        name
        for block in program.blocks
        for op in block.ops
        for output in op.outputs
        for name in output.arguments
        if op.type.endswith("_random") and name in parameters
    }
    if drawn:
        raise ConversionError(
            "the program overwrites {count} of its parameters with random numbers, for "
            "instance {drawn}; export the network so that initialisation is not part of it",
            count=len(drawn),
            drawn=min(drawn),
        )


def program_inputs(
    program: Any, shape: Sequence[int] | Mapping[str, Sequence[int]] | None
) -> list[InputSpec]:
    """The inputs of `program` with every size known, in feed order.

    Args:
        shape: what fills in the sizes that the program leaves open: those of inputs by name, or
            [N, C, H, W] of every input that has as many; -1 is as the program has it. A batch that
            stays open is 1.

    Raises:
        ConversionError: an input is neither float32 nor of whole numbers, has sizes that nobody
            gave, or other sizes than `shape`; or there is no input that a shape is for.
    """
    variables = {var.name: var for var in program.blocks[0].vars}
    names = feed_names(program)
    if not names:
        raise ConversionError("the program has no input; export the model again")
    tensors = {name: variables[name].type.lod_tensor.tensor for name in names}
    given = _given_shapes(tensors, shape)
    inputs: list[InputSpec] = []
    for name, tensor in tensors.items():
        sizes = _fill_open_sizes(name, list(tensor.dims), given.get(name))
        inputs.append({"name": name, "shape": sizes})
        if (dtype := _input_dtype(name, tensor.data_type)) != "float32":
            inputs[-1]["dtype"] = dtype
    return inputs


def input_dtype(spec: InputSpec) -> str:
    """numpy's name of an input's type."""
    return spec.get("dtype", "float32")


def _given_shapes(
    tensors: Mapping[str, Any], shape: Sequence[int] | Mapping[str, Sequence[int]] | None
) -> Mapping[str, Sequence[int]]:
    """`shape` by the names of inputs."""
    if shape is None:
        return {}
    if not isinstance(shape, Mapping):
        alike = [name for name, tensor in tensors.items() if len(tensor.dims) == len(shape)]
        # one input of another rank is refused below, where both shapes are named
        return dict.fromkeys(alike if len(tensors) > 1 else tensors, shape)
    if unknown := sorted(shape.keys() - tensors.keys()):
        raise ConversionError(
            "there is no input {unknown!r}{nearest}; the inputs are {tensors}",
            unknown=unknown[0],
            nearest=nearest(unknown[0], tensors),
            tensors=", ".join(tensors),
        )
    return shape


def _input_dtype(name: str, data_type: int) -> str:
    kinds = framework().VarType
    names = {kinds.FP32: "float32", kinds.INT32: "int32", kinds.INT64: "int64"}
    if data_type not in names:
        raise ConversionError(
            "input {name!r} is {type}, not float32, int32 or int64; export a float32 model",
            name=name,
            type=kinds.Type.Name(data_type),
        )
    return names[data_type]


def _fill_open_sizes(name: str, declared: list[int], given: Sequence[int] | None) -> list[int]:
    """`declared` with its open sizes taken from `given`, which may leave some open too."""
    given = [-1] * len(declared) if given is None else list(given)
    fits = len(given) == len(declared) and all(
        size < 1 or other < 1 or size == other for size, other in zip(declared, given, strict=True)
    )
    if not fits:
        raise ConversionError(
            "input {name!r} is {declared} in the program, not {given}",
            name=name,
            declared=declared,
            given=given,
        )
    sizes = [max(size, other) for size, other in zip(declared, given, strict=True)]
    if min(sizes[1:], default=1) < 1:
        raise ConversionError(
            "input {name!r} has open sizes {declared}; say which with --input-shape, as in "
            "--input-shape {name}={example}",
            name=name,
            declared=declared,
            example=_example(declared),
        )
    sizes = [max(1, size) for size in sizes]
    if math.prod(sizes) > _MAX_NUMBERS:
        raise ConversionError(
            "input {name!r} would be {sizes}: too large for any phone", name=name, sizes=sizes
        )
    return sizes


def _example(declared: list[int]) -> str:
    """Sizes that would do, as they are written on the command line."""
    usual = [1, 3, 224, 224] if len(declared) == 4 else [1] * len(declared)
    sizes = zip(declared, usual, strict=True)
    return ",".join(str(size if size > 0 else other) for size, other in sizes)
