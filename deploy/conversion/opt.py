"""`paddle_lite_opt`, Paddle-Lite's converter, as a program whose exit codes mislead.

It ends with 0 without a result when an argument is missing, and with 134 and a C++ message for
nearly everything else. So a run counts as done only when it ended with 0 and the file is there.
"""

import functools
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from ppghost.errors import ConversionError

TIMEOUT_S = 300.0


class Crashed(ConversionError):
    """The tool ended by a signal, without a word on what it could not read."""


def run(arguments: list[str], built: Path, valid_targets: str, timeout: float) -> None:
    """Run the tool; the file `built` exists afterwards.

    Args:
        arguments: all but the target and the output.
        built: the file to make, named `.nb`.
        valid_targets: as the tool wants them.
        timeout: in seconds.

    Raises:
        Crashed: it ended by a signal.
        ConversionError: anything else happened; one readable line.
    """
    # the tool appends .nb itself
    places = [f"--valid_targets={valid_targets}", f"--optimize_out={built.with_suffix('')}"]
    code, output = _call([*arguments, *places], timeout)
    if code != 0 or not built.is_file():
        raise _error(code, output, valid_targets)


@functools.cache
def supported_operators(valid_targets: str) -> frozenset[str]:
    """The operator types that this version of the tool converts for `valid_targets`.

    Raises:
        ConversionError: it prints no such table.
    """
    code, output = _call(
        ["--print_supported_ops=true", f"--valid_targets={valid_targets}"], TIMEOUT_S
    )
    # a table: a name, then a Y under each target (or under kUnk, for what a pass takes out)
    names = frozenset(re.findall(r"^ *(\w+)(?: +Y)+ *$", output, re.MULTILINE))
    if code != 0 or not names:
        raise ConversionError(
            "paddle_lite_opt lists no operators for {valid_targets}: install it",
            valid_targets=valid_targets,
        )
    return names


def command() -> str:
    """Path of the tool: beside this Python, else on PATH.

    Raises:
        ConversionError: it is in neither place.
    """
    beside = Path(sys.executable).with_name("paddle_lite_opt")
    found = str(beside) if beside.is_file() else shutil.which("paddle_lite_opt")
    if found is None:
        raise ConversionError(
            "paddle_lite_opt not found beside {executable} or on PATH; install the "
            "paddlelite package",
            executable=sys.executable,
        )
    return found


def _call(arguments: list[str], timeout: float) -> tuple[int, str]:
    """Exit code and all that the tool printed."""
    path = command()
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell
            [path, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(
            "paddle_lite_opt did not finish in {timeout:g} s; raise --timeout", timeout=timeout
        ) from error
    except OSError as error:
        raise ConversionError(
            "{path}: cannot be run ({strerror})", path=path, strerror=error.strerror
        ) from error
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _error(code: int, output: str, valid_targets: str) -> ConversionError:
    """One line out of what the tool printed before it ended with `code`."""
    # "[F 11/22  4:31: 7.779 ...op_desc.h:118 GetAttr] Check failed: condition: what was wrong"
    fatal = re.search(r"^\[F [^\]]*\]\s*(?:Check failed: )?(.+)", output, re.MULTILINE | re.DOTALL)
    if fatal:
        return ConversionError(
            "paddle_lite_opt failed: {fatal}", fatal=fatal[1].strip().splitlines()[0][:300]
        )
    if code == 0:
        return ConversionError("paddle_lite_opt ended without an error and without a model")
    # a shell or a wrapper reports a signal as 128 + its number
    number = -code if code < 0 else code - 128
    if number in signal.valid_signals():
        return Crashed(
            "paddle_lite_opt crashed ({signal}) without a word for {valid_targets}; the graph "
            "holds something it cannot read (`ppghost convert --list-repairs` lists the cases "
            "met so far)",
            signal=signal.Signals(number).name,
            valid_targets=valid_targets,
        )
    lines = output.strip().splitlines()
    last = f": {lines[-1][:300]}" if lines else ""
    return ConversionError("paddle_lite_opt ended with code {code}{last}", code=code, last=last)
