"""Paddle-Lite's `benchmark_bin`: what it can do, and how it is asked.

Two generations, told apart by the flags that `--help` lists: 2.10 and later print sections (read
in lite/api/tools/benchmark/benchmark.cc), 2.6 to 2.9 append a line to a file (lite/api/
benchmark.cc). What its answer is worth says `timing.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ppghost.deploy.devices.android.adb_client import ShellResult
from ppghost.deploy.devices.android.folder import FOLDER
from ppghost.errors import DeviceError
from ppghost.i18n import tr

NAME = "benchmark_bin"
#: where the older generation writes, relative to the folder it runs in
RESULT_FILE = "result.txt"
POWER_MODES = {"big": 0, "little": 1, "all": 2, "none": 3}
#: what `--backend` must be for a file made for a target; host kernels run everywhere
BACKENDS = {"arm": "arm", "opencl": "opencl,arm", "x86": "x86"}
#: why a program does not start that is built for the right ABI: the linker's and the shell's words
_OTHER_CAUSE = re.compile(
    r"CANNOT LINK|cannot locate|No such file|not found|inaccessible|Permission denied|can't execute"
)
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
            flags |= {"optimized_model_file": self.nb, "backend": BACKENDS[self.target]}
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
        hint = "" if _OTHER_CAUSE.search(text) else tr("; is it built for this device's ABI?")
        raise DeviceError(
            "{name} does not run or is not Paddle-Lite's (exit code {returncode}: "
            "{last_line}){hint}",
            name=NAME,
            returncode=help_.returncode,
            last_line=last_line(help_),
            hint=hint,
        )
    found = re.search(r"version (\S+)", version.stdout)
    return Program(found[1] if found else None, flags)


def last_line(done: ShellResult) -> str:
    """The line of a failed program that says most: the last that it printed itself.

    Args:
        done: what it ended with; the shell may have added a line.
    """
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    if len(lines) > 1 and _SHELL_SAYS.fullmatch(lines[-1].strip()):
        del lines[-1]
    return lines[-1].strip()[:200] if lines else tr("it printed nothing")
