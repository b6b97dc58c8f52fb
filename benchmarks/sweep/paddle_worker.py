"""Exports a case, computes Paddle's outputs, and converts it with and without repairs."""

import ppghost  # noqa: F401, I001  (zlib before paddle)
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from operator_cases import sections
from ppghost.deploy.conversion import opt, repairs
from ppghost.errors import PPGhostError
from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE, ExportedModel, open_model
from ppghost.formats.program_desc import operator_types
from ppghost.utils.paddle_inference import Engine, EngineError
from sweep.export import export
from sweep.inputs import make_inputs
from sweep.workers import serve

TARGETS = ("x86", "arm")
TIMEOUT_S = 60
#: what building, exporting and running a program that Paddle has no way with can raise
_FAILURES = (PPGhostError, EngineError, ValueError, RuntimeError, AssertionError, TypeError)


def work() -> Callable[..., dict[str, Any]]:
    """What does a task."""
    paddle.enable_static()
    cases = sections()

    def do(section: str, name: str, folder: str) -> dict[str, Any]:
        path, each = Path(folder), cases[section][name]
        try:
            export(each, path / "model")
            model = open_model(path / "model")
            _run(model, make_inputs(each), path)
        except _FAILURES as error:
            return {"error": f"cannot: {str(error).strip().splitlines()[-1][:80]}"}
        return _convert_both(model, path)

    return do


def _run(model: ExportedModel, values: list[dict[str, np.ndarray]], path: Path) -> None:
    """Paddle's outputs, kept with the inputs."""
    engine = Engine(model.program.SerializeToString(), model.params())
    expected = [engine(value) for value in values]
    inputs = {f"{i}/{k}": v for i, value in enumerate(values) for k, v in value.items()}
    outputs = {f"{i}/{j}": v for i, found in enumerate(expected) for j, v in enumerate(found)}
    np.savez(path / "inputs.npz", **inputs)
    np.savez(path / "expected.npz", **outputs)


def _convert_both(model: ExportedModel, path: Path) -> dict[str, Any]:
    """What became of the program as it is, and of the repaired one where that is another."""
    plain = repairs.Repaired(model.program, None, {})
    files = {"plain": {t: _convert(model, plain, path / "plain", t) for t in TARGETS}}
    done = {target: repairs.repair(model, target) for target in TARGETS}
    counts = done["arm"].counts() | done["x86"].counts()
    if counts:
        files["repaired"] = {
            target: _convert(model, repaired, path / "repaired", target)
            for target, repaired in done.items()
        }
    return {"files": files, "repairs": counts}


def _convert(model: ExportedModel, repaired: repairs.Repaired, folder: Path, target: str) -> str:
    if missing := sorted(operator_types(repaired.program) - opt.supported_operators(target)):
        return f"no kernel: {', '.join(missing)}"
    model.write(repaired.program, folder, repaired.params)
    files = [f"--model_file={folder / MODEL_FILE}", f"--param_file={folder / PARAMS_FILE}"]
    try:
        opt.run(files, folder / f"{target}.nb", target, TIMEOUT_S)
    except opt.Crashed:
        return "dies"
    except PPGhostError:
        return "refused"
    return "made"


if __name__ == "__main__":
    serve(work)
