"""Paddle-Lite's x86 runtime in one process for many files: `python lite_runner.py`.

The product starts a process for each file, which costs a second; tests of many tiny files, and
emulated phones, do not.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

#: so many models stay loaded
LOADED = 8


class Run(NamedTuple):
    """What a file computed of each of several inputs, and how long each run took, in ms."""

    outputs: list[list[np.ndarray]]
    times_ms: list[float]


class LiteRunner:
    """A worker that is started anew when a file ends it."""

    def __init__(self):
        self._process = None
        self._folder = tempfile.TemporaryDirectory()

    def __call__(self, nb, inputs):
        """The outputs of a file for each of several inputs by name; None if the runtime died."""
        done = self.run(nb, inputs)
        return done and done.outputs

    def run(self, nb, inputs, repeats=1):
        """Run a file for each of several inputs so often; None if the runtime died.

        Inputs are by name, or a list in their order.
        """
        source, target = (Path(self._folder.name) / name for name in ("in.npz", "out.npz"))
        arrays = {
            f"{i}/{name}": array
            for i, values in enumerate(inputs)
            for name, array in (values.items() if isinstance(values, dict) else enumerate(values))
        }
        np.savez(source, **arrays)
        self._start()
        request = {"nb": str(nb), "inputs": str(source), "outputs": str(target), "repeats": repeats}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, ValueError):
            self._process.wait()
            return None
        found = np.load(target)
        counts = answer["counts"]
        outputs = [[found[f"{i}/{j}"] for j in range(count)] for i, count in enumerate(counts)]
        return Run(outputs, answer["times_ms"])

    def _start(self):
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                # more would wait in loops for work that is not there
                env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            )

    def close(self):
        """End the worker."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
        self._folder.cleanup()


class Models:
    """Loaded models by the content of their files, the last few."""

    def __init__(self):
        self._loaded = {}

    def load(self, nb):
        from paddlelite import lite

        content = Path(nb).read_bytes()
        if content not in self._loaded:
            config = lite.MobileConfig()
            config.set_model_from_file(nb)
            if len(self._loaded) == LOADED:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[content] = lite.create_paddle_predictor(config)
        return self._loaded[content]


def set_inputs(predictor, values, number):
    for index, name in enumerate(predictor.get_input_names()):
        key = f"{number}/{name}" if f"{number}/{name}" in values else f"{number}/{index}"
        predictor.get_input_by_name(name).from_numpy(values[key])


def main():
    models = Models()
    for line in sys.stdin:
        request = json.loads(line)
        predictor = models.load(request["nb"])
        values = np.load(request["inputs"])
        outputs, counts, times_ms = {}, [], []
        for number in range(len({name.partition("/")[0] for name in values.files})):
            set_inputs(predictor, values, number)
            for _ in range(request["repeats"]):
                started = time.perf_counter()
                predictor.run()
                times_ms.append(1e3 * (time.perf_counter() - started))
            names = predictor.get_output_names()
            for index, name in enumerate(names):
                tensor = predictor.get_output_by_name(name)
                outputs[f"{number}/{index}"] = np.array(tensor.numpy())
            counts.append(len(names))
        np.savez(request["outputs"], **outputs)
        print(json.dumps({"counts": counts, "times_ms": times_ms}), flush=True)


if __name__ == "__main__":
    main()
