"""Processes that do one task after another: what may end its process has one of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_BENCHMARKS = Path(__file__).resolve().parents[1]


class Worker:
    """A process of a module of this package; a task that ends it is answered with None."""

    def __init__(self, module: str) -> None:
        self._module, self._process = f"sweep.{module}", None

    def ask(self, **task: Any) -> Any:
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        try:
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())
        except (BrokenPipeError, ValueError):
            self._process.wait()
            return None

    def _start(self) -> "subprocess.Popen[str]":
        places = os.pathsep.join(map(str, (_BENCHMARKS.parent, _BENCHMARKS)))
        quiet = {"PYTHONPATH": places, "OMP_NUM_THREADS": "1", "GLOG_minloglevel": "2"}
        return subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **quiet},
        )

    def close(self) -> None:
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()


def serve(make: Callable[[], Callable[..., Any]]) -> None:
    """Answer each line of the input with one, by what `make` gives."""
    answers = os.fdopen(os.dup(1), "w")
    # what the libraries print is no answer
    os.dup2(2, 1)
    do = make()
    for line in sys.stdin:
        answers.write(json.dumps(do(**json.loads(line))) + "\n")
        answers.flush()
