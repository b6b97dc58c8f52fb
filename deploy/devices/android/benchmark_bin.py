"""Paddle-Lite's `benchmark_bin`: how to ask it, and what its answer is worth.

Two generations, told apart by the flags that `--help` lists: 2.10 and later print sections (read
in lite/api/tools/benchmark/benchmark.cc), 2.6 to 2.9 append a line to a file (lite/api/
benchmark.cc). The exit code is 0 after many failures, so an answer counts only if it holds a
time, and if the settings that it echoes are those asked for.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ppghost.deploy.devices.android.adb import FOLDER
from ppghost.deploy.devices.android.adb_client import ShellResult
from ppghost.errors import DeviceError, InputError
from ppghost.utils.files import read_json, write_json

NAME = "benchmark_bin"
#: where the older generation writes, relative to the folder it runs in
RESULT_FILE = "result.txt"
POWER_MODES = {"big": 0, "little": 1, "all": 2, "none": 3}
#: what `--backend` must be for a file made for a target; host kernels run everywhere
_BACKENDS = {"arm": "arm", "opencl": "opencl,arm", "x86": "x86"}
_TIME = re.compile(r"^(init|first|min|max|avg)\s*=\s*(\S+)", re.MULTILINE)
_OLD_TIME = re.compile(r"min = (\S+)\s+max = (\S+)\s+average = (\S+)")
_CUT = re.compile(r"Request thread num: \d+, exceed the .* cores size: (\d+)")
#: why a program does not start that is built for the right ABI: the linker's and the shell's words
_OTHER_CAUSE = re.compile(
    r"CANNOT LINK|cannot locate|No such file|not found|inaccessible|Permission denied|can't execute"
)
#: exit codes (SIGILL, SIGABRT) of a program built without, or on a processor without, fp16
_FP16_CODES = (132, 134)
#: what a shell adds when a signal ends a program
_SHELL_SAYS = re.compile(r"(Aborted|Segmentation fault|Bus error)( \(core dumped\))?")


class Program(NamedTuple):
    """A benchmark_bin that ran on a device; `version` is None where it does not tell."""

    version: str | None
    flags: frozenset[str]

    @property
    def prints_sections(self) -> bool:
        """Whether it is of 2.10 or later."""
        return "optimized_model_file" in self.flags


@dataclass(frozen=True)
class Invocation:
    """One run of the program.

    Attributes:
        nb: the model; like `inputs` and `outputs` a name in `folder`.
        shapes: of the model's inputs, in their order.
        target: what the model was made for: arm, opencl or x86.
        power_mode: a key of `POWER_MODES`.
        warmup: inferences before those that count.
        repeats: inferences that count.
        inputs: files of the inputs' values; without them all are 1.
        outputs: files for the outputs' values.
        show_outputs: whether the outputs are printed.
        folder: that it runs in.
    """

    nb: str
    shapes: Sequence[Sequence[int]]
    target: str
    threads: int
    power_mode: str
    warmup: int
    repeats: int
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    show_outputs: bool = False
    folder: str = FOLDER

    def settings(self) -> dict[str, str]:
        """What the program echoes when it runs as it was asked to."""
        return {
            "input_shape": ":".join(",".join(map(str, shape)) for shape in self.shapes),
            "threads": str(self.threads),
            "power_mode": str(POWER_MODES[self.power_mode]),
            "warmup": str(self.warmup),
            "repeats": str(self.repeats),
        }

    def arguments(self, program: Program) -> list[str]:
        """Its command line.

        Args:
            program: of which generation it is.
        """
        flags = self.settings()
        if program.prints_sections:
            flags |= {"optimized_model_file": self.nb, "backend": _BACKENDS[self.target]}
            if self.target == "opencl":
                # compiled kernels are kept for the next invocation, and beside the model: the
                # program's own default is a folder of other programs
                flags |= {
                    "opencl_cache_dir": self.folder,
                    "opencl_kernel_cache_file": f"{self.nb}.kernels",
                    "opencl_tuned_file": f"{self.nb}.tuned",
                }
        else:
            result = "result_path" if "result_path" in program.flags else "result_filename"
            flags |= {"optimized_model_path": self.nb, result: RESULT_FILE}
        if self.inputs:
            flags["input_data_path"] = ":".join(self.inputs)
        if self.outputs:
            flags["output_data_path"] = ":".join(self.outputs)
        if self.show_outputs:
            flags["show_output_elem"] = "true"
        return [f"./{NAME}", *(f"--{name}={value}" for name, value in flags.items())]


class Timing(NamedTuple):
    """Times of an invocation, in ms.

    Attributes:
        mean, min, max: of its repeats.
        first: of the first inference, a warm-up; None where it is not told.
        init: of loading the model; None where it is not told.
    """

    mean: float
    min: float
    max: float
    first: float | None
    init: float | None


def parse_probe(help_: ShellResult, version: ShellResult) -> Program:
    """What a program can do.

    Args:
        help_: its answer to `--help`.
        version: its answer to `--version`.

    Raises:
        DeviceError: it does not run, or is another program.
    """
    text = help_.stdout + help_.stderr
    flags = frozenset(re.findall(r"^\s+-(\w+) \(", text, re.MULTILINE))
    if not flags & {"optimized_model_file", "optimized_model_path"}:
        hint = "" if _OTHER_CAUSE.search(text) else "; is it built for this device's ABI?"
        raise DeviceError(
            f"{NAME} does not run or is not Paddle-Lite's (exit code {help_.returncode}: "
            f"{last_line(help_)}){hint}"
        )
    found = re.search(r"version (\S+)", version.stdout)
    return Program(found[1] if found else None, flags)


def parse(
    program: Program,
    asked: Invocation,
    done: ShellResult,
    opt_version: str,
    precision: str = "fp32",
) -> Timing:
    """The times in an answer.

    Args:
        program: that answered.
        asked: what it was asked.
        done: its answer.
        opt_version, precision: of the model, for a hint.

    Raises:
        DeviceError: the answer is worth nothing: an error, no times, or other settings than asked.
    """
    if done.returncode:
        how = f"signal {done.returncode - 128}" if done.returncode > 128 else "an error"
        hint = ""
        if precision == "fp16" and done.returncode in _FP16_CODES:
            hint = (
                f"; an fp16 file needs a {NAME} built with --with_arm82_fp16=ON and an ARMv8.2 core"
            )
        raise DeviceError(
            f"{NAME} ended with {how} (exit code {done.returncode}: {last_line(done)}){hint}"
        )
    if cut := _CUT.search(done.stdout + done.stderr):
        raise DeviceError(
            f"{asked.threads} threads were cut to {cut[1]} by power mode {asked.power_mode}; "
            "ask for fewer threads or for --power-mode none"
        )
    timing = (_parse_sections if program.prints_sections else _parse_line)(done.stdout)
    if timing is None:
        other = program.version and program.version.lstrip("v") != opt_version.lstrip("v")
        hint = f"; {NAME} is {program.version}, the model of opt {opt_version}" if other else ""
        raise DeviceError(f"{NAME} gave no result (exit code 0: {last_line(done)}){hint}")
    _check_echo(program, asked, done)
    times = (timing.mean, timing.min, timing.max)
    if not all(math.isfinite(time) and time > 0 for time in times):
        raise DeviceError(f"{NAME} gave no usable time (mean {timing.mean} ms)")
    return timing


def _parse_sections(text: str) -> Timing | None:
    # with --enable_memory_profile a second block has an "init" of its own, in MB
    section = text.partition("= Perf Info =")[2].partition("Memory Usage")[0]
    times = {name: _float(value) for name, value in _TIME.findall(section)}
    if not {"min", "max", "avg"} <= times.keys():
        return None
    return Timing(times["avg"], times["min"], times["max"], times.get("first"), times.get("init"))


def _parse_line(text: str) -> Timing | None:
    lines = _OLD_TIME.findall(text)
    if not lines:
        return None
    *ends, mean = map(_float, lines[-1])
    # 2.6 to 2.8 print them swapped
    return Timing(mean, min(ends), max(ends), None, None)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _check_echo(program: Program, asked: Invocation, done: ShellResult) -> None:
    """What the program says it did must be what it was asked; 2.6 to 2.8 say nothing."""
    # without the shell protocol (before Android 7) errors come with the output
    text = done.stdout + done.stderr
    wanted = asked.settings()
    if program.prints_sections:
        wanted |= {"optimized_model_file": asked.nb, "backend": _BACKENDS[asked.target]}
    else:
        del wanted["input_shape"]  # written in another way there
    for name, value in wanted.items():
        found = re.search(rf"(?:^|\] ){name}: (.*?)\s*$", text, re.MULTILINE)
        if not found and program.prints_sections:
            raise DeviceError(f"{NAME} does not say its {name}; it may not be the one asked for")
        if found and found[1] != value:
            raise DeviceError(f"{NAME} ran with {name} {found[1]}, not {value} as asked")


def last_line(done: ShellResult) -> str:
    """The line of a failed program that says most: the last that it printed itself.

    Args:
        done: what it ended with; the shell may have added a line.
    """
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    if len(lines) > 1 and _SHELL_SAYS.fullmatch(lines[-1].strip()):
        del lines[-1]
    return lines[-1].strip()[:200] if lines else "it printed nothing"


def memory_file() -> Path:
    """Where the program last used on each ABI is remembered."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "ppghost" / f"{NAME}.json"


def remember(abi: str, path: Path) -> None:
    """Use a program on devices of an ABI from now on, unless another is given.

    Args:
        abi: of the devices.
        path: of the program.

    Raises:
        InputError: the file of what is remembered cannot be read or written.
    """
    known = _remembered()
    if known.get(abi) != str(path.resolve()):
        write_json(memory_file(), {**known, abi: str(path.resolve())})


def choose(given: Mapping[str, Path], abi: str) -> Path:
    """The program for an ABI: given for it, given for any ("*"), else remembered.

    Args:
        given: programs by ABI.
        abi: of the device.

    Raises:
        InputError: none is known, or its file is not there.
    """
    path = given.get(abi) or given.get("*")
    if not path:
        remembered = _remembered().get(abi)
        if not remembered:
            raise InputError(
                f"no {NAME} is known for {abi}; give Paddle-Lite's with --benchmark-bin PATH "
                "(once: it is remembered)"
            )
        path = Path(remembered)
    if not path.is_file():
        raise InputError(f"{path}: no such {NAME}; give another with --benchmark-bin PATH")
    return path


def _remembered() -> dict[str, str]:
    file = memory_file()
    known = read_json(file) if file.exists() else {}
    if not isinstance(known, dict):
        raise InputError(f"{file}: not a table of {NAME} paths; delete it")
    return known
