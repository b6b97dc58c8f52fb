"""An exported model -> a Paddle-Lite `.nb`, by way of `paddle_lite_opt`, checked.

The tool's exit codes mislead: 0 without a result when an argument is missing, 134 with a C++
message for nearly everything else, and 0 for a model that computes nonsense. So success here is:
exit 0, a file, a header that says the right target, and (for x86) Paddle's own outputs.
"""

import dataclasses
import logging
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from deploy import host, program
from deploy.host_worker import seeded_inputs
from deploy.nb import NbInfo, inspect_nb
from deploy.repairs import repair_model
from deploy.sidecar import sidecar_path
from ppghost.errors import ConversionError, DeviceError, InputError
from ppghost.files import sha256, write_atomically, write_json

logger = logging.getLogger(__name__)

#: our names -> `--valid_targets`, whose order matters: with `arm,opencl` every operator that has
#: an arm kernel gets that one, and the GPU is left idle
TARGETS = {"arm": "arm", "x86": "x86", "opencl": "opencl,arm"}
OPT_TIMEOUT_S = 300.0
CHECK_SEED = 0
#: Two correct float32 runtimes differ by summation order only; a wrong kernel is off by the
#: order of the scores. Measured on 11 networks, 3 inputs each: at most 2.4e-5 of the range of
#: the scores. A thousandth of that range is allowed: relative, so that it has teeth where all
#: scores are nearly equal, as in an untrained net; but never less than float32 noise.
CHECK_RELATIVE = 1e-3
CHECK_NOISE = 1e-6


def convert(
    model_dir: Path,
    target: str,
    output: Path,
    *,
    timeout: float = OPT_TIMEOUT_S,
    check: bool = True,
) -> dict[str, Any]:
    """Convert the exported model in `model_dir` for `target` ("arm", "x86", "opencl").

    Writes `output` (".nb" is added if it is not there) and `output` + ".json", the sidecar that
    `bench` and `report` read, and returns the sidecar's content and the file's path as "nb".
    With `check`, an x86 result is run once and compared with Paddle's own outputs.
    Raises InputError for a bad argument, model or output place, ConversionError for everything
    that goes wrong after that; either leaves no file behind.
    """
    model_dir, output = Path(model_dir), Path(output)
    if target not in TARGETS:
        raise InputError(f"unknown target {target!r}; choose one of: {', '.join(TARGETS)}")
    if output.suffix != ".nb":
        output = output.with_name(output.name + ".nb")
    program.check_model_dir(model_dir)
    config = program.load_config(model_dir)
    with tempfile.TemporaryDirectory(prefix="ppghost-convert-") as folder:
        repaired_dir = Path(folder) / "model"
        repairs = repair_model(model_dir, repaired_dir)
        inputs = _declared_inputs(model_dir, config)
        built = Path(folder) / "out.nb"
        logger.info("converting %s for %s", config["model_name"], target)
        _run_opt(model_dir, repaired_dir, target, built, timeout)
        info = _check_header(model_dir, target, built)
        output_check = None
        if check and target == host.TARGET:
            output_check = _check_outputs(model_dir, built, inputs)
        sidecar = {
            "model": config["model_name"],
            "weights": config.get("weights"),
            "source_sha256": sha256(
                model_dir / program.MODEL_FILE, model_dir / program.PARAMS_FILE
            ),
            "inputs": inputs,
            "repairs": repairs,
            "output_check": output_check,
            # target, precision, opt_version, kernels, bytes, content_sha256, meta_version
            **dataclasses.asdict(info),
        }
        _install(built, sidecar, output)
    return {"nb": str(output), **sidecar}


def _declared_inputs(model_dir: Path, config: dict[str, Any]) -> list[dict[str, Any]]:
    graph = program.load_program(model_dir / program.MODEL_FILE)
    try:
        inputs = program.program_inputs(graph, config.get("image_shape"))
    except ConversionError as error:
        raise ConversionError(f"{model_dir}: {error}") from None
    if not inputs:
        raise ConversionError(f"{model_dir}: the program has no input; export the model again")
    return inputs


def _opt_command() -> str:
    """Path of `paddle_lite_opt`: beside this Python, else on PATH. Raises ConversionError."""
    beside = Path(sys.executable).with_name("paddle_lite_opt")
    found = str(beside) if beside.is_file() else shutil.which("paddle_lite_opt")
    if found is None:
        raise ConversionError(
            f"paddle_lite_opt not found beside {sys.executable} or on PATH; "
            "install the paddlelite package"
        )
    return found


def _run_opt(model_dir: Path, repaired: Path, target: str, built: Path, timeout: float) -> None:
    """Run the tool; `built` exists afterwards. Raises ConversionError with one readable line."""
    command = [
        _opt_command(),
        f"--model_file={repaired / program.MODEL_FILE}",
        f"--param_file={repaired / program.PARAMS_FILE}",
        f"--valid_targets={TARGETS[target]}",
        # the tool appends .nb itself
        f"--optimize_out={built.with_suffix('')}",
    ]
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConversionError(
            f"{model_dir}: paddle_lite_opt did not finish in {timeout:g} s; raise the timeout"
        ) from None
    except OSError as error:
        raise ConversionError(f"{command[0]}: cannot be run ({error.strerror})") from None
    if done.returncode != 0 or not built.is_file():
        said = done.stdout.decode("utf-8", "replace")
        raise ConversionError(f"{model_dir}: {_explain(done.returncode, said, target)}")


def _explain(code: int, said: str, target: str) -> str:
    """One line out of what `paddle_lite_opt` printed before it ended with `code`."""
    unsupported = re.search(r"unsupported ops are:\s*(.+?)\.?\s*$", said, re.MULTILINE)
    if unsupported:
        names = ", ".join(re.findall(r"'([^']+)'", unsupported[1])) or unsupported[1]
        return f"Paddle-Lite has no {target} kernel for: {names}; replace them in the network"
    # "[F 11/22  4:31: 7.779 ...op_desc.h:118 GetAttr] Check failed: condition: what was wrong"
    fatal = re.search(r"^\[F [^\]]*\]\s*(?:Check failed: )?(.+)", said, re.MULTILINE | re.DOTALL)
    if fatal:
        return f"paddle_lite_opt failed: {fatal[1].strip().splitlines()[0][:300]}"
    if code == 0:
        return "paddle_lite_opt ended without an error and without a model"
    # a shell or a wrapper reports a signal as 128 + its number
    number = -code if code < 0 else code - 128
    if number in signal.valid_signals():
        return (
            f"paddle_lite_opt crashed ({signal.Signals(number).name}) without a word; the graph "
            "holds something it cannot read (deploy/repairs.py knows the cases met so far)"
        )
    lines = said.strip().splitlines()
    return f"paddle_lite_opt ended with code {code}" + (f": {lines[-1][:300]}" if lines else "")


def _check_header(model_dir: Path, target: str, built: Path) -> NbInfo:
    try:
        info = inspect_nb(built)
    except InputError as error:
        reason = str(error).removeprefix(f"{built}: ")
        raise ConversionError(f"{model_dir}: paddle_lite_opt wrote a bad file: {reason}") from None
    # a network of nothing but host kernels runs anywhere
    if info.target not in (target, "host"):
        raise ConversionError(
            f"{model_dir}: asked for {target}, but paddle_lite_opt made a file for {info.target}"
        )
    return info


def _check_outputs(model_dir: Path, built: Path, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Compare the `.nb` with Paddle on one seeded input. Raises ConversionError if they differ."""
    import numpy as np

    values = seeded_inputs(inputs, CHECK_SEED)
    expected = program.reference_outputs(model_dir, values)
    try:
        # Paddle-Lite keeps the order of the fetches, but not always their names
        actual = list(host.run_once(built, values).values())
    except (DeviceError, InputError) as error:
        reason = str(error).removeprefix(f"{built.name}: ")
        raise ConversionError(f"{model_dir}: the converted model does not run: {reason}") from None
    if [one.shape for one in actual] != [one.shape for one in expected]:
        raise ConversionError(
            f"{model_dir}: outputs have shapes {[one.shape for one in actual]} after conversion, "
            f"{[one.shape for one in expected]} in Paddle"
        )
    worst = 0.0
    for ours, theirs in zip(actual, expected, strict=True):
        difference = float(np.abs(ours - theirs).max())
        noise = CHECK_NOISE * float(np.abs(theirs).max())
        allowed = CHECK_RELATIVE * float(theirs.max() - theirs.min()) + noise
        # "not <=", so that NaN on either side fails too
        if not difference <= allowed:
            raise ConversionError(
                f"{model_dir}: the converted model computes something else than Paddle "
                f"(largest difference {difference:.3g}, allowed {allowed:.3g})"
            )
        worst = max(worst, difference)
    return {"max_abs_diff": worst, "ok": True}


def _install(built: Path, sidecar: dict[str, Any], output: Path) -> None:
    """Put the model and its sidecar in place: both or, if anything fails, neither."""
    write_atomically(output, lambda file: file.write(built.read_bytes()))
    try:
        write_json(sidecar_path(output), sidecar)
    except BaseException:
        output.unlink()
        raise
