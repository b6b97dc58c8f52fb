"""`paddle_lite_opt` and nothing else, on programs that repairs made."""

from ppghost.deploy.conversion import opt
from ppghost.deploy.conversion.options import TARGETS
from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE


def convert_repaired(model, repaired, folder, target="x86"):
    """The file made of a repaired program, in `folder`; raises ConversionError."""
    model.write(repaired.program, folder, repaired.params)
    files = [f"--model_file={folder / MODEL_FILE}", f"--param_file={folder / PARAMS_FILE}"]
    built = folder / f"{target}.nb"
    opt.run(files, built, TARGETS[target], 60)
    return built
