"""The times in an answer of `benchmark_bin`, and whether they are worth anything.

The exit code is 0 after many failures, so an answer counts only if it holds a time, and if the
settings that it echoes are those asked for.
"""

import math
import re
from typing import NamedTuple

from ppghost.deploy.devices.android.adb_client import ShellResult
from ppghost.deploy.devices.android.benchmark_bin import (
    BACKENDS,
    NAME,
    Invocation,
    Program,
    last_line,
)
from ppghost.errors import DeviceError
from ppghost.i18n import tr

_TIME = re.compile(r"^(init|first|min|max|avg)\s*=\s*(\S+)", re.MULTILINE)
_OLD_TIME = re.compile(r"min = (\S+)\s+max = (\S+)\s+average = (\S+)")
_CUT = re.compile(r"Request thread num: \d+, exceed the .* cores size: (\d+)")
#: exit codes (SIGILL, SIGABRT) of a program built without, or on a processor without, fp16
_FP16_CODES = (132, 134)


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


def parse_timing(
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
        raise _failure(done, precision)
    if cut := _CUT.search(done.stdout + done.stderr):
        raise DeviceError(
            "{threads} threads were cut to {cut} by power mode {power_mode}; ask for fewer "
            "threads or for --power-mode none",
            threads=asked.threads,
            cut=cut[1],
            power_mode=asked.power_mode,
        )
    timing = (_parse_sections if program.prints_sections else _parse_line)(done.stdout)
    if timing is None:
        other = program.version and program.version.lstrip("v") != opt_version.lstrip("v")
        hint = (
            tr("; {name} is {version}, the model of opt {opt_version}").format(
                name=NAME, version=program.version, opt_version=opt_version
            )
            if other
            else ""
        )
        raise DeviceError(
            "{name} gave no result (exit code 0: {last_line}){hint}",
            name=NAME,
            last_line=last_line(done),
            hint=hint,
        )
    _check_echo(program, asked, done)
    times = (timing.mean, timing.min, timing.max)
    if not all(math.isfinite(time) and time > 0 for time in times):
        raise DeviceError(
            "{name} gave no usable time (mean {mean} ms)", name=NAME, mean=timing.mean
        )
    return timing


def _failure(done: ShellResult, precision: str) -> DeviceError:
    """What an answer with an exit code says."""
    how = (
        tr("signal {returncode}").format(returncode=done.returncode - 128)
        if done.returncode > 128
        else tr("an error")
    )
    hint = ""
    if precision == "fp16" and done.returncode in _FP16_CODES:
        hint = tr(
            "; an fp16 file needs a {name} built with --with_arm82_fp16=ON and an ARMv8.2 core"
        ).format(name=NAME)
    return DeviceError(
        "{name} ended with {how} (exit code {returncode}: {last_line}){hint}",
        name=NAME,
        how=how,
        returncode=done.returncode,
        last_line=last_line(done),
        hint=hint,
    )


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
        wanted |= {"optimized_model_file": asked.nb, "backend": BACKENDS[asked.target]}
    else:
        del wanted["input_shape"]  # written in another way there
    for name, value in wanted.items():
        found = re.search(rf"(?:^|\] ){name}: (.*?)\s*$", text, re.MULTILINE)
        if not found and program.prints_sections:
            raise DeviceError(
                "{name} does not say its {name2}; it may not be the one asked for",
                name=NAME,
                name2=name,
            )
        if found and found[1] != value:
            raise DeviceError(
                "{name} ran with {name2} {found}, not {value} as asked",
                name=NAME,
                name2=name,
                found=found[1],
                value=value,
            )
