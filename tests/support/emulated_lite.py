"""What the emulated phone's `benchmark_bin` does: it runs x86 `.nb` files on this host, really.

The program on the phone (emulated/benchmark_bin) hands its command line to this server, which has
one worker process for all models and campaigns, so that an invocation costs no start of Python.
Flags, output and mistakes are those of Paddle-Lite's own program, read in its source:
lite/api/tools/benchmark/benchmark.cc (2.10 and later), lite/api/benchmark.cc (2.6 to 2.9).
"""

import asyncio
import contextlib
import json
import re
import statistics
import time
from pathlib import Path

import numpy as np

from ppghost.deploy.nb.header import inspect_nb
from ppghost.errors import DeviceError, InputError
from support.lite_runner import LiteRunner, Run

NEW_FLAGS = {
    "optimized_model_file": "", "input_shape": "", "backend": "", "input_data_path": "",
    "show_output_elem": "false", "warmup": "0", "repeats": "1", "run_delay": "-1",
    "power_mode": "0", "threads": "1", "result_path": "", "cpu_precision": "fp32",
    "gpu_precision": "fp16", "uncombined_model_dir": "", "enable_memory_profile": "false",
}  # fmt: skip
OLD_FLAGS = {
    "optimized_model_path": "", "model_dir": "", "input_shape": "1,3,224,224", "warmup": "0",
    "repeats": "1", "power_mode": "3", "threads": "1", "show_output": "false",
}  # fmt: skip
ABORT = 134
#: between what the program and this server tell each other
SEPARATOR = "\x1f"


class Faults:
    """What shall go wrong: {name: value or {"times": n, "after": n}} in a file that tests write."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seen: dict[str, int] = {}

    def value(self, name: str):
        try:
            return json.loads(self.file.read_text()).get(name)
        except OSError:
            return None

    def take(self, name: str) -> bool:
        """Whether the fault strikes now; it is asked for once per occasion."""
        wanted = self.value(name)
        if not wanted:
            return False
        # a fault written anew counts anew
        key = f"{name} {json.dumps(wanted)}"
        self.seen[key] = self.seen.get(key, 0) + 1
        after, times = (wanted.get("after", 0), wanted.get("times", 1 << 30)) if isinstance(
            wanted, dict) else (0, 1 << 30)  # fmt: skip
        return after < self.seen[key] <= after + times


class BenchmarkBin:
    """The program of one phone."""

    def __init__(self, root: Path, faults: Faults) -> None:
        self.root, self.faults = root, faults
        self._runtime = LiteRunner()
        self.changes: list = []
        self.invocations = 0

    def run(self, version: str, cwd: str, argv: list[str]) -> dict:
        """{"stdout", "stderr", "code"} of an invocation; code None: it never ends."""
        new = _number(version) >= (2, 10)
        known = dict(NEW_FLAGS if new else OLD_FLAGS)
        if _number(version) >= (2, 13):
            known["output_data_path"] = ""
        if not new:
            known["result_path" if _number(version) >= (2, 9) else "result_filename"] = "result.txt"
        if argv == ["--version"]:
            name = f"benchmark_bin version {version}" if new else "benchmark_bin"
            return _end(name + "\n")
        if argv == ["--help"]:
            flags = "".join(f'    -{flag} (text) type: string default: ""\n' for flag in known)
            return _end(f"benchmark_bin: \n\n  Flags from benchmark.cc:\n{flags}", code=1)
        for word in argv:
            name, _, value = word.removeprefix("--").partition("=")
            if name not in known:
                return _end("", f"ERROR: unknown command line flag '{name}'\n", 1)
            known[name] = value or "true"
        self._change_phone()
        for fault in ("crash", "hang", "silent", "mismatch"):
            if self.faults.take(fault):
                return _fault(fault, known, version)
        try:
            return (self._new if new else self._old)(version, Path(cwd), known)
        except (DeviceError, InputError):
            # wrong target, damaged file, operator not supported
            return _end("", "terminating with uncaught exception: std::exception\n", ABORT)

    def _change_phone(self) -> None:
        """Fault "changes", [[nth run, file, value]]: the phone's state while the nth run runs."""
        changes = self.faults.value("changes") or []
        if changes != self.changes:
            self.changes, self.invocations = changes, 0
        self.invocations += 1
        for number, path, value in changes:
            if number == self.invocations:
                (self.root / path).write_text(f"{value}\n")

    def _new(self, version: str, cwd: Path, flags: dict) -> dict:
        if not (flags["optimized_model_file"] and flags["input_shape"] and flags["backend"]):
            return _end("usage", "\nMust set --backend option!\n")
        nb = cwd / flags["optimized_model_file"]
        if not nb.is_file():
            return _end("", f"Mode file[{nb}] not exist!\n", ABORT)
        run = self._run(nb, flags, cwd)
        [outputs] = run.outputs
        echoed = dict(flags)
        if self.faults.take("echo"):
            echoed["threads"] = str(max(1, int(echoed["threads"]) // 2))
        stderr = ""
        big = self.faults.value("big_cores")
        if big and flags["power_mode"] == "0" and int(flags["threads"]) > big:
            stderr = (
                f"[E device_info.cc] Request thread num: {flags['threads']}, exceed the big "
                f"cores size: {big}, truncate thread num to {big}\n"
            )
        # on a failure these are printed, and the exit code stays 0
        for path, value in zip(_split(flags.get("output_data_path")), outputs):  # noqa: B905
            (cwd / path).write_text(" ".join(f"{x:.6g}" for x in value.ravel()) + "\n")
        text = _report(version, echoed, run.times_ms, outputs)
        if self.faults.take("nan"):
            text = re.sub(r"(avg   = )\S+", r"\1nan", text)
        return _end(text, stderr)

    def _old(self, version: str, cwd: Path, flags: dict) -> dict:
        if not flags["optimized_model_path"]:
            return _end("", "[I benchmark.cc] Input error, the model path should not be empty.\n")
        nb = cwd / flags["optimized_model_path"]
        times = self._run(nb, flags, cwd).times_ms[int(flags["warmup"]) :]
        low, high = min(times), max(times)
        if _number(version) < (2, 9):
            low, high = high, low
        result = cwd / (flags.get("result_path") or flags["result_filename"])
        with result.open("a") as file:
            file.write(
                f"{nb.stem:<30}min = {low:<12.5f}max = {high:<12.5f}"
                f"average = {statistics.mean(times):<12.5f}\n"
            )
        log = ""
        if _number(version) >= (2, 9):
            for name in ("threads", "power_mode", "warmup", "repeats"):
                log += f"[I  1/ 1  0:00:00.000 benchmark.cc:270 Run] {name}: {flags[name]}\n"
        return _end(f"raw_input_shapes: {flags['input_shape']}\n", log)

    def _run(self, nb: Path, flags: dict, cwd: Path) -> Run:
        """Run a model as often as the flags say; raises DeviceError where it cannot be run."""
        if inspect_nb(nb).target not in ("x86", "host"):
            # an emulator that translates: the same model, made for x86
            if not (translated := self.faults.value("translates")):
                raise DeviceError("made for another target")
            nb = Path(translated)
        shapes = [[int(n) for n in shape.split(",")] for shape in flags["input_shape"].split(":")]
        # the real program sets them by their order, whatever their names
        arrays = [np.ones(shape, np.float32) for shape in shapes]
        for index, path in enumerate(_split(flags.get("input_data_path"))):
            text = (cwd / path).read_text()
            arrays[index] = np.array(text.split(), np.float32).reshape(shapes[index])
        count = int(flags["warmup"]) + int(flags["repeats"])
        told = self.faults.value("latency_ms")
        run = self._runtime.run(nb, [arrays], 1 if told else count)
        if run is None:
            raise DeviceError("the runtime died")
        if told:
            # a phone that takes as long as it is told, and none of this host's cores
            times = (told * np.random.default_rng().lognormal(0, 0.01, count)).tolist()
            time.sleep(sum(times) / 1e3)
            return Run(run.outputs, times)
        return run


def _report(version: str, flags: dict, times: list[float], outputs: list[np.ndarray]) -> str:
    """The sections that 2.10 and later print."""
    counted = times[int(flags["warmup"]) :]
    lines = [
        "", "======= Device Info =======", "Brand: emulated", "Device: emulated",
        "Model: emulated phone", "Android Version: 14", "Android API Level: 34",
        "", "======= Model Info =======",
        f"optimized_model_file: {flags['optimized_model_file']}",
        f"input_data_path: {flags['input_data_path'] or 'All 1.f'}",
        f"input_shape: {flags['input_shape']}", f"output tensor num: {len(outputs)}",
    ]  # fmt: skip
    for index, value in enumerate(outputs):
        lines += [
            f"--- output tensor {index} ---",
            f"output shape(NCHW): {' '.join(map(str, value.shape))}",
            f"output tensor {index} elem num: {value.size}",
            f"output tensor {index} mean value: {value.mean():.6g}",
            f"output tensor {index} standard deviation: {value.std():.6g}",
        ]
        if flags["show_output_elem"] == "true":
            lines += [f"out[{index}][{i}]:{x:.6g}" for i, x in enumerate(value.ravel())]
    lines += ["", "======= Runtime Info =======", f"benchmark_bin version: {version}"]
    lines += [f"{name}: {flags[name]}" for name in ("threads", "power_mode", "warmup", "repeats")]
    lines += [f"result_path: {flags['result_path']}", "", "======= Backend Info ======="]
    lines += [f"backend: {flags['backend']}", f"cpu precision: {flags['cpu_precision']}"]
    lines += ["", "======= Perf Info =======", "Time(unit: ms):"]
    for name, value in (
        ("init ", 2 * times[0]), ("first", times[0]), ("min  ", min(counted)),
        ("max  ", max(counted)), ("avg  ", statistics.mean(counted)),
    ):  # fmt: skip
        lines.append(f"{name} = {value:<12.3f}")
    return "\n".join(lines) + "\n\n"


def _fault(name: str, flags: dict, version: str) -> dict:
    if name == "crash":
        return _end("", "terminating with uncaught exception of type std::exception\n", ABORT)
    if name == "mismatch":
        return _end(
            "", f"[F model_parser.cc] Error: the model was optimized by another version of opt "
            f"than this library, {version}\n"
        )  # fmt: skip
    return _end("", code=None if name == "hang" else 0)


def _end(stdout: str, stderr: str = "", code: int | None = 0) -> dict:
    return {"stdout": stdout, "stderr": stderr, "code": code}


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _split(paths: str | None) -> list[str]:
    return paths.split(":") if paths else []


async def serve_benchmarks(root: Path, faults: Faults) -> asyncio.Server:
    """Serve the programs started on the phone, on the port in ROOT/lite."""
    program = BenchmarkBin(root, faults)
    turn = asyncio.Lock()

    async def invoked(reader, writer):
        version, cwd, *argv = (await reader.readline()).decode().rstrip("\n").split(SEPARATOR)
        async with turn:
            begun = time.monotonic()
            answer = await asyncio.get_running_loop().run_in_executor(
                None, lambda: program.run(version, cwd, argv)
            )
            with (root / "runs").open("a") as runs:
                print(begun, time.monotonic(), *argv, file=runs)
        # the program may have been killed meanwhile
        with contextlib.suppress(ConnectionError):
            if answer["code"] is not None:
                texts = (answer["stdout"], answer["stderr"], "")
                writer.write(f"{answer['code']}\n{SEPARATOR.join(texts)}".encode())
                await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(invoked, "127.0.0.1", 0)
    (root / "lite").write_text(f"{server.sockets[0].getsockname()[1]}\n")
    return server
