"""The process in which one x86 `.nb` runs: `python -m ppghost.deploy.devices.host.worker`.

It answers one JSON line per request line, and ends at the end of its input, so it cannot outlive
its caller for long. The runtime aborts the whole interpreter on a bad file: that is why it has a
process to itself. Requests:

    {"do": "load", "nb", "inputs": [{"name", "shape", "dtype"}], "seed": int} or with "npz": path
        -> {"os_threads": n}; runs once and, for seeded inputs or with "check_finite": true, refuses
        outputs that are not finite
    {"do": "run", "npz": path}       -> {}; runs once on other inputs
    {"do": "measure", "repeats": n}  -> {"samples_ms": [...], "waited_ms": [...]}
    {"do": "outputs", "npz": path}   -> {"outputs": [name, ...]}, values in that file
An expected failure is answered with {"error": one line}.
"""

import json
import os
import sys
import time
from typing import Any

import numpy as np

from ppghost.deploy.nb.reference import check_inputs
from ppghost.i18n import Message, message_of, packed, tr


class Model:
    """A loaded `.nb` with its inputs set."""

    def __init__(self, request: dict[str, Any]) -> None:
        """Load the model, set its inputs and run it once.

        Args:
            request: the one that asks to load it.

        Raises:
            ValueError: its inputs are others, or its outputs are not finite.
        """
        from paddlelite import lite

        config = lite.MobileConfig()
        config.set_model_from_file(request["nb"])
        self.predictor = lite.create_paddle_predictor(config)
        self._schedstat = _open_schedstat()
        self._bool = lite.PrecisionType.BOOL
        self._types = {
            lite.PrecisionType.FP32: "float32",
            lite.PrecisionType.INT32: "int32",
            lite.PrecisionType.INT64: "int64",
        }
        self.run(_load_inputs(request))
        if request.get("check_finite", "npz" not in request):
            self._check_finite()

    def run(self, inputs: dict[str, np.ndarray]) -> None:
        """Run it once.

        Args:
            inputs: by name.

        Raises:
            ValueError: its inputs are others.
        """
        names = self.predictor.get_input_names()
        if list(inputs) == [f"#{index}" for index in range(len(names))]:
            # of a file that nobody described
            inputs = dict(zip(names, inputs.values(), strict=True))
        if sorted(names) != sorted(inputs):
            raise ValueError(
                tr("the model's inputs are {names}, not {inputs}").format(
                    names=names, inputs=sorted(inputs)
                )
            )
        for name, value in inputs.items():
            tensor = self.predictor.get_input_by_name(name)
            wanted = self._types.get(tensor.precision())
            if wanted != value.dtype:
                raise ValueError(
                    tr("input {name!r} is {wanted}, not {dtype}").format(
                        name=name, wanted=wanted or tr("of another type"), dtype=str(value.dtype)
                    )
                )
            tensor.from_numpy(value)
        self.predictor.run()

    def _check_finite(self) -> None:
        for name, value in self.outputs().items():
            if not np.isfinite(value).all():
                raise ValueError(tr("output {name!r} holds NaN or infinity").format(name=name))

    def measure(self, repeats: int) -> dict[str, list[float]]:
        """Time inferences one by one.

        While other processes have the core, an inference stands still for whole slices of the
        scheduler. The kernel counts that waiting; it is no time of the model.

        Args:
            repeats: how many.

        Returns:
            "samples_ms", what each took on a core, and "waited_ms", what it waited for one besides.
        """
        run, samples, waited = self.predictor.run, [], []
        start, before = self._instant()
        for _ in range(repeats):
            run()
            end, after = self._instant()
            waited.append((after - before) / 1e6)
            samples.append((end - start) * 1e3 - waited[-1])
            start, before = end, after
        return {"samples_ms": samples, "waited_ms": waited}

    def _instant(self) -> tuple[float, int]:
        """The time in seconds, and how long this thread has waited up to then in nanoseconds.

        Both of one moment: a wait between the two readings would be part of one of them only.
        """
        waited = self._waited_ns()
        while True:
            now, again = time.perf_counter(), self._waited_ns()
            if again == waited:
                return now, waited
            waited = again

    def _waited_ns(self) -> int:
        """How long this thread has stood ready to run without a core; 0 where nobody counts."""
        if self._schedstat is None:
            return 0
        return int(os.pread(self._schedstat, 64, 0).split()[1])

    def outputs(self) -> dict[str, np.ndarray]:
        """Outputs of the last run by name."""
        tensors = map(self.predictor.get_output_by_name, self.predictor.get_output_names())
        return dict(zip(self.predictor.get_output_names(), map(self._array, tensors), strict=True))

    def _array(self, tensor: Any) -> np.ndarray:
        if tensor.precision() == self._bool:
            # numpy() of such a tensor is True wherever one looks (paddlelite 2.13rc0)
            return np.array(tensor.uint8_data(), bool).reshape(tensor.shape())
        return np.array(tensor.numpy())


def _load_inputs(request: dict[str, Any]) -> dict[str, np.ndarray]:
    if "npz" not in request:
        return check_inputs(request["inputs"], {"kind": "noise", "seed": request["seed"]})
    with np.load(request["npz"], allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _open_schedstat() -> int | None:
    """The kernel's account of this thread (Documentation/scheduler/sched-stats.rst)."""
    try:
        return os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    except OSError:
        return None


def _os_threads() -> int:
    """Threads this process really has now."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))


def _first_line(error: Exception) -> Any:
    """What is wrong; the runtime says more in further lines."""
    text = message_of(error)
    return packed(text if isinstance(text, Message) else text.splitlines()[0])


def main() -> int:
    """Serve requests from standard input until it ends."""
    # the runtime prints to standard output as it likes: the answers get a descriptor of their own
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    model: Model | None = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any]
        try:
            if request["do"] == "load" or model is None:
                model = Model(request)
                answer = {"os_threads": _os_threads()}
            elif request["do"] == "run":
                model.run(_load_inputs(request))
                answer = {}
            elif request["do"] == "measure":
                answer = dict(model.measure(request["repeats"]))
            else:
                outputs = model.outputs()
                np.savez(request["npz"], **outputs)
                answer = {"outputs": list(outputs)}
        except (ValueError, OSError) as error:
            answer = {"error": _first_line(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
