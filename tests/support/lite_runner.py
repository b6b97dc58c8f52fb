"""Paddle-Lite's x86 runtime in one process for many files: `python lite_runner.py`.

The product starts a process for each file, which costs a second; tests of many tiny files do not.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


class LiteRunner:
    """A worker that is started anew when a file ends it."""

    def __init__(self):
        self._process = None
        self._folder = tempfile.TemporaryDirectory()

    def __call__(self, nb, inputs):
        """The outputs of a file for each of several inputs; None if the runtime died."""
        source, target = (Path(self._folder.name) / name for name in ("in.npz", "out.npz"))
        np.savez(
            source, **{f"{i}/{k}": v for i, values in enumerate(inputs) for k, v in values.items()}
        )
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        request = {"nb": str(nb), "inputs": str(source), "outputs": str(target)}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            counts = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, ValueError):
            self._process.wait()
            return None
        found = np.load(target)
        return [[found[f"{i}/{j}"] for j in range(count)] for i, count in enumerate(counts)]

    def close(self):
        """End the worker."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
        self._folder.cleanup()


def main():
    from paddlelite import lite

    for line in sys.stdin:
        request = json.loads(line)
        config = lite.MobileConfig()
        config.set_model_from_file(request["nb"])
        predictor = lite.create_paddle_predictor(config)
        values = np.load(request["inputs"])
        outputs, counts = {}, []
        for number in range(len({name.partition("/")[0] for name in values.files})):
            for name in predictor.get_input_names():
                predictor.get_input_by_name(name).from_numpy(values[f"{number}/{name}"])
            predictor.run()
            names = predictor.get_output_names()
            for index, name in enumerate(names):
                tensor = predictor.get_output_by_name(name)
                outputs[f"{number}/{index}"] = np.array(tensor.numpy())
            counts.append(len(names))
        np.savez(request["outputs"], **outputs)
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
