"""What is asked of Paddle itself: reading a ProgramDesc, and reference outputs.

Paddle is imported inside the functions (it costs over 2 s), and never in a process that has
loaded paddlelite.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppghost.errors import ConversionError, InputError

if TYPE_CHECKING:
    import numpy as np

#: the names that `ppghost export` and PaddleClas give an exported model's files
MODEL_FILE = "inference.pdmodel"
PARAMS_FILE = "inference.pdiparams"
CONFIG_FILE = "inference.yml"


def load_program(path: Path) -> Any:
    """Parse a `.pdmodel` into a ProgramDesc. Raises InputError if it is not one."""
    from google.protobuf.message import DecodeError

    import_paddle()
    from paddle.base.proto import framework_pb2

    program = framework_pb2.ProgramDesc()
    try:
        program.ParseFromString(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except DecodeError:
        program.Clear()
    if not program.blocks or not program.blocks[0].ops:
        raise InputError(f"{path}: not a Paddle program (damaged?); export the model again")
    return program


def operator_types(program: Any) -> set[str]:
    """The types of all operators of `program`, those of its sub-blocks too."""
    return {op.type for block in program.blocks for op in block.ops}


def parameter_names(program: Any) -> list[str]:
    """The parameters of `program`, in the order in which Paddle puts them into one file."""
    from paddle.base.proto.framework_pb2 import VarType

    return sorted(
        var.name
        for var in program.blocks[0].vars
        if var.persistable and var.type.type == VarType.LOD_TENSOR
    )


def check_parameters_are_fixed(program: Any) -> None:
    """Raises ConversionError if the program draws its own parameters anew at every run.

    Some networks of PaddleClas's initialise themselves by operators that, in static mode, land in
    the program itself: what is exported so is a different network each time.
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
            f"the program overwrites {len(drawn)} of its parameters with random numbers, for "
            f"instance {min(drawn)}; export the network so that initialisation is not part of it"
        )


def program_inputs(program: Any, shape: list[int] | None) -> list[dict[str, Any]]:
    """Feeds of `program` with sizes: [{"name", "shape"}], in feed order.

    `shape` (batch, channels, height, width) fills in what the program leaves open; an open batch
    is 1 without it.
    Raises ConversionError for feeds that are not float32, have sizes that nobody gave, or other
    sizes than `shape`.
    """
    from paddle.base.proto.framework_pb2 import VarType

    variables = {var.name: var for var in program.blocks[0].vars}
    feeds = [op.outputs[0].arguments[0] for op in program.blocks[0].ops if op.type == "feed"]
    if not feeds:
        raise ConversionError("the program has no input; export the model again")
    inputs = []
    for name in feeds:
        tensor = variables[name].type.lod_tensor.tensor
        if tensor.data_type != VarType.FP32:
            raise ConversionError(f"input {name!r} is not float32; export a float32 model")
        inputs.append({"name": name, "shape": _closed(name, list(tensor.dims), shape)})
    return inputs


def _closed(name: str, declared: list[int], given: list[int] | None) -> list[int]:
    """`declared` with its open sizes taken from `given`."""
    if given is None:
        if min(declared[1:], default=1) < 1:
            raise ConversionError(
                f"input {name!r} has open sizes {declared}; say which with --input-shape, "
                "as in --input-shape 1,3,224,224"
            )
        return [max(1, declared[0]), *declared[1:]]
    fits = len(given) == len(declared) and all(
        size < 1 or size == other for size, other in zip(declared, given, strict=True)
    )
    if not fits:
        raise ConversionError(f"input {name!r} is {declared} in the program, not {given}")
    return [int(size) for size in given]


class Runner:
    """The exported model in a folder in Paddle's own runtime, without graph rewriting.

    Only for models whose operators were checked (ppghost.formats.exported.open_model).
    Raises ConversionError if Paddle cannot load it.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        paddle = import_paddle()
        config = paddle.inference.Config(str(folder / MODEL_FILE), str(folder / PARAMS_FILE))
        config.disable_glog_info()
        config.switch_ir_optim(False)
        config.set_cpu_math_library_num_threads(threads)
        with _one_line("load"):
            self._predictor = paddle.inference.create_predictor(config)

    def __call__(self, inputs: Sequence["np.ndarray"]) -> list["np.ndarray"]:
        """Outputs in fetch order for `inputs` in feed order. Raises ConversionError."""
        predictor = self._predictor
        with _one_line("run"):
            for name, value in zip(predictor.get_input_names(), inputs, strict=True):
                predictor.get_input_handle(name).copy_from_cpu(value)
            predictor.run()
            names = predictor.get_output_names()
            return [predictor.get_output_handle(name).copy_to_cpu() for name in names]


def reference_outputs(folder: Path, inputs: dict[str, "np.ndarray"]) -> list["np.ndarray"]:
    """What Paddle gives for `inputs`, which are by name in feed order, in fetch order.

    Raises ConversionError if Paddle cannot run the model or gets NaN.
    """
    import numpy as np

    outputs = Runner(folder)(list(inputs.values()))
    if not all(np.isfinite(one).all() for one in outputs):
        raise ConversionError("Paddle itself computes NaN or infinity from normal noise")
    return outputs


@contextlib.contextmanager
def _one_line(verb: str) -> Iterator[None]:
    """Turn what Paddle raises into one line that says what it could not do."""
    try:
        yield
    # every C++ check of Paddle arrives as one of these
    except (RuntimeError, ValueError, IndexError, TypeError, OSError, SystemError) as error:
        reason = [line.strip() for line in str(error).splitlines() if "Error:" in line]
        raise ConversionError(
            f"Paddle itself cannot {verb} this model "
            f"({reason[0] if reason else type(error).__name__}); export it again"
        ) from None


def import_paddle() -> Any:
    """Paddle, made ready for a process that handles its own signals."""
    import paddle

    # paddle's C++ handlers allocate memory: a SIGTERM inside malloc would hang for good
    paddle.disable_signal_handler()
    return paddle
