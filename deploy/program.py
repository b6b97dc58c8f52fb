"""What is asked of Paddle itself: reading a ProgramDesc, and reference outputs.

Paddle is imported inside the functions (it costs over 2 s), and never in a process that has
loaded paddlelite.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ppghost.errors import ConversionError, InputError

if TYPE_CHECKING:
    import numpy as np

MODEL_FILE = "inference.pdmodel"
PARAMS_FILE = "inference.pdiparams"
CONFIG_FILE = "inference.yml"


def check_model_dir(model_dir: Path) -> None:
    """Raises InputError, naming the file expected, if `model_dir` holds no exported model."""
    if not model_dir.is_dir():
        raise InputError(f"{model_dir}: no such folder; give the folder `ppghost export` wrote")
    for name in (MODEL_FILE, PARAMS_FILE, CONFIG_FILE):
        if not (model_dir / name).is_file():
            raise InputError(
                f"{model_dir}: no {name} in it; give the folder that `ppghost export` wrote"
            )


def load_config(model_dir: Path) -> dict[str, Any]:
    """The `Global` part of `inference.yml`. Raises InputError if it is not a valid one."""
    path = model_dir / CONFIG_FILE
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
    section = config.get("Global") if isinstance(config, dict) else None
    if not isinstance(section, dict) or not isinstance(section.get("model_name"), str):
        raise InputError(f"{path}: no Global.model_name in it; export the model again")
    return section


def load_program(path: Path) -> Any:
    """Parse a `.pdmodel` into a ProgramDesc. Raises InputError if it is not one."""
    from google.protobuf.message import DecodeError

    _import_paddle()
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


def program_inputs(program: Any, image_shape: list[int] | None) -> list[dict[str, Any]]:
    """Feeds of `program` at batch 1: [{"name", "shape"}], in feed order.

    Open sizes after the batch are taken from `image_shape` (channels, height, width).
    Raises ConversionError for feeds that are not float32 or have sizes nobody declared.
    """
    from paddle.base.proto.framework_pb2 import VarType

    variables = {var.name: var for var in program.blocks[0].vars}
    inputs = []
    for op in program.blocks[0].ops:
        if op.type != "feed":
            continue
        name = op.outputs[0].arguments[0]
        tensor = variables[name].type.lod_tensor.tensor
        if tensor.data_type != VarType.FP32:
            raise ConversionError(f"input {name!r} is not float32; export a float32 model")
        shape = [1, *tensor.dims[1:]]
        if min(shape) < 1:
            if image_shape is None or len(image_shape) + 1 != len(shape):
                raise ConversionError(
                    f"input {name!r} has open sizes {list(tensor.dims)} and "
                    f"{CONFIG_FILE} has no Global.image_shape to fill them"
                )
            shape = [1, *(int(size) for size in image_shape)]
        inputs.append({"name": name, "shape": [int(size) for size in shape]})
    return inputs


def reference_outputs(model_dir: Path, inputs: dict[str, "np.ndarray"]) -> list["np.ndarray"]:
    """Paddle's own outputs of the exported model, in fetch order, without graph rewriting.

    Raises ConversionError if Paddle cannot run the model.
    """
    paddle = _import_paddle()
    config = paddle.inference.Config(str(model_dir / MODEL_FILE), str(model_dir / PARAMS_FILE))
    config.disable_glog_info()
    config.switch_ir_optim(False)
    config.set_cpu_math_library_num_threads(1)
    try:
        predictor = paddle.inference.create_predictor(config)
        for name, value in inputs.items():
            predictor.get_input_handle(name).copy_from_cpu(value)
        predictor.run()
        return [
            predictor.get_output_handle(name).copy_to_cpu() for name in predictor.get_output_names()
        ]
    # every C++ check of Paddle arrives as one of these
    except (RuntimeError, ValueError, IndexError, TypeError, OSError, SystemError) as error:
        reason = [line.strip() for line in str(error).splitlines() if "Error:" in line]
        raise ConversionError(
            f"{model_dir}: Paddle itself cannot run this model "
            f"({reason[0] if reason else type(error).__name__}); export it again"
        ) from None


def _import_paddle() -> Any:
    import paddle

    # paddle's C++ handlers allocate memory: a SIGTERM inside malloc would hang for good
    paddle.disable_signal_handler()
    return paddle
