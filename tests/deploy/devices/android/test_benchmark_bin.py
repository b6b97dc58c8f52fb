"""benchmark_bin's answers, of both generations, and what they are worth."""

from dataclasses import replace
from pathlib import Path

import pytest

from ppghost.deploy.devices.android import known_programs
from ppghost.deploy.devices.android.adb_client import ShellResult
from ppghost.deploy.devices.android.benchmark_bin import Invocation, Program, parse_probe
from ppghost.deploy.devices.android.timing import parse_timing
from ppghost.errors import DeviceError, InputError

NEW = Program("v2.13-rc", frozenset(("optimized_model_file", "output_data_path")))
OLD = Program(None, frozenset(("optimized_model_path", "result_path")))
ASKED = Invocation("m.nb", [[1, 3, 224, 224]], "arm", 2, "big", 1, 10)

# as 2.13 printed it under qemu, shortened
SECTIONS = """
======= Model Info =======
optimized_model_file: m.nb
input_data_path: All 1.f
input_shape: 1,3,224,224
output tensor num: 1

======= Runtime Info =======
benchmark_bin version: v2.13-rc
threads: 2
power_mode: 0
warmup: 1
repeats: 10
result_path: 

======= Backend Info =======
backend: arm
cpu precision: fp32

======= Perf Info =======
Time(unit: ms):
init  = 163.791     
first = 60.500      
min   = 20.250      
max   = 22.500      
avg   = 21.125      

Memory Usage(unit: MB):
init  = 3.500       
peak  = 9.000       

"""  # noqa: W291 - values are padded
LINE = "m                             min = 30.89100    max = 30.73600    average = 30.79750    \n"


def done(stdout="", stderr="", code=0):
    return ShellResult(code, stdout, stderr)


@pytest.mark.parametrize("code", [132, 134])
def test_a_program_or_core_without_fp16_is_the_likely_cause_of_its_end(code):
    for precision, said in (("fp16", True), ("fp32", False)):
        with pytest.raises(DeviceError, match=rf"exit code {code}") as caught:
            parse_timing(NEW, ASKED, done(code=code), "v2.13-rc", precision)
        assert ("built with --with_arm82_fp16=ON" in str(caught.value)) == said


def test_sections_are_read_and_memory_is_not_time():
    timing = parse_timing(NEW, ASKED, done(SECTIONS), "v2.13-rc")
    assert timing == (21.125, 20.25, 22.5, 60.5, 163.791)


def test_the_older_generations_line_is_read_whatever_the_order_of_its_ends():
    timing = parse_timing(OLD, ASKED, done("old line\n" + LINE), "v2.8")
    assert timing == (30.7975, 30.736, 30.891, None, None)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (done(code=134, stderr="x\nstd::exception\n"), r"signal 6 \(exit code 134: std::exception"),
        (done(code=1, stderr="unknown flag"), r"an error \(exit code 1: unknown flag\)"),
        (done(), r"gave no result \(exit code 0: it printed nothing\)"),
        (done(SECTIONS.partition("= Perf")[0]), "gave no result"),
        (done(SECTIONS.replace("threads: 2", "threads: 1")), "ran with threads 1, not 2 as asked"),
        (done(SECTIONS.replace("repeats: 10", "repeats: 1")), "ran with repeats 1, not 10"),
        (done(SECTIONS.replace("backend: arm", "backend: x86")), "ran with backend x86, not arm"),
        (done(SECTIONS.replace("warmup: 1\n", "")), "does not say its warmup"),
        (done(SECTIONS.replace("21.125", "nan   ")), r"no usable time \(mean nan ms\)"),
        (done(SECTIONS.replace("21.125", "-0.500")), "no usable time"),
        (
            done(SECTIONS, "Request thread num: 4, exceed the big cores size: 2, truncate thread"),
            "2 threads were cut to 2 by power mode big",
        ),
    ],
)
def test_an_answer_that_is_worth_nothing_is_refused(answer, message):
    with pytest.raises(DeviceError, match=message) as caught:
        parse_timing(NEW, ASKED, answer, "v2.13-rc")
    assert "\n" not in str(caught.value)


def test_no_result_names_the_versions_if_they_differ():
    with pytest.raises(DeviceError, match=r"is v2\.13-rc, the model of opt v2\.9"):
        parse_timing(NEW, ASKED, done(), "v2.9")
    with pytest.raises(DeviceError, match="it printed nothing") as caught:
        parse_timing(NEW, ASKED, done(), "2.13-rc")
    assert "of opt" not in str(caught.value)


def test_the_older_generations_echo_in_the_log_is_held_to_what_was_asked():
    log = "[I  1/ 1 benchmark.cc:270 Run] threads: 1\n"
    with pytest.raises(DeviceError, match="ran with threads 1, not 2"):
        parse_timing(OLD, ASKED, done(LINE, log), "v2.9")


def test_each_generation_gets_its_own_flags():
    assert ASKED.arguments(NEW) == [
        "./benchmark_bin", "--input_shape=1,3,224,224", "--threads=2", "--power_mode=0",
        "--warmup=1", "--repeats=10", "--optimized_model_file=m.nb", "--backend=arm",
    ]  # fmt: skip
    assert ASKED.arguments(OLD)[-2:] == ["--optimized_model_path=m.nb", "--result_path=result.txt"]
    eight = Program(None, frozenset(("optimized_model_path", "result_filename")))
    assert ASKED.arguments(eight)[-1] == "--result_filename=result.txt"


def test_compiled_kernels_of_a_gpu_stay_in_our_folder():
    arguments = replace(ASKED, target="opencl").arguments(NEW)
    assert "--backend=opencl,arm" in arguments
    assert "--opencl_cache_dir=/data/local/tmp/ppghost" in arguments
    assert "--opencl_kernel_cache_file=m.nb.kernels" in arguments


def test_what_is_no_benchmark_bin_is_refused():
    with pytest.raises(DeviceError, match=r"not Paddle-Lite's \(exit code 126: .*Exec format"):
        parse_probe(done(code=126, stderr="Exec format error"), done())


def test_the_program_is_remembered_by_abi(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    arm, x86 = tmp_path / "arm", tmp_path / "x86"
    arm.touch()
    x86.touch()
    with pytest.raises(InputError, match=r"no benchmark_bin is known for arm64-v8a; .*--bench"):
        known_programs.choose({}, "arm64-v8a")
    known_programs.remember("arm64-v8a", arm)
    known_programs.remember("x86_64", x86)
    assert known_programs.choose({}, "arm64-v8a") == arm
    assert known_programs.choose({}, "x86_64") == x86
    assert known_programs.choose({"*": x86}, "arm64-v8a") == x86
    assert known_programs.choose({"*": x86, "arm64-v8a": arm}, "arm64-v8a") == arm
    arm.unlink()
    with pytest.raises(InputError, match="arm: no such benchmark_bin"):
        known_programs.choose({}, "arm64-v8a")
    known_programs.memory_file().write_text("[]")
    with pytest.raises(InputError, match="not a table of benchmark_bin paths; delete it"):
        known_programs.choose({}, "x86_64")
    assert Path(known_programs.memory_file()).parent == tmp_path / "ppghost"
