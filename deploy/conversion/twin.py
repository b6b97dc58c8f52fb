"""The same program in a file for x86, which can be run here, and what the two have in common."""

from dataclasses import replace
from pathlib import Path

from ppghost.deploy.conversion.build import Builder, missing_kernels
from ppghost.deploy.conversion.options import Options
from ppghost.deploy.conversion.repairs import Repaired, repair
from ppghost.deploy.nb.compatibility import X86
from ppghost.deploy.nb.parameters import different_parameters
from ppghost.errors import ConversionError
from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE
from ppghost.formats.paddle_tensors import read_exported
from ppghost.formats.program_desc import is_int8
from ppghost.i18n import tr


def make_twin(builder: Builder, built: Path, options: Options) -> Path | str:
    """The file itself, or the same program in a file for x86; or why there is none."""
    if options.target == X86:
        return built
    model, x86 = builder.model, replace(options, target=X86, fp16=False)
    if is_int8(model.program):
        return tr("none: x86 has no right int8 kernels")
    repaired = repair(model, options.target, X86)
    if missing := missing_kernels(repaired.program, x86):
        return tr("none: no x86 kernel for {missing}").format(missing=", ".join(missing))
    try:
        twin, _ = builder.build(repaired, x86)
    except ConversionError as error:
        return tr("none: no x86 file ({error})").format(error=error)
    return twin


def compare_weights(
    builder: Builder, repaired: Repaired, built: Path, twin: Path, options: Options
) -> str:
    """What is known of a file whose twin is right: as much as they have in common.

    Returns:
        The value of the sidecar's `check`.

    Raises:
        ConversionError: a weight is neither the twin's nor the model's.
    """
    different = different_parameters(built, twin)
    if not different:
        return X86
    # where one target's kernels take in an operator (a scale, say) and the other's do not, a
    # weight is as the model has it
    own = builder.folder / "own"
    builder.model.write(repaired.program, own, repaired.params)
    records = read_exported(own / MODEL_FILE, own / PARAMS_FILE)
    values = {array.tobytes() for array in records.values()}
    strange = [each.name for each in different if each.data not in values]
    if strange:
        raise ConversionError(
            "{count} weights of the file for {target} are neither the model's nor those of "
            "the same program for x86, whose outputs are right, for instance {strange}; "
            "convert again",
            count=len(strange),
            target=options.target,
            strange=strange[0],
        )
    return tr("weights only")
