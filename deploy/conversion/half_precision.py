"""What half precision does to a network: Paddle, with all values rounded to 16 bits on their way.

Phones compute fp16 files in kernels that no host has. So how near to float32 such a file has to be
follows from a simulation: parameters, inputs and every operator's outputs are rounded to float16.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ppghost.deploy.conversion.decisions import fetch_too
from ppghost.deploy.conversion.paddle_runtime import Runner
from ppghost.deploy.conversion.repairs.operators import argument, attribute, new_operator
from ppghost.deploy.nb import output_check
from ppghost.deploy.nb.box_check import CHECK_BOXES
from ppghost.errors import ConversionError
from ppghost.formats.exported import ExportedModel
from ppghost.formats.program_desc import framework
from ppghost.i18n import tr

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

#: a phone may be so many times as far from 1 as the simulation: its kernels add up in 16 bits too
_MARGIN = 4.0
#: and at least so far: a trained net's simulation differs by less than chips do from each other
_CORRELATION = 0.999
#: but not so far that nothing could be wrong
_LEAST = 0.5
#: below this in the simulation, rounding alone scrambles the outputs, as it does in deep networks
#: that were never trained: then no correlation is right or wrong
_SCRAMBLED = 0.75
#: Winograd's transformation of a 3x3 convolution multiplies its input: a SqueezeNet whose
#: activations reached 2,300 gave infinity in Paddle-Lite's arm64 kernels
_WINOGRAD_INPUT = 1000.0
_WITH_BLOCKS = ("while", "conditional_block")


class Least(NamedTuple):
    """What a right fp16 file has at the least in common with float32.

    Attributes:
        correlation: of the outputs; None if none has one.
        boxes: the share of the boxes that a suppression left; None if there are none.
    """

    correlation: float | None
    boxes: float | None


def least_agreement(
    model: ExportedModel,
    values: "Mapping[str, Mapping[str, np.ndarray]]",
    expected: "Mapping[str, Sequence[np.ndarray]]",
    detections: Sequence[int] = (),
) -> dict[str, Least]:
    """What a right fp16 file has in common with float32, by kind of input.

    Args:
        model: as it was exported.
        values: inputs by name, by kind.
        expected: Paddle's outputs in float32, by kind.
        detections: the outputs, by their place, that a suppression of boxes left.

    Raises:
        ConversionError: half precision cannot hold what the network computes.
    """
    program = _rounded(model.program)
    convolved = _convolved(program)
    runner = Runner(model, program=fetch_too(program, convolved))
    least = {}
    for kind, inputs in values.items():
        outputs = runner(inputs)
        count = len(outputs) - len(convolved)
        simulated = outputs[:count]
        _check_range(kind, simulated, outputs[count:])
        figures = output_check.compare(
            simulated,
            expected[kind],
            correlation=output_check.ANY,
            detections=detections,
            boxes=0,
        )
        correlation, boxes = figures["correlation"], figures.get("equal") if detections else None
        least[kind] = Least(
            None if correlation is None else _least_correlation(model.name, kind, correlation),
            None if boxes is None else _least_boxes(model.name, kind, boxes),
        )
    return least


def _least_boxes(name: str, kind: str, simulated: float) -> float:
    if simulated >= _SCRAMBLED:
        return min(CHECK_BOXES, max(_LEAST, 1 - 2 * (1 - simulated)))
    logger.warning(
        "%s: half precision changes the boxes for %s (%.0f %% are the same in a simulation); a "
        "phone's are not compared", name, tr(kind), 100 * simulated,
    )  # fmt: skip
    return 0.0


def _least_correlation(name: str, kind: str, simulated: float) -> float:
    if simulated >= _SCRAMBLED:
        return max(_LEAST, min(_CORRELATION, 1 - _MARGIN * (1 - simulated)))
    logger.warning(
        "%s: half precision changes the outputs for %s (correlation %.3f in a simulation); "
        "a phone's can only be asked to be numbers", name, tr(kind), simulated,
    )  # fmt: skip
    return output_check.ANY


def _check_range(
    kind: str, outputs: "Sequence[np.ndarray]", convolved: "Sequence[np.ndarray]"
) -> None:
    import numpy as np

    if not all(np.isfinite(output).all() for output in outputs):
        raise ConversionError(
            "half precision overflows for {kind}: the outputs are NaN or infinity; convert "
            "without --fp16",
            kind=tr(kind),
        )
    widest = max((float(np.abs(array).max(initial=0)) for array in convolved), default=0.0)
    if widest > _WINOGRAD_INPUT:
        logger.warning(
            "a 3x3 convolution reads values up to %.0f for %s: fp16 kernels may overflow there "
            "and give NaN; check the accuracy on the phone, or convert without --fp16",
            widest, tr(kind),
        )  # fmt: skip


def _rounded(program: Any) -> Any:
    """A copy in which every float32 value of the main block goes through float16."""
    copy = framework().ProgramDesc()
    copy.CopyFrom(program)
    block = copy.blocks[0]
    floats = {
        var.name: var
        for var in block.vars
        if var.type.type == framework().VarType.LOD_TENSOR
        and var.type.lod_tensor.tensor.data_type == framework().VarType.FP32
    }
    read = {name for op in block.ops for slot in op.inputs for name in slot.arguments}
    read -= _folded(block)
    renamed: dict[str, str] = {}
    ops: list[Any] = []
    for name, var in floats.items():
        if var.persistable and name in read:
            ops += _through_half(block, var, renamed)
    for op in block.ops:
        written = {name for slot in op.outputs for name in slot.arguments}
        # what an operator changes in place, such as statistics, it must see itself; and
        # sub-blocks go by the names of this one
        kept = written if op.type not in _WITH_BLOCKS else set(renamed)
        ops.append(_reading(op, {k: v for k, v in renamed.items() if k not in kept}))
        for name in sorted(written & read & floats.keys()):
            if not floats[name].persistable:
                ops += _through_half(block, floats[name], renamed)
    del block.ops[:]
    block.ops.extend(ops)
    return copy


def _folded(block: Any) -> set[str]:
    """What Paddle-Lite folds into convolutions, in float32: batch norms' parameters and inputs."""
    return {
        name
        for op in block.ops
        if op.type == "batch_norm"
        for slot in op.inputs
        for name in slot.arguments
    }


def _through_half(block: Any, source: Any, renamed: dict[str, str]) -> list[Any]:
    """Two casts, after which `renamed` tells what to read in the place of a variable."""
    kinds, name = framework().VarType, source.name
    if name not in renamed:
        for suffix, dtype in ((".half", kinds.FP16), (".rounded", kinds.FP32)):
            var = block.vars.add()
            var.CopyFrom(source)
            var.name, var.persistable = name + suffix, False
            var.type.lod_tensor.tensor.data_type = dtype
        renamed[name] = f"{name}.rounded"
    return [
        _cast(name, f"{name}.half", kinds.FP32, kinds.FP16),
        _cast(f"{name}.half", f"{name}.rounded", kinds.FP16, kinds.FP32),
    ]


def _cast(source: str, target: str, before: int, after: int) -> Any:
    attributes = {"in_dtype": before, "out_dtype": after}
    return new_operator("cast", {"X": source}, {"Out": target}, attributes)


def _reading(op: Any, renamed: Mapping[str, str]) -> Any:
    copy = framework().OpDesc()
    copy.CopyFrom(op)
    for slot in copy.inputs:
        slot.arguments[:] = [renamed.get(name, name) for name in slot.arguments]
    return copy


def _convolved(program: Any) -> list[str]:
    """What dense 3x3 convolutions of stride 1 read."""
    block = program.blocks[0]
    shapes = {var.name: var.type.lod_tensor.tensor.dims for var in block.vars}
    dense = [
        op
        for op in block.ops
        if op.type == "conv2d"
        and attribute(op, "groups", 1) == 1
        and attribute(op, "strides", [1, 1]) == [1, 1]
        and list(shapes[argument(op, "Filter")][2:]) == [3, 3]
    ]
    return list(dict.fromkeys(str(argument(op, "Input")) for op in dense))
