"""One x86 model in a worker process of its own, run by the paddlelite runtime.

A worker that crashes, aborts or hangs never takes its caller along: it becomes a DeviceError of
one line that names the model. Paddle is never imported here: it and paddlelite must not share a
process.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

import ppghost
from ppghost.deploy.nb.compatibility import check_runs_on_x86
from ppghost.deploy.nb.sidecar import read_inputs
from ppghost.errors import DeviceError, InputError
from ppghost.formats.program_desc import InputSpec, input_dtype
from ppghost.i18n import tr, unpacked

if TYPE_CHECKING:
    import numpy as np

LOAD_TIMEOUT_S = 60.0
#: how long one request of many inferences may take before the worker counts as hung
RUN_TIMEOUT_S = 120.0


class Times(NamedTuple):
    """Inferences one by one, in ms: what each took on a core, what it waited for one besides."""

    samples_ms: list[float]
    waited_ms: list[float]


class HostSession:
    """One loaded model in a worker process; a context manager that kills the worker.

    Attributes:
        boxes: how many a detector found in its input; None if that is not counted.
    """

    boxes: int | None = None

    def __init__(self, nb: Path, request: dict[str, Any], threads: int, name: str) -> None:
        """Start a worker and load a model in it.

        Args:
            nb: the file.
            request: what the inputs are: {"inputs", "seed"} or {"npz"}.
            threads: of the runtime's libraries.
            name: what errors call the model.

        Raises:
            InputError: `nb` is not an x86 file, or `threads` is not positive.
            DeviceError: the runtime cannot run it.
        """
        check_runs_on_x86(nb)
        if threads < 1:
            raise InputError("threads must be 1 or more, not {threads}", threads=threads)
        self.name = name
        # what a native library prints when it dies is the only reason we get
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._pending = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ppghost.deploy.devices.host.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            # no buffer that closing would try to flush into a dead worker
            bufsize=0,
            # where the worker's module is found, whatever lies in the caller's folder
            cwd=Path(ppghost.__file__).parents[1],
            env=_worker_environment(threads),
            # Ctrl-C reaches us alone; we then end the worker
            start_new_session=True,
        )
        self._requests = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        try:
            answer = self._ask({"do": "load", "nb": str(nb.resolve()), **request}, LOAD_TIMEOUT_S)
        except BaseException:
            self.close()
            raise
        self.os_threads: int = answer["os_threads"]

    def measure(self, repeats: int) -> Times:
        """Time inferences one by one.

        Args:
            repeats: how many.

        Raises:
            DeviceError: the worker died, or did not answer.
        """
        return Times(**self._ask({"do": "measure", "repeats": repeats}, RUN_TIMEOUT_S))

    def run(self, inputs: Mapping[str, "np.ndarray"]) -> dict[str, "np.ndarray"]:
        """Run it once on other inputs.

        Args:
            inputs: arrays by name.

        Returns:
            The outputs by name, which may hold NaN.

        Raises:
            DeviceError: the worker died, did not answer, or the inputs are of another form.
        """
        with saved_arrays(inputs) as path:
            self._ask({"do": "run", "npz": path}, RUN_TIMEOUT_S)
        return self.outputs()

    def outputs(self) -> dict[str, "np.ndarray"]:
        """The outputs of the last inference by name.

        Raises:
            DeviceError: the worker died, or did not answer.
        """
        import numpy as np

        with tempfile.TemporaryDirectory(prefix="ppghost-host-") as folder:
            path = Path(folder) / "outputs.npz"
            names = self._ask({"do": "outputs", "npz": str(path)}, RUN_TIMEOUT_S)["outputs"]
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in names}

    def close(self) -> None:
        """End the worker now, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._answers, self._stderr):
            pipe.close()

    def __enter__(self) -> "HostSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError as error:
            raise self._died() from error
        answer = json.loads(self._read_line(timeout))
        if "error" in answer:
            raise DeviceError(
                "{name}: {error}; convert the model again",
                name=self.name,
                error=unpacked(answer["error"]),
            )
        return answer

    def _read_line(self, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        descriptor = self._answers.fileno()
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise DeviceError(
                    "{name}: no answer from the Paddle-Lite runtime in {timeout:.0f} s; is "
                    "the machine overloaded?",
                    name=self.name,
                    timeout=timeout,
                )
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise self._died()
            self._pending += chunk
        line, self._pending = self._pending.split(b"\n", 1)
        return line

    def _died(self) -> DeviceError:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = None
        self._stderr.seek(0)
        lines = self._stderr.read().decode("utf-8", "replace").strip().splitlines()
        how = (
            tr("signal {code}").format(code=-code)
            if code is not None and code < 0
            else tr("exit code {code}").format(code=code)
        )
        reason = f": {lines[-1].strip()[:200]}" if lines else ""
        return DeviceError(
            "{name}: the Paddle-Lite runtime died ({how}){reason}",
            name=self.name,
            how=how,
            reason=reason,
        )


def run_once(
    nb: Path, inputs: Mapping[str, "np.ndarray"], *, threads: int = 1
) -> dict[str, "np.ndarray"]:
    """Run a model once, in a worker of its own.

    Args:
        nb: an x86 file.
        inputs: arrays by name.
        threads: of the runtime's libraries.

    Returns:
        The outputs by name, which may hold NaN.

    Raises:
        InputError: `nb` is not an x86 file, or an input is not what its sidecar (if it has one)
            declares.
        DeviceError: it cannot be run.
    """
    [outputs] = run_all(nb, [inputs], threads=threads)
    return outputs


def run_all(
    nb: Path, inputs: Sequence[Mapping[str, "np.ndarray"]], *, threads: int = 1
) -> list[dict[str, "np.ndarray"]]:
    """As `run_once`, for several inputs, one after the other in one worker."""
    declared = read_inputs(nb) or {}
    for name, value in (item for each in inputs for item in each.items()):
        if name in declared:
            _check_input(nb, declared[name], value)
    with (
        saved_arrays(inputs[0]) as path,
        HostSession(nb, {"npz": path}, threads, nb.name) as session,
    ):
        return [session.outputs(), *map(session.run, inputs[1:])]


def _check_input(nb: Path, declared: InputSpec, value: "np.ndarray") -> None:
    name, dtype = declared["name"], input_dtype(declared)
    if value.dtype != dtype:
        raise InputError(
            "{nb}: input {name!r} must be {dtype}, not {value_dtype}",
            nb=nb,
            name=name,
            dtype=dtype,
            value_dtype=value.dtype,
        )
    if list(value.shape) != declared["shape"]:
        raise InputError(
            "{nb}: input {name!r} must have shape {shape}, not {value_shape}",
            nb=nb,
            name=name,
            shape=declared["shape"],
            value_shape=list(value.shape),
        )


@contextlib.contextmanager
def saved_arrays(arrays: Mapping[str, "np.ndarray"]) -> Iterator[str]:
    """A file of arrays for a worker, as long as the block lasts."""
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="ppghost-host-") as folder:
        path = Path(folder) / "inputs.npz"
        np.savez(path, **arrays)
        yield str(path)


def _worker_environment(threads: int) -> dict[str, str]:
    """The environment that gives the runtime's OpenMP and MKL `threads` threads.

    paddlelite 2.13rc0 has no `set_threads` in its Python MobileConfig, and without these
    variables every core spins in OpenMP's waiting loop for no gain.
    """
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        # idle threads sleep at once; they would take the core of the next model of a round
        "KMP_BLOCKTIME": "0",
    }
